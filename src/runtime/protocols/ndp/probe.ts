/**
 * Probes: "is anybody using this address?", asked without claiming it. Nobody who hears one enters it in a table, because
 * it comes from :: and tells no link address.
 *
 * Implements: RFC 4862 §5.4.2 (sending solicitations for duplicate address detection).
 */
import type { MacBits } from '../ethernet/codec.ts';
import { ethernetGroup, type Ipv6Key, solicitedNodeGroup, UNSPECIFIED } from '../ip/ipv6.ts';
import { encodeNdpFrame } from './codec.ts';

/** A whole frame, to send out of the interface that has the MAC. */
export function encodeNdpProbe(ip: Ipv6Key, mac: MacBits): Uint8Array {
  const group = solicitedNodeGroup(ip);
  return encodeNdpFrame(
    { link: { source: mac, destination: ethernetGroup(group) }, source: UNSPECIFIED, destination: group },
    { kind: 'solicitation', target: ip },
  );
}
