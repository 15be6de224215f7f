/** One router of metallb_peers. Bounds and what excludes what are those of BGPPeer v1beta2, whose fields these are. */
import { type Ip, ipFamily } from '../../runtime/model/ip.ts';
import type { Located } from '../inventory/located.ts';
import type { PlannedPeer } from './addon-plan.ts';
import { readIp, readLabelSelector, readObjectName, readSeconds } from './domain-readers.ts';
import {
  type Fields,
  type Reader,
  type Report,
  readFields,
  readInteger,
  readList,
  readOneOf,
  readText,
  readYesNo,
  withoutUnset,
} from './readers.ts';

const PEER_FIELDS = [
  'name',
  'my_asn',
  'peer_asn',
  'dynamic_asn',
  'local_asn',
  'peer_address',
  'interface',
  'peer_port',
  'source_address',
  'vrf',
  'hold_time',
  'keepalive_time',
  'connect_time',
  'router_id',
  'password_secret',
  'bfd_profile',
  'graceful_restart',
  'ebgp_multihop',
  'ttl_security_hops',
  'dual_stack_address_family',
  'node_selectors',
];

const MAX_ASN = 4_294_967_295;
const MAX_SECONDS = 65_535;
export const readAsn = readInteger(1, MAX_ASN);

export function peerReader(defaultMyAsn: number | undefined): Reader<PlannedPeer> {
  return (value, what, report) => {
    const fields = readFields(value, what, PEER_FIELDS, report);
    if (fields === undefined) return undefined;
    const place: Place = { fields, what, report, isGiven: (name) => isPresent(value, name) };
    const name = fields.need('name', readObjectName);
    const myAsn = fields.get('my_asn', readAsn) ?? defaultMyAsn;
    if (myAsn === undefined && !place.isGiven('my_asn')) {
      report(fields.at, `${what}.my_asn is missing, and metallb_bgp_my_asn is not set either`);
    }
    const router = { ...readRouterAsn(place), ...readRouterPlace(place) };
    const peer = { at: fields.at, ...withoutUnset({ name, myAsn }), ...router, ...readOptionalFields(place) };
    checkHops(place, peer);
    return isNamed(peer) ? peer : undefined;
  };
}

type MaybeNamed = Omit<PlannedPeer, 'name' | 'myAsn'> & Partial<PlannedPeer>;

function isNamed(peer: MaybeNamed): peer is PlannedPeer {
  return peer.name !== undefined && peer.myAsn !== undefined;
}

/** The fields of one peer, and what messages call it. */
interface Place {
  readonly fields: Fields;
  readonly what: string;
  readonly report: Report;
  /** Whether it is written at all, be it faulty. */
  readonly isGiven: (name: string) => boolean;
}

function readRouterAsn(place: Place): Pick<PlannedPeer, 'peerAsn' | 'dynamicAsn'> {
  const { fields } = place;
  needOneOf(place, 'peer_asn', 'dynamic_asn', '"internal" or "external", for whatever AS number the router has');
  return withoutUnset({
    peerAsn: fields.get('peer_asn', readAsn),
    dynamicAsn: fields.get('dynamic_asn', readOneOf(['internal', 'external'])),
  });
}

function readRouterPlace(place: Place): Pick<PlannedPeer, 'peerAddress' | 'interface'> {
  const { fields } = place;
  needOneOf(place, 'peer_address', 'interface', 'the interface that the router is behind');
  return withoutUnset({
    peerAddress: fields.get('peer_address', readIp),
    interface: fields.get('interface', readText),
  });
}

function needOneOf({ fields, what, report, isGiven }: Place, first: string, second: string, meaning: string): void {
  if (!isGiven(first) && !isGiven(second)) {
    report(fields.at, `${what}.${first} is missing; or else set ${second}, ${meaning}`);
  }
  if (isGiven(first) && isGiven(second)) {
    report(fields.positionOf(second), `${what} has both ${first} and ${second}: remove one of them`);
  }
}

