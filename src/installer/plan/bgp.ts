/**
 * The BGP part of a plan: peers, BFD profiles, communities, and what is announced of a pool. Bounds are those of the
 * custom resources (BGPPeer v1beta2, BGPAdvertisement, BFDProfile).
 */
import { type Ip, ipFamily } from '../../runtime/model/ip.ts';
import type { Located } from '../inventory/located.ts';
import type { PlannedBfdProfile, PlannedBgp, PlannedPeer, PlannedPool } from './addon-plan.ts';
import { readCommunityValue, readIp, readLabelSelector, readObjectName, readSeconds } from './domain-readers.ts';
import { didYouMean } from './nearest-name.ts';
import { type Fields, type Reader, type Report, readFields, readInteger, readList, readYesNo } from './readers.ts';

const PEER_FIELDS = [
  'name',
  'my_asn',
  'peer_asn',
  'peer_address',
  'peer_port',
  'hold_time',
  'source_address',
  'router_id',
  'password_secret',
  'ebgp_multihop',
  'bfd_profile',
  'node_selectors',
];
const MAX_ASN = 4_294_967_295;
const readAsn = readInteger(1, MAX_ASN);

export function readBgp(variables: Fields, report: Report): PlannedBgp {
  const myAsn = variables.get('metallb_bgp_my_asn', readAsn);
  const bfdProfiles = variables.get('metallb_bfd_profiles', readList(readBfdProfile)) ?? [];
  const peers = variables.get('metallb_peers', readList(peerReader(myAsn))) ?? [];
  const communities = variables.get('metallb_communities', readList(readCommunity)) ?? [];
  reportRepeated('peer', peers, report);
  reportRepeated('BFD profile', bfdProfiles, report);
  reportRepeated('community', communities, report);
  const profileNames = bfdProfiles.map(({ name }) => name);
  for (const peer of peers) {
    if (peer.bfdProfile !== undefined && !profileNames.includes(peer.bfdProfile)) {
      const meant = didYouMean(peer.bfdProfile, profileNames);
      report(
        peer.at,
        `the peer "${peer.name}" names the BFD profile "${peer.bfdProfile}", which metallb_bfd_profiles does not have${meant}`,
      );
    }
  }
  const localPref = variables.get('metallb_local_pref', readInteger(0, MAX_ASN));
  return {
    peers,
    bfdProfiles: bfdProfiles.map(({ at: _, ...profile }) => profile),
    communities: communities.map(({ name, value }) => ({ name, value })),
    aggregationLength: variables.get('metallb_aggregation_length', readInteger(1, 32)) ?? 32,
    aggregationLengthV6: variables.get('metallb_aggregation_length_v6', readInteger(1, 128)) ?? 128,
    ...(localPref === undefined ? {} : { localPref }),
  };
}

/** Names in pools that no peer or community has: MetalLB would silently announce to nobody. */
export function reportUnknownReferences(pools: readonly PlannedPool[], bgp: PlannedBgp, report: Report): void {
  const peers = bgp.peers.map(({ name }) => name);
  const communities = bgp.communities.map(({ name }) => name);
  for (const pool of pools) {
    for (const peer of pool.peers.filter((name) => !peers.includes(name))) {
      report(
        pool.at,
        `the pool "${pool.name}" names the peer "${peer}", which metallb_peers does not have${didYouMean(peer, peers)}`,
      );
    }
    for (const community of pool.communities.filter((name) => !communities.includes(name) && !name.includes(':'))) {
      const meant = didYouMean(community, communities);
      report(
        pool.at,
        `the pool "${pool.name}" names the community "${community}", which metallb_communities does not have${meant}`,
      );
    }
  }
}

