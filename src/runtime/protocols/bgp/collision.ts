/**
 * Two connections with one peer, of which one must go: the one stays that was opened by the side with the higher BGP
 * identifier. Both sides find the same, whoever looks first.
 *
 * Implements: RFC 4271 §6.8, RFC 6286 §2.3
 */
import { type Ip, ipValue } from '../../model/ip.ts';

/** Who opened a connection, seen from here. */
export type Direction = 'outgoing' | 'incoming';

export interface Speaker {
  readonly identifier: Ip;
  readonly asn: number;
}

/** The direction of the connection that stays. */
export function keptDirection(local: Speaker, remote: Speaker): Direction {
  const own = ipValue(local.identifier);
  const other = ipValue(remote.identifier);
  if (own !== other) return own > other ? 'outgoing' : 'incoming';
  // RFC 6286 §2.3: peers of two ASes may have the same identifier; the higher AS number decides then.
  return local.asn > remote.asn ? 'outgoing' : 'incoming';
}
