/**
 * What a frame of neighbour discovery says of whose an address is, for the watch over conflicts: who has it, or who wants it.
 *
 * Implements: RFC 4862 §5.4.3 and §5.4.4 (which messages say that an address is a duplicate), RFC 4861 §7.1.
 */
import type { MacBits } from '../ethernet/codec.ts';
import { type Ipv6Key, isIpv6Multicast, solicitedNodeGroup, UNSPECIFIED } from '../ip/ipv6.ts';
import { readNdpFrame } from './frame.ts';

export interface NdpSighting {
  /** na: whoever advertises it has the address. dad-ns: whoever asks from :: wants it. */
  readonly as: 'na' | 'dad-ns';
  readonly ip: Ipv6Key;
  /** Who says so: an advertisement's target link-layer address, else the frame's source. */
  readonly mac: MacBits;
}

/** Undefined: it says nothing of the kind, or is to be discarded. The frame is not kept. Total. */
export function ndpSightingOf(frame: Uint8Array): NdpSighting | undefined {
  const read = readNdpFrame(frame);
  if (typeof read === 'string') return undefined;
  const { link, header, message } = read;
  if (message.kind === 'advertisement') {
    // RFC 4861 §7.1.2: what goes to a group answers nobody.
    if (isIpv6Multicast(header.destination) && message.flags.includes('solicited')) return undefined;
    return { as: 'na', ip: message.target, mac: message.linkAddress ?? link.source };
  }
  // RFC 4861 §7.1.1: from ::, only to a solicited-node group, and without a source link-layer option.
  if (header.source !== UNSPECIFIED || message.linkAddress !== undefined) return undefined;
  if (header.destination !== solicitedNodeGroup(message.target)) return undefined;
  return { as: 'dad-ns', ip: message.target, mac: link.source };
}