function readOptionalFields(place: Place) {
  const { fields } = place;
  return {
    // The custom resource stops at 16384; so does MetalLB's.
    peerPort: fields.get('peer_port', readInteger(1, 16_384)) ?? 179,
    ebgpMultiHop: fields.get('ebgp_multihop', readYesNo) ?? false,
    gracefulRestart: fields.get('graceful_restart', readYesNo) ?? false,
    dualStackAddressFamily: fields.get('dual_stack_address_family', readYesNo) ?? false,
    nodeSelectors: fields.get('node_selectors', readList(readLabelSelector)) ?? [],
    ...withoutUnset({
      localAsn: fields.get('local_asn', readAsn),
      sourceAddress: fields.get('source_address', readIp),
      vrf: fields.get('vrf', readText),
      routerId: fields.get('router_id', readRouterId),
      passwordSecret: fields.get('password_secret', readObjectName),
      bfdProfile: fields.get('bfd_profile', readObjectName),
      ttlSecurityHops: fields.get('ttl_security_hops', readInteger(1, 254)),
      ...readTimes(place),
    }),
  };
}

function readTimes({ fields, what, report }: Place) {
  const holdTimeSeconds = fields.get('hold_time', readSeconds);
  const keepaliveTimeSeconds = fields.get('keepalive_time', readSeconds);
  const connectTimeSeconds = fields.get('connect_time', readSeconds);
  // RFC 4271 §4.2: the hold time is zero or at least three seconds.
  if (holdTimeSeconds !== undefined && !isHoldTime(holdTimeSeconds)) {
    report(fields.positionOf('hold_time'), `${what}.hold_time must be 0 (off) or from 3 to ${MAX_SECONDS} seconds`);
  } else if (keepaliveTimeSeconds !== undefined && !isHoldTime(holdTimeSeconds ?? 3 * keepaliveTimeSeconds)) {
    report(fields.positionOf('keepalive_time'), `${what}.keepalive_time must be 0 (off) or from 1 to 21845 seconds`);
  }
  if (keepaliveTimeSeconds !== undefined && holdTimeSeconds !== undefined && keepaliveTimeSeconds > holdTimeSeconds) {
    report(
      fields.positionOf('keepalive_time'),
      `${what}.keepalive_time is longer than hold_time; a third of it is usual`,
    );
  }
  if (connectTimeSeconds !== undefined && (connectTimeSeconds < 1 || connectTimeSeconds > MAX_SECONDS)) {
    report(fields.positionOf('connect_time'), `${what}.connect_time must be from 1 to ${MAX_SECONDS} seconds`);
  }
  return { holdTimeSeconds, keepaliveTimeSeconds, connectTimeSeconds };
}

function isHoldTime(seconds: number): boolean {
  return seconds === 0 || (seconds >= 3 && seconds <= MAX_SECONDS);
}

function checkHops({ fields, what, report }: Place, peer: MaybeNamed): void {
  if (!peer.ebgpMultiHop) return;
  const at = fields.positionOf('ebgp_multihop');
  if (peer.myAsn !== undefined && peer.myAsn === peer.peerAsn) {
    report(at, `${what}.ebgp_multihop is for a peer of another AS; my_asn and peer_asn are both ${peer.myAsn}`);
  }
  if (peer.ttlSecurityHops !== undefined) {
    report(at, `${what} has both ebgp_multihop and ttl_security_hops, which contradict each other: remove one of them`);
  }
}

/** RFC 4271 §4.2: the BGP identifier is four octets, written as an IPv4 address. */
const readRouterId: Reader<Ip> = (value, what, report) => {
  const ip = readIp(value, what, report);
  if (ip === undefined || ipFamily(ip) === 'ipv4') return ip;
  report(value.at, `${what} must be written as an IPv4 address, not ${ip}`);
  return undefined;
};

function isPresent(value: Located, key: string): boolean {
  const entry = value.kind === 'map' ? value.entries.get(key) : undefined;
  return entry !== undefined && !(entry.kind === 'scalar' && (entry.value === null || entry.value === ''));
}
