/**
 * What a configured peer comes to: the options of its session, and how it is connected to. Pure.
 *
 * Sources: MetalLB's behaviour with FRR (TTL 1 to another AS unless several hops are allowed, hold time 90 s), RFC 5082
 * (GTSM), RFC 4724 §4.2 (how long routes are kept).
 */
import type { HopLimit, StreamTarget } from '../../../engine/stream-ports.ts';
import type { PlannedSession } from '../../../model/bgp-plan.ts';
import type { BgpPeer } from '../../../model/config.ts';
import { type Ip, ipFamily } from '../../../model/ip.ts';
import { type Family, IPV4_UNICAST, IPV6_UNICAST, unicastFamily } from '../../../protocols/bgp/codec/family.ts';
import type { BgpSessionOptions } from '../../../protocols/bgp/interface.ts';

const HOLD_TIME_SECONDS = 90;
/** An attempt is one packet: a router that comes back is found soon. */
const CONNECT_TIME_SECONDS = 10;
const RESTART_TIME_SECONDS = 120;
const ONE_HOP = 1;
const MANY_HOPS = 255;

/** Where the router is; `device`: what a link-local address is to be taken on. */
export interface Remote {
  readonly address: Ip;
  readonly device?: string;
}

/** AS number that the router is shown. */
export function shownAsn({ myAsn, localAsn }: BgpPeer): number {
  return localAsn ?? myAsn;
}

export function isInternal(peer: BgpPeer): boolean {
  return peer.peerAsn === 'internal' || peer.peerAsn === shownAsn(peer);
}

export function sessionOptions(
  { peer, identifier }: Pick<PlannedSession, 'peer' | 'identifier'>,
  { seed }: { readonly seed: number },
): BgpSessionOptions {
  const transport = transportOf(peer);
  return {
    localAsn: shownAsn(peer),
    peerAsn: peer.peerAsn,
    identifier,
    holdTimeSeconds: peer.holdTimeSeconds ?? HOLD_TIME_SECONDS,
    ...(peer.keepaliveTimeMs === undefined ? {} : { keepaliveTimeMs: peer.keepaliveTimeMs }),
    connectTimeSeconds: peer.connectTimeSeconds ?? CONNECT_TIME_SECONDS,
    families: familiesOf(peer, transport),
    transport,
    ...(peer.gracefulRestart ? { restartTimeSeconds: RESTART_TIME_SECONDS } : {}),
    role: 'active',
    seed,
  };
}

export function streamTarget(peer: BgpPeer, { address, device }: Remote): StreamTarget {
  // An interface of a VRF stands for it; a link-local address needs the interface.
  const bound = device ?? peer.vrf;
  return {
    address,
    port: peer.port,
    ...(peer.sourceAddress === undefined ? {} : { sourceAddress: peer.sourceAddress }),
    ...(bound === undefined ? {} : { device: bound }),
    hops: hopLimit(peer),
    ...(peer.password === undefined ? {} : { password: peer.password }),
  };
}

/** What a change of does not let a session go on. */
export function sessionText({ peer, identifier }: PlannedSession): string {
  return JSON.stringify([peer, identifier]);
}

function transportOf({ remote }: BgpPeer): 'ipv4' | 'ipv6' {
  return 'interface' in remote ? 'ipv6' : ipFamily(remote.address);
}

/** An unnumbered router has both, as with FRR: it has but one session. */
function familiesOf({ remote, dualStackAddressFamily }: BgpPeer, transport: 'ipv4' | 'ipv6'): readonly Family[] {
  return dualStackAddressFamily || 'interface' in remote ? [IPV4_UNICAST, IPV6_UNICAST] : [unicastFamily(transport)];
}

function hopLimit(peer: BgpPeer): HopLimit {
  if (peer.ttlSecurityHops !== undefined) return { kind: 'gtsm', hops: peer.ttlSecurityHops };
  if (isInternal(peer) || peer.ebgpMultiHop) return { kind: 'ttl', ttl: MANY_HOPS };
  return { kind: 'ttl', ttl: ONE_HOP };
}
