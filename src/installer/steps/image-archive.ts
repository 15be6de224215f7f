/**
 * Looks into an image archive (a tar file as `docker save`, `buildah push oci-archive:` or `ctr images export` make it)
 * without unpacking it: which images it holds, and by which digests a node would know them.
 * Formats: OCI image layout 1.0 (index.json) and Docker's (manifest.json); one archive may have both.
 */
import { type FileHandle, open } from 'node:fs/promises';

export interface ArchivedImage {
  /** Normalized, as container runtimes store it: "localhost/metallb-addon:v0.1.0". */
  readonly reference: string;
  /** What containerd knows the image by; absent in an archive in Docker's format. */
  readonly manifestDigest?: string;
  /** What Docker knows the image by; absent where the archive does not say. */
  readonly configDigest?: string;
}

const BLOCK_BYTES = 512;
/** index.json, manifest.json and a manifest are a few kilobytes. */
const MAX_MEMBER_BYTES = 4 * 1024 * 1024;

interface Member {
  readonly offset: number;
  readonly size: number;
}

/** Throws an Error that says what is wrong with the file. */
export async function readImageArchive(path: string): Promise<readonly ArchivedImage[]> {
  const file = await open(path, 'r');
  try {
    const members = await listMembers(file);
    const index = await readJson(file, members.get('index.json'));
    const docker = await readJson(file, members.get('manifest.json'));
    const images = [...(await ociImages(file, members, index)), ...dockerImages(docker)];
    if (index === undefined && docker === undefined) throw new Error('it has neither index.json nor manifest.json');
    return mergeByReference(images);
  } finally {
    await file.close();
  }
}

async function listMembers(file: FileHandle): Promise<ReadonlyMap<string, Member>> {
  const members = new Map<string, Member>();
  const header = Buffer.alloc(BLOCK_BYTES);
  for (let offset = 0; ; ) {
    const { bytesRead } = await file.read(header, 0, BLOCK_BYTES, offset);
    if (bytesRead < BLOCK_BYTES || header.every((byte) => byte === 0)) return members;
    if (offset === 0 && header.readUInt16BE(0) === 0x1f8b) throw new Error('it is compressed: gunzip it first');
    if (!isTarHeader(header)) throw new Error('it is not a tar file');
    const size = tarNumber(header.subarray(124, 136));
    const name = tarText(header.subarray(0, 100)).replace(/^\.\//, '');
    members.set(name, { offset: offset + BLOCK_BYTES, size });
    offset += BLOCK_BYTES + Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
  }
}

/** The header's checksum: the sum of its bytes with the checksum field itself taken as spaces (POSIX ustar). */
function isTarHeader(header: Buffer): boolean {
  let sum = 0;
  for (const [index, byte] of header.entries()) sum += index >= 148 && index < 156 ? 0x20 : byte;
  return sum === tarNumber(header.subarray(148, 156));
}

function tarNumber(field: Buffer): number {
  // Sizes of 8 GiB and more are written in binary, marked by the highest bit (GNU and pax).
  if (((field[0] ?? 0) & 0x80) !== 0) return Number(BigInt(`0x${field.subarray(1).toString('hex')}`));
  return Number.parseInt(tarText(field).trim() || '0', 8);
}

function tarText(field: Buffer): string {
  const end = field.indexOf(0);
  return field.subarray(0, end < 0 ? field.length : end).toString('utf8');
}

async function readJson(file: FileHandle, member: Member | undefined): Promise<unknown> {
  if (member === undefined) return undefined;
  if (member.size > MAX_MEMBER_BYTES) throw new Error('its index is too large to be one');
  const content = Buffer.alloc(member.size);
  const { bytesRead } = await file.read(content, 0, member.size, member.offset);
  if (bytesRead < member.size) throw new Error('it ends too early');
  return JSON.parse(content.toString('utf8')) as unknown;
}

interface Descriptor {
  readonly digest?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

async function ociImages(
  file: FileHandle,
  members: ReadonlyMap<string, Member>,
  index: unknown,
): Promise<readonly ArchivedImage[]> {
  const descriptors = (index as { manifests?: readonly Descriptor[] } | undefined)?.manifests ?? [];
  const images: ArchivedImage[] = [];
  for (const { digest, annotations } of descriptors) {
    const name = annotations?.['io.containerd.image.name'] ?? annotations?.['org.opencontainers.image.ref.name'];
    if (digest === undefined || name === undefined) continue;
    const manifest = await readJson(file, members.get(`blobs/${digest.replace(':', '/')}`));
    const configDigest = (manifest as { config?: Descriptor } | undefined)?.config?.digest;
    images.push({
      reference: normalizeReference(name),
      manifestDigest: digest,
      ...(configDigest === undefined ? {} : { configDigest }),
    });
  }
  return images;
}

function dockerImages(manifest: unknown): readonly ArchivedImage[] {
  if (!Array.isArray(manifest)) return [];
  return (manifest as readonly { Config?: string; RepoTags?: readonly string[] | null }[]).flatMap((entry) => {
    const hex = /([0-9a-f]{64})(\.json)?$/.exec(entry.Config ?? '')?.[1];
    const digest = hex === undefined ? {} : { configDigest: `sha256:${hex}` };
    return (entry.RepoTags ?? []).map((tag) => ({ reference: normalizeReference(tag), ...digest }));
  });
}

function mergeByReference(images: readonly ArchivedImage[]): readonly ArchivedImage[] {
  const merged = new Map<string, ArchivedImage>();
  for (const image of images) merged.set(image.reference, { ...image, ...merged.get(image.reference) });
  return [...merged.values()];
}

/** The full name: without a registry it is Docker Hub's, and there without a user the library's. */
export function normalizeReference(reference: string): string {
  const [first = '', ...rest] = reference.split('/');
  const hasRegistry = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  if (hasRegistry) return reference;
  return rest.length === 0 ? `docker.io/library/${reference}` : `docker.io/${reference}`;
}
