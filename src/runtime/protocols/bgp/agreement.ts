/**
 * What two OPENs come to: this side's, made from the options; whether the peer's is acceptable; and what both agree on.
 *
 * Implements: RFC 4271 §4.2, §6.2, RFC 5492 §3, RFC 4760 §8, RFC 6793 §4.1, RFC 6286 §2.2, RFC 8654 §3, RFC 7313 §3.1,
 * RFC 4724 §3, §4.1, RFC 8538 §2, RFC 8950 §4
 */
import type { Ip } from '../../model/ip.ts';
import type { AsnBytes } from './codec/as-path.ts';
import type { UpdateContext } from './codec/attribute-rules.ts';
import type { Capability } from './codec/capabilities.ts';
import { type Family, formatFamily, IPV4_UNICAST, isSameFamily } from './codec/family.ts';
import { type MessageFault, NO_DATA } from './codec/fault.ts';
import { allowsNextHop, has, type Open, openAsn, openFamilies, openGracefulRestart, twoOctetAs } from './codec/open.ts';
import { AFI_IPV6, ERROR_OPEN_MESSAGE, OPEN_BAD_BGP_IDENTIFIER, OPEN_BAD_PEER_AS } from './iana.ts';
import type { BgpSessionOptions } from './interface.ts';

export interface Agreement extends UpdateContext {
  readonly asnBytes: AsnBytes;
  readonly remoteAsn: number;
  readonly remoteIdentifier: Ip;
  /** The smaller of both; 0: no keepalives, and no hold timer. */
  readonly holdTimeSeconds: number;
  /** That both speak, in this side's order. */
  readonly families: readonly Family[];
  readonly extendedMessages: boolean;
  /** enhanced: what is sent again is marked where it begins and ends. */
  readonly routeRefresh: 'none' | 'plain' | 'enhanced';
  /** The peer keeps this side's routes when the connection is lost; notification: also when it ends by a NOTIFICATION. */
  readonly gracefulRestart: 'none' | 'plain' | 'notification';
}

/** `isRestarting`: no session with the peer has been established since this process began. */
export function ownOpen(options: BgpSessionOptions, { isRestarting }: { readonly isRestarting: boolean }): Open {
  const { localAsn, holdTimeSeconds, identifier, families, transport, restartTimeSeconds } = options;
  const capabilities: Capability[] = families.map((family) => ({ kind: 'multiprotocol', family }));
  capabilities.push({ kind: 'route-refresh' }, { kind: 'enhanced-route-refresh' });
  if (transport === 'ipv6' && families.some((family) => isSameFamily(family, IPV4_UNICAST))) {
    capabilities.push({ kind: 'extended-next-hop', rows: [{ family: IPV4_UNICAST, nextHopAfi: AFI_IPV6 }] });
  }
  capabilities.push({ kind: 'extended-message' }, { kind: 'four-octet-as', asn: localAsn });
  if (restartTimeSeconds !== undefined) {
    capabilities.push({
      kind: 'graceful-restart',
      restarting: isRestarting,
      notification: true,
      restartTimeSeconds,
      // What carries the traffic (kube-proxy or the like) does not stop when this process does.
      families: families.map((family) => ({ family, forwardingPreserved: true })),
    });
  }
  return { myAs: twoOctetAs(localAsn), holdTimeSeconds, identifier, capabilities };
}

/** What is wrong with the peer's OPEN, of which the codec could not know; undefined: nothing. */
export function openFault(open: Open, options: BgpSessionOptions): MessageFault | undefined {
  const { localAsn, peerAsn, identifier } = options;
  const asn = openAsn(open);
  const wanted = peerAsn === 'internal' ? localAsn : peerAsn;
  const isWanted = wanted === 'external' ? asn !== localAsn : asn === wanted;
  if (!isWanted) {
    const meant = wanted === 'external' ? `any other than ${localAsn}` : `${wanted}`;
    return badOpen(OPEN_BAD_PEER_AS, `the router is of AS ${asn}, ${meant} is configured`);
  }
  // RFC 6286 §2.2: within an AS nobody else has ours.
  if (asn === localAsn && open.identifier === identifier) {
    const reason = `the router has the BGP identifier ${identifier}, which is this node's own`;
    return badOpen(OPEN_BAD_BGP_IDENTIFIER, reason);
  }
  return undefined;
}

function badOpen(subcode: number, reason: string): MessageFault {
  return { code: ERROR_OPEN_MESSAGE, subcode, data: NO_DATA, reason };
}

export function agree(own: Open, open: Open, options: BgpSessionOptions): Agreement {
  const remoteAsn = openAsn(open);
  const spoken = openFamilies(open);
  const restart = openGracefulRestart(open);
  const isNextHopFree = allowsNextHop(own, IPV4_UNICAST, AFI_IPV6) && allowsNextHop(open, IPV4_UNICAST, AFI_IPV6);
  const refreshes = has(open, 'route-refresh');
  return {
    asnBytes: has(open, 'four-octet-as') ? 4 : 2,
    peerKind: remoteAsn === options.localAsn ? 'internal' : 'external',
    ipv4NextHops: isNextHopFree ? 'ipv4-and-ipv6' : 'ipv4',
    remoteAsn,
    remoteIdentifier: open.identifier,
    holdTimeSeconds: Math.min(own.holdTimeSeconds, open.holdTimeSeconds),
    families: options.families.filter((family) => spoken.some((other) => isSameFamily(family, other))),
    extendedMessages: has(open, 'extended-message'),
    routeRefresh: has(open, 'enhanced-route-refresh') ? 'enhanced' : refreshes ? 'plain' : 'none',
    gracefulRestart: restartKind(options, restart),
  };
}

/** The families that a peer lists are those it keeps itself over its own restart: one that lists none keeps ours all the same. */
function restartKind(
  { restartTimeSeconds }: BgpSessionOptions,
  restart: ReturnType<typeof openGracefulRestart>,
): Agreement['gracefulRestart'] {
  if (restartTimeSeconds === undefined || restart === undefined) return 'none';
  return restart.notification ? 'notification' : 'plain';
}

/** The peer's capabilities in words, for people: "ipv4 unicast", "route refresh", "graceful restart (120 s)". */
export function describeCapabilities(open: Open): readonly string[] {
  return open.capabilities.map(describeCapability);
}

function describeCapability(capability: Capability): string {
  switch (capability.kind) {
    case 'multiprotocol':
      return formatFamily(capability.family);
    case 'graceful-restart':
      return `graceful restart (${capability.restartTimeSeconds} s)`;
    case 'four-octet-as':
      return '4-octet AS numbers';
    case 'other':
      return `capability ${capability.code}`;
    case 'route-refresh':
    case 'extended-next-hop':
    case 'extended-message':
    case 'enhanced-route-refresh':
      return capability.kind.replaceAll('-', ' ');
  }
}
