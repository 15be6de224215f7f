/** The messages of tests/vectors/bgp, each with what it says. Fails when there are none. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { UpdateContext } from '../../src/runtime/protocols/bgp/codec/attribute-rules.ts';
import type { Family } from '../../src/runtime/protocols/bgp/codec/family.ts';
import { bytesFromHex } from './arp-vectors.ts';

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

const folder = path.resolve(import.meta.dirname, '../vectors/bgp');

export function readBgpVectors(): readonly BgpVector[] {
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
  const vectors = files.flatMap((file) => {
    const { vectors: rows } = JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as { vectors: StoredVector[] };
    return rows.map(
      ({ name, message, asnBytes, peerKind, encoding, ...rest }): BgpVector => ({
        ...rest,
        name: `${path.basename(file, '.json')}: ${name}`,
        bytes: bytesFromHex(message),
        context: { asnBytes: asnBytes ?? 4, peerKind: peerKind ?? 'internal', ipv4NextHops: 'ipv4-and-ipv6' },
        encoding: encoding ?? 'same',
      }),
    );
  });
  if (vectors.length < 45) throw new Error(`only ${vectors.length} BGP vectors in ${folder}, at least 45 expected`);
  return vectors;
}

/** The value with its bytes as hex text. */
export function plainOf(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_key, each: unknown) =>
      each instanceof Uint8Array ? Buffer.from(each).toString('hex') : each,
    ),
  );
}
