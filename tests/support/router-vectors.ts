/** The recorded frames of tests/vectors/router. Fails when there are none. */
import type { NdpEnvelope } from '../../src/runtime/protocols/ndp/codec.ts';
import type { RouterMessage } from '../../src/runtime/protocols/ndp/router-codec.ts';
import { bytesFromHex, mac } from './arp-vectors.ts';
import { ipv6 } from './ndp-vectors.ts';
import { readVectors } from './vectors.ts';

export interface RouterVector {
  readonly name: string;
  readonly frame: Uint8Array;
  readonly envelope: NdpEnvelope;
  readonly message: RouterMessage;
  /** It has something in it that the codec passes over and does not make. */
  readonly saysMore: boolean;
}

interface StoredRouterVector {
  readonly name: string;
  readonly frame: string;
  readonly saysMore?: boolean;
  readonly value: Record<'destination' | 'source' | 'from' | 'to', string> & {
    readonly message: {
      readonly kind: RouterMessage['kind'];
      readonly lifetimeSeconds?: number;
      readonly linkAddress?: string;
    };
  };
}

export function readRouterVectors(): readonly RouterVector[] {
  return readVectors<StoredRouterVector>('router', 4).map(({ row: { name, frame, saysMore = false, value } }) => ({
    name,
    frame: bytesFromHex(frame),
    envelope: {
      link: { destination: mac(value.destination), source: mac(value.source) },
      source: ipv6(value.from),
      destination: ipv6(value.to),
    },
    message: messageOf(value.message),
    saysMore,
  }));
}

function messageOf(message: StoredRouterVector['value']['message']): RouterMessage {
  const { kind, lifetimeSeconds = 0, linkAddress } = message;
  const link = linkAddress === undefined ? {} : { linkAddress: mac(linkAddress) };
  return kind === 'router-solicitation' ? { kind, ...link } : { kind, lifetimeSeconds, ...link };
}
