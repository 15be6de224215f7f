/**
 * Of which families a peer's session carries routes. Pure.
 *
 * Source: MetalLB with FRR: those of the session's own transport, or both where that is asked for, or the peer has no
 * address to go by.
 */
import type { BgpPeer } from '../../model/config.ts';
import { type IpFamily, ipFamily } from '../../model/ip.ts';

export function carriesFamily({ remote, dualStackAddressFamily }: BgpPeer, family: IpFamily): boolean {
  return dualStackAddressFamily || 'interface' in remote || ipFamily(remote.address) === family;
}
