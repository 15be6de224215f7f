/** The recorded and published messages of tests/vectors, as they are stored: one folder a protocol. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const folder = path.resolve(import.meta.dirname, '../vectors');

export interface StoredIn<Row> {
  /** Name of the file, without its ending: who made it. */
  readonly file: string;
  readonly row: Row;
}

/** All of a folder's files. Throws where there are fewer than that: a test of nothing passes. */
export function readVectors<Row>(protocol: string, atLeast: number): readonly StoredIn<Row>[] {
  const files = readdirSync(path.join(folder, protocol)).filter((name) => name.endsWith('.json'));
  const found = files.flatMap((name) => {
    const text = readFileSync(path.join(folder, protocol, name), 'utf8');
    const { vectors } = JSON.parse(text) as { readonly vectors: readonly Row[] };
    return vectors.map((row) => ({ file: path.basename(name, '.json'), row }));
  });
  if (found.length < atLeast) {
    throw new Error(`only ${found.length} vectors in tests/vectors/${protocol}, at least ${atLeast} expected`);
  }
  return found;
}
