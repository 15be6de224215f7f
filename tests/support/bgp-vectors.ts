/** The messages of tests/vectors/bgp, each with what it says. Fails when there are none. */
import type { UpdateContext } from '../../src/runtime/protocols/bgp/codec/attribute-rules.ts';
import type { Family } from '../../src/runtime/protocols/bgp/codec/family.ts';
import { bytesFromHex } from './arp-vectors.ts';
import { readVectors } from './vectors.ts';

export interface BgpVector {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly context: UpdateContext;
  /** The decoded message, with bytes as hex text: `plainOf` makes the same of ours. */
  readonly value: unknown;
  /** The message is the End-of-RIB of this family. */
  readonly endOfRib?: Family;
  /** A NOTIFICATION in words. */
  readonly described?: string;
  /** 'differs': right, but not as we would write it. */
  readonly encoding: 'same' | 'differs';
}

interface StoredVector {
  readonly name: string;
  readonly message: string;
  readonly value: unknown;
  readonly asnBytes?: 2;
  readonly peerKind?: 'external';
  readonly endOfRib?: Family;
  readonly described?: string;
  readonly encoding?: 'differs';
}

export function readBgpVectors(): readonly BgpVector[] {
  return readVectors<StoredVector>('bgp', 45).map(({ file, row }) => {
    const { name, message, asnBytes, peerKind, encoding, ...rest } = row;
    return {
      ...rest,
      name: `${file}: ${name}`,
      bytes: bytesFromHex(message),
      context: { asnBytes: asnBytes ?? 4, peerKind: peerKind ?? 'internal', ipv4NextHops: 'ipv4-and-ipv6' },
      encoding: encoding ?? 'same',
    };
  });
}

/** The value with its bytes as hex text. */
export function plainOf(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_key, each: unknown) =>
      each instanceof Uint8Array ? Buffer.from(each).toString('hex') : each,
    ),
  );
}
