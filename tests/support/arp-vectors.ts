/** The recorded ARP frames of tests/vectors/arp, each with what it says. Fails when there are none. */
import { parseIp } from '../../src/runtime/model/ip.ts';
import { parseMac } from '../../src/runtime/model/mac.ts';
import type { ArpPacket } from '../../src/runtime/protocols/arp/codec.ts';
import { type MacBits, macToBits } from '../../src/runtime/protocols/ethernet/codec.ts';
import { type Ipv4Bits, ipv4ToBits } from '../../src/runtime/protocols/ip/ipv4.ts';
import { readVectors, type StoredIn } from './vectors.ts';

export interface ArpVector {
  readonly name: string;
  readonly frame: Uint8Array;
  readonly link: { readonly destination: MacBits; readonly source: MacBits };
  readonly packet: ArpPacket;
  /** Bytes behind the ARP packet. */
  readonly paddingBytes: number;
}

export function readArpVectors(): readonly ArpVector[] {
  return readVectors<StoredVector>('arp', 8).map(readVector);
}

interface StoredVector {
  readonly name: string;
  readonly frame: string;
  readonly value: Record<'destination' | 'source' | 'senderMac' | 'senderIp' | 'targetMac' | 'targetIp', string> & {
    readonly operation: number;
  };
  readonly paddingBytes: number;
}

function readVector({ file, row: { name, frame, value, paddingBytes } }: StoredIn<StoredVector>): ArpVector {
  return {
    name: `${file}: ${name}`,
    frame: bytesFromHex(frame),
    link: { destination: mac(value.destination), source: mac(value.source) },
    packet: {
      operation: value.operation,
      senderMac: mac(value.senderMac),
      senderIp: ipv4(value.senderIp),
      targetMac: mac(value.targetMac),
      targetIp: ipv4(value.targetIp),
    },
    paddingBytes,
  };
}

/** White space is ignored, so that bytes can be written in labelled groups. */
export function bytesFromHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replace(/\s/g, ''), 'hex'));
}

export function mac(text: string): MacBits {
  const parsed = parseMac(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return macToBits(parsed.value);
}

export function ipv4(text: string): Ipv4Bits {
  const parsed = parseIp(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return ipv4ToBits(parsed.value);
}
