/**
 * The BGP identifier of a node's session: what is configured, else the node's first IPv4 address, else a number made of
 * its name, the same at every start. Pure.
 */
import type { BgpPeer } from '../../model/config.ts';
import { type Ip, ipFamily, ipFromValue } from '../../model/ip.ts';
import type { Sha256Hex } from '../../model/platform.ts';

export interface IdentifiedNode {
  readonly name: string;
  readonly internalIps: readonly Ip[];
}

export function identifierOf({ routerId }: BgpPeer, node: IdentifiedNode, sha256Hex: Sha256Hex): Ip {
  const own = routerId ?? node.internalIps.find((ip) => ipFamily(ip) === 'ipv4');
  if (own !== undefined) return own;
  // RFC 6286 §2.1: any number but 0.
  const value = BigInt(`0x${sha256Hex(node.name).slice(0, 8)}`);
  return ipFromValue('ipv4', value === 0n ? 1n : value);
}
