/**
 * Makes an image archive from layer folders, the way `docker save` writes it since Docker 25: an OCI layout and Docker's
 * older manifest.json over the same blobs. `docker load` of any age, `ctr images import`, podman, skopeo and nerdctl
 * take it, and the layers stay compressed. The same folders give the same bytes.
 *
 * Implements: OCI image-spec 1.0 (layout, index, manifest, config), Docker image-spec 1.2 (manifest.json).
 */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { copyFile, mkdir, rename, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { ContainerConfig } from './containerfile.ts';
import { tarFolder } from './tar.ts';

/** A compressed layer on disk. */
export interface Layer {
  readonly path: string;
  /** "sha256:…" of the compressed bytes. */
  readonly digest: string;
  /** "sha256:…" of the tar stream within. */
  readonly diffId: string;
  /** Compressed size in bytes. */
  readonly size: number;
}

/** Packs a folder as a gzip layer (the one compression that every container runtime reads). */
export async function packLayer(folder: string, path: string): Promise<Layer> {
  const inner = createHash('sha256');
  const outer = createHash('sha256');
  let size = 0;
  await mkdir(dirname(path), { recursive: true });
  await pipeline(
    Readable.from(tarFolder(folder)),
    async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        inner.update(chunk);
        yield chunk;
      }
    },
    createGzip({ level: 9 }),
    async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        outer.update(chunk);
        size += chunk.length;
        yield chunk;
      }
    },
    createWriteStream(path),
  );
  return { path, digest: `sha256:${outer.digest('hex')}`, diffId: `sha256:${inner.digest('hex')}`, size };
}

export interface ArchiveOptions {
  /** "localhost/metallb-addon:v0.1.0" */
  readonly ref: string;
  readonly config: ContainerConfig;
  readonly layers: readonly Layer[];
  /** An empty folder to work in, on the same file system as `path`. */
  readonly folder: string;
  readonly path: string;
}

/** Writes the archive; returns the manifest's digest, by which container runtimes know the image. */
export async function writeArchive({ ref, config, layers, folder, path }: ArchiveOptions): Promise<string> {
  const blobs = join(folder, 'layout/blobs/sha256');
  await mkdir(blobs, { recursive: true });
  for (const layer of layers) await copyFile(layer.path, join(blobs, hex(layer.digest)));
  const configuration = await putBlob(blobs, {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    created: '1970-01-01T00:00:00Z',
    config,
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(() => ({ created: '1970-01-01T00:00:00Z', created_by: 'COPY' })),
  });
  const manifest = await putBlob(blobs, {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...configuration },
    layers: layers.map(({ digest, size }) => ({
      mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
      digest,
      size,
    })),
  });
  const tag = ref.slice(ref.lastIndexOf(':') + 1);
  await writeJson(join(folder, 'layout/oci-layout'), { imageLayoutVersion: '1.0.0' });
  await writeJson(join(folder, 'layout/index.json'), {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [
      {
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        ...manifest,
        // containerd takes the first for the name, others the second for the tag.
        annotations: { 'io.containerd.image.name': ref, 'org.opencontainers.image.ref.name': tag },
      },
    ],
  });
  const blobPath = (digest: string) => `blobs/sha256/${hex(digest)}`;
  await writeJson(join(folder, 'layout/manifest.json'), [
    { Config: blobPath(configuration.digest), RepoTags: [ref], Layers: layers.map(({ digest }) => blobPath(digest)) },
  ]);
  const unfinished = join(folder, 'archive.tar');
  await pipeline(Readable.from(tarFolder(join(folder, 'layout'))), createWriteStream(unfinished));
  await rename(unfinished, path);
  return manifest.digest;
}

async function putBlob(blobs: string, content: object): Promise<{ readonly digest: string; readonly size: number }> {
  const bytes = Buffer.from(JSON.stringify(content));
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  await writeFile(join(blobs, hex(digest)), bytes);
  return { digest, size: bytes.length };
}

async function writeJson(path: string, content: object): Promise<void> {
  await writeFile(path, JSON.stringify(content));
}

function hex(digest: string): string {
  return digest.slice('sha256:'.length);
}

/** Bytes of the file. */
export async function fileSize(path: string): Promise<number> {
  return (await stat(path)).size;
}
