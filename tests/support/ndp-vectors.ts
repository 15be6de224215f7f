/** The recorded frames of tests/vectors/ndp and tests/vectors/echo. Fails when there are none. */
import { parseIp } from '../../src/runtime/model/ip.ts';
import { type Ipv6Key, ipv6ToKey } from '../../src/runtime/protocols/ip/ipv6.ts';
import type { AdvertisementFlag, NdpEnvelope, NeighborMessage } from '../../src/runtime/protocols/ndp/codec.ts';
import { bytesFromHex, mac } from './arp-vectors.ts';
import { readVectors } from './vectors.ts';

export interface NdpVector {
  readonly name: string;
  readonly frame: Uint8Array;
  readonly envelope: NdpEnvelope;
  readonly message: NeighborMessage;
  /** Options that the codec passes over and does not make. */
  readonly otherOptions: Uint8Array;
}

interface StoredNdpVector {
  readonly name: string;
  readonly frame: string;
  readonly otherOptions?: string;
  readonly value: Record<'destination' | 'source' | 'from' | 'to', string> & {
    readonly message: {
      readonly kind: 'solicitation' | 'advertisement';
      readonly target: string;
      readonly flags?: readonly AdvertisementFlag[];
      readonly linkAddress?: string;
    };
  };
}

export function readNdpVectors(): readonly NdpVector[] {
  return readVectors<StoredNdpVector>('ndp', 8).map(({ row: { name, frame, otherOptions, value } }) => ({
    name,
    frame: bytesFromHex(frame),
    envelope: {
      link: { destination: mac(value.destination), source: mac(value.source) },
      source: ipv6(value.from),
      destination: ipv6(value.to),
    },
    message: messageOf(value.message),
    otherOptions: bytesFromHex(otherOptions ?? ''),
  }));
}

function messageOf({ kind, target, flags = [], linkAddress }: StoredNdpVector['value']['message']): NeighborMessage {
  const link = linkAddress === undefined ? {} : { linkAddress: mac(linkAddress) };
  if (kind === 'solicitation') return { kind, target: ipv6(target), ...link };
  return { kind, target: ipv6(target), flags, ...link };
}

/** Of each family a request and the kernel's reply to it. */
export function readEchoVectors(): ReadonlyMap<string, Uint8Array> {
  const vectors = readVectors<{ name: string; frame: string }>('echo', 4);
  return new Map(vectors.map(({ row: { name, frame } }) => [name, bytesFromHex(frame)]));
}

export function ipv6(text: string): Ipv6Key {
  const parsed = parseIp(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return ipv6ToKey(parsed.value);
}
