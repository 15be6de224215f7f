/**
 * Which addresses are somebody's already, whatever pool they lie in: the nodes' own, their routers', the pods', the
 * ClusterIPs, and those that foreign hosts on the LAN answer for. A pool that contains some is in order; they are skipped.
 *
 * An address that a speaker finds on an interface counts as its node's, also where it is a VIP that keepalived holds
 * there. Whether a Service holds an excluded address is not asked here: whoever does, keeps it.
 */
import type { NodeAddresses, ServiceCidrView } from '../../model/cluster.ts';
import type { LanConflict } from '../../model/conflict.ts';
import type { Exclusion, ExclusionReason } from '../../model/exclusion.ts';
import type { Ip } from '../../model/ip.ts';
import { type AddressRange, formatRange, rangeWithin, singleAddress } from '../../model/range.ts';
import { compareText } from '../../model/text-order.ts';

export interface ExclusionFacts {
  readonly nodes: readonly NodeAddresses[];
  readonly speakers: readonly SpeakerAddresses[];
  readonly serviceCidrs: readonly ServiceCidrView[];
  /** From the controller's flags. */
  readonly serviceNetworks: readonly AddressRange[];
  readonly podNetworks: readonly AddressRange[];
}

/** What a speaker tells of its node in its Lease. */
export interface SpeakerAddresses {
  readonly nodeName: string;
  /** On the interfaces that can be announced on. */
  readonly addresses: readonly Ip[];
  readonly gateways: readonly Ip[];
  /** Addresses that foreign hosts hold. */
  readonly conflicts: readonly LanConflict[];
}

/** A detail names so many owners; a router can be that of five hundred nodes. */
const NAMED_OWNERS = 5;

interface Claim {
  readonly range: AddressRange;
  readonly reason: ExclusionReason;
  /** "node" of "nodes master, node1"; with no name, the whole detail. */
  readonly what: string;
  readonly name: string;
}

/** In the order of the addresses, IPv4 first; ranges may lie in each other, and one may be there for several reasons. */
export function exclusionsOf(facts: ExclusionFacts): readonly Exclusion[] {
  const claims = new Map<string, Claim[]>();
  for (const claim of claimsOf(facts)) {
    const key = `${claim.reason} ${formatRange(claim.range)}`;
    const same = claims.get(key);
    if (same === undefined) claims.set(key, [claim]);
    else same.push(claim);
  }
  return Array.from(claims.values(), joined).sort(compareExclusions);
}

function claimsOf(facts: ExclusionFacts): Claim[] {
  const { nodes, speakers, serviceCidrs, serviceNetworks, podNetworks } = facts;
  const ofNode = (reason: ExclusionReason, range: AddressRange, name: string): Claim => {
    return { range, reason, what: 'node', name };
  };
  // The configured pod networks hold the nodes' parts of them: one line says it for all.
  const isConfigured = (range: AddressRange): boolean => podNetworks.some((network) => rangeWithin(range, network));
  return [
    ...nodes.flatMap(({ name, addresses, podNetworks: parts }) => [
      ...addresses.map((ip) => ofNode('NodeAddress', singleAddress(ip), name)),
      ...parts.filter((range) => !isConfigured(range)).map((range) => ofNode('PodNetwork', range, name)),
    ]),
    ...speakers.flatMap(({ nodeName, addresses, gateways, conflicts }) => [
      ...addresses.map((ip) => ofNode('NodeAddress', singleAddress(ip), nodeName)),
      ...gateways.map((ip) => ofNode('Gateway', singleAddress(ip), nodeName)),
      ...conflicts.map(({ ip, mac }): Claim => {
        const what = `host ${mac}, seen by node`;
        return { range: singleAddress(ip), reason: 'InUseOnLan', what, name: nodeName };
      }),
    ]),
    ...serviceCidrs.flatMap(({ name, networks }) =>
      networks.map((range): Claim => ({ range, reason: 'ServiceNetwork', what: 'ServiceCIDR', name })),
    ),
    ...serviceNetworks.map(
      (range): Claim => ({ range, reason: 'ServiceNetwork', what: '--service-networks', name: '' }),
    ),
    ...podNetworks.map((range): Claim => ({ range, reason: 'PodNetwork', what: '--pod-networks', name: '' })),
  ];
}

function joined(claims: readonly Claim[]): Exclusion {
  const [first] = claims;
  if (first === undefined) throw new Error('a claim without claimants');
  const whats = Array.from(new Set(claims.map(({ what }) => what))).sort(compareText);
  const details = whats.map((what) => {
    const names = claims.filter((claim) => claim.what === what && claim.name !== '').map(({ name }) => name);
    return nameOwners(what, Array.from(new Set(names)).sort(compareText));
  });
  return { range: first.range, reason: first.reason, detail: details.join('; ') };
}

/** "node master", "nodes master, node1", "nodes a, b, c, d, e and 495 more". */
function nameOwners(what: string, names: readonly string[]): string {
  if (names.length === 0) return what;
  if (names.length === 1) return `${what} ${names[0]}`;
  const rest = names.length - NAMED_OWNERS;
  const named = names.slice(0, NAMED_OWNERS).join(', ');
  return `${what}s ${named}${rest > 0 ? ` and ${rest} more` : ''}`;
}

function compareExclusions(a: Exclusion, b: Exclusion): number {
  return (
    compareText(a.range.family, b.range.family) ||
    compareNumbers(a.range.first, b.range.first) ||
    compareNumbers(a.range.last, b.range.last) ||
    compareText(a.reason, b.reason)
  );
}

function compareNumbers(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
