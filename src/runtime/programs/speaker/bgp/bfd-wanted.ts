/**
 * The BFD session that belongs to a BGP session, and the profile that counts where several share one. Over how many hops it goes is not said anywhere, so it is taken as the
 * routers do: over several where eBGP may, and with iBGP as the router is connected. Pure.
 */
import type { PlannedSession } from '../../../model/bgp-plan.ts';
import type { BfdProfile } from '../../../model/config.ts';
import type { Ip } from '../../../model/ip.ts';
import { compareText } from '../../../model/text-order.ts';
import { askedWay, type WantedBfd } from './bfd-route.ts';
import { isInternal } from './session-options.ts';

/** `address`: of the router, also of one that is behind an interface. Undefined: the session has no BFD. */
export function wantedBfd({ peer, bfd }: PlannedSession, address: Ip): WantedBfd | undefined {
  if (bfd === undefined) return undefined;
  return {
    name: peer.name,
    peer: address,
    hops:
      peer.ebgpMultiHop || (peer.ttlSecurityHops ?? 1) > 1 ? 'multiple' : isInternal(peer) ? 'as-connected' : 'single',
    profile: bfd,
    ...('interface' in peer.remote ? { interface: peer.remote.interface } : {}),
    ...(peer.sourceAddress === undefined ? {} : { local: peer.sourceAddress }),
    ...(peer.vrf === undefined ? {} : { vrf: peer.vrf }),
  };
}

/**
 * RFC 5881 §3: a path has one session, whoever relies on it. It is to find a failure as soon as the one asks who asks for
 * it soonest, so that profile counts, the whole of it: the lowest of every field would be stricter than any of them. Of
 * equals the first by name.
 */
export function withStrictestProfile(all: readonly WantedBfd[]): (wanted: WantedBfd) => WantedBfd {
  const strictest = new Map<string, BfdProfile>();
  for (const wanted of all) {
    const way = askedWay(wanted);
    const known = strictest.get(way);
    if (known === undefined || isStricter(wanted.profile, known)) strictest.set(way, wanted.profile);
  }
  return (wanted) => ({ ...wanted, profile: strictest.get(askedWay(wanted)) ?? wanted.profile });
}

function isStricter(a: BfdProfile, b: BfdProfile): boolean {
  const difference = foundWithinMs(a) - foundWithinMs(b);
  return difference < 0 || (difference === 0 && compareText(a.name, b.name) < 0);
}

/** How long a failure may go unnoticed on either side, with a router that is set up alike. */
function foundWithinMs({ transmitIntervalMs, receiveIntervalMs, detectMultiplier }: BfdProfile): number {
  return Math.max(transmitIntervalMs, receiveIntervalMs) * detectMultiplier;
}