function peerReader(defaultMyAsn: number | undefined): Reader<PlannedPeer> {
  return (value, what, report) => {
    const fields = readFields(value, what, PEER_FIELDS, report);
    if (fields === undefined) return undefined;
    const name = fields.need('name', readObjectName);
    const myAsn = fields.get('my_asn', readAsn) ?? defaultMyAsn;
    const peerAsn = fields.need('peer_asn', readAsn);
    const peerAddress = fields.need('peer_address', readIp);
    const optional = readOptionalPeerFields(fields, report, what);
    const isMyAsnFaulty = isPresent(value, 'my_asn');
    if (myAsn === undefined && !isMyAsnFaulty)
      report(fields.at, `${what}.my_asn is missing, and metallb_bgp_my_asn is not set either`);
    if (optional.ebgpMultiHop && myAsn !== undefined && myAsn === peerAsn) {
      report(
        fields.positionOf('ebgp_multihop'),
        `${what}.ebgp_multihop is for a peer of another AS; my_asn and peer_asn are both ${myAsn}`,
      );
    }
    if (name === undefined || myAsn === undefined || peerAsn === undefined || peerAddress === undefined)
      return undefined;
    return { name, at: fields.at, myAsn, peerAsn, peerAddress, ...optional };
  };
}

function readOptionalPeerFields(fields: Fields, report: Report, what: string) {
  const holdTimeSeconds = fields.get('hold_time', readSeconds);
  // RFC 4271 §4.2: the hold time is zero or at least three seconds.
  if (holdTimeSeconds !== undefined && (holdTimeSeconds === 1 || holdTimeSeconds === 2 || holdTimeSeconds > 65_535)) {
    report(fields.positionOf('hold_time'), `${what}.hold_time must be 0 (off) or from 3 to 65535 seconds`);
  }
  const sourceAddress = fields.get('source_address', readIp);
  const routerId = fields.get('router_id', readRouterId);
  const passwordSecret = fields.get('password_secret', readObjectName);
  const bfdProfile = fields.get('bfd_profile', readObjectName);
  return {
    // The custom resource stops at 16384; so does MetalLB's.
    peerPort: fields.get('peer_port', readInteger(1, 16_384)) ?? 179,
    ebgpMultiHop: fields.get('ebgp_multihop', readYesNo) ?? false,
    nodeSelectors: fields.get('node_selectors', readList(readLabelSelector)) ?? [],
    ...(holdTimeSeconds === undefined ? {} : { holdTimeSeconds }),
    ...(sourceAddress === undefined ? {} : { sourceAddress }),
    ...(routerId === undefined ? {} : { routerId }),
    ...(passwordSecret === undefined ? {} : { passwordSecret }),
    ...(bfdProfile === undefined ? {} : { bfdProfile }),
  };
}

/** RFC 4271 §4.2: the BGP identifier is four octets, written as an IPv4 address. */
const readRouterId: Reader<Ip> = (value, what, report) => {
  const ip = readIp(value, what, report);
  if (ip === undefined || ipFamily(ip) === 'ipv4') return ip;
  report(value.at, `${what} must be written as an IPv4 address, not ${ip}`);
  return undefined;
};

const readBfdProfile: Reader<PlannedBfdProfile & { at: Located['at'] }> = (value, what, report) => {
  const known = ['name', 'receive_interval', 'transmit_interval', 'detect_multiplier'];
  const fields = readFields(value, what, known, report);
  const name = fields?.need('name', readObjectName);
  if (fields === undefined || name === undefined) return undefined;
  return {
    name,
    at: fields.at,
    receiveIntervalMs: fields.get('receive_interval', readInteger(10, 60_000)) ?? 300,
    transmitIntervalMs: fields.get('transmit_interval', readInteger(10, 60_000)) ?? 300,
    detectMultiplier: fields.get('detect_multiplier', readInteger(2, 255)) ?? 3,
  };
};

const readCommunity: Reader<{ name: string; value: string; at: Located['at'] }> = (value, what, report) => {
  const fields = readFields(value, what, ['name', 'value'], report);
  const name = fields?.need('name', readObjectName);
  const community = fields?.need('value', readCommunityValue);
  if (fields === undefined || name === undefined || community === undefined) return undefined;
  return { name, value: community, at: fields.at };
};

function reportRepeated(
  kind: string,
  items: readonly { readonly name: string; readonly at: Located['at'] }[],
  report: Report,
): void {
  const seen = new Set<string>();
  for (const { name, at } of items) {
    if (seen.has(name)) report(at, `the ${kind} name "${name}" is taken already`);
    seen.add(name);
  }
}

function isPresent(value: Located, key: string): boolean {
  return value.kind === 'map' && value.entries.has(key);
}
