/**
 * The BFD session that belongs to a BGP session. Over how many hops it goes is not said anywhere, so it is taken as the
 * routers do: over several where eBGP may, and with iBGP as the router is connected. Pure.
 */
import type { PlannedSession } from '../../../model/bgp-plan.ts';
import type { Ip } from '../../../model/ip.ts';
import type { WantedBfd } from './bfd-route.ts';
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
