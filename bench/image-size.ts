/**
 * Bytes that a node fetches for the image of controller and speaker. The floor is the Node binary that it holds,
 * stripped and compressed alike: no image of a Node program is smaller.
 */
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { execa } from 'execa';
import { findBaseSources } from '../image/base-layer.ts';
import { buildImage } from '../image/build.ts';

const root = path.resolve(import.meta.dirname, '..');

export async function measureImageSize(): Promise<string[]> {
  const { compressedBytes, digest } = await buildImage();
  const nodeBytes = await compressedNode();
  const row = (name: string, bytes: number) =>
    `${name.padEnd(34)} ${(bytes / 1e6).toFixed(1).padStart(6)} MB (${bytes} bytes)`;
  return [
    row('Node alone (the floor)', nodeBytes),
    `${row('image, compressed', compressedBytes)}, ${digest.slice(0, 19)}`,
    row('all but Node', compressedBytes - nodeBytes),
  ];
}

async function compressedNode(): Promise<number> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'metallb-bench-'));
  try {
    const { node } = await findBaseSources(root);
    const copy = path.join(folder, 'node');
    await copyFile(node, copy);
    await execa('strip', [copy]);
    return (await promisify(gzip)(await readFile(copy), { level: 9 })).length;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
