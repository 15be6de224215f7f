/**
 * Official releases, checked against the SHA-256 that is published beside them. A server that cannot be reached is an
 * answer ('unreachable'), because a machine without a way out is common and Go modules come next; a wrong digest is an
 * error, because it never should be passed over.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, readFile, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { lastLines, runCommand, tryCommand } from '../command.ts';
import { SandboxError } from '../errors.ts';
import { type Component, type GoArch, parseChecksum, releaseOf } from './catalog.ts';

const CONNECT_TIMEOUT_SECONDS = 3;
/** curl's exit codes for a name, proxy, connection or TLS handshake that failed, and for a timeout. */
const UNREACHABLE_EXITS = new Set([5, 6, 7, 28, 35]);

export type DownloadOutcome = { readonly kind: 'got' } | { readonly kind: 'unreachable'; readonly reason: string };

/** Puts the component's program at `folder`/<name>. The folder belongs to this call. */
export async function downloadComponent(component: Component, arch: GoArch, folder: string): Promise<DownloadOutcome> {
  const release = releaseOf(component, arch);
  const file = join(folder, basename(release.url));
  const sums = `${file}.checksum`;
  for (const [url, target] of [
    [release.checksumUrl, sums],
    [release.url, file],
  ] as const) {
    const failure = await fetchFile(url, target);
    if (failure !== undefined) return { kind: 'unreachable', reason: failure };
  }
  const expected = parseChecksum(await readFile(sums, 'utf8'), basename(release.url));
  const actual = await sha256(file);
  if (expected !== actual) {
    throw new SandboxError({
      problem: `${release.url} has SHA-256 ${actual}, but ${release.checksumUrl} says ${expected ?? 'nothing about it'}`,
      hint: 'something between here and the server changed the file; fetch it elsewhere and name its directory with --bin-dir',
    });
  }
  const program = join(folder, component.name);
  if (release.archiveMember === undefined) {
    if (file !== program) await rename(file, program);
  } else {
    const depth = release.archiveMember.split('/').length - 1;
    await runCommand([
      'tar',
      '-xzf',
      file,
      '-C',
      folder,
      '--no-same-owner',
      `--strip-components=${depth}`,
      release.archiveMember,
    ]);
  }
  await chmod(program, 0o755);
  return { kind: 'got' };
}

/** The reason the server is out of reach, or undefined when the file is there. */
async function fetchFile(url: string, target: string): Promise<string | undefined> {
  const { exitCode, stderr } = await tryCommand([
    'curl',
    '--fail',
    '--silent',
    '--show-error',
    '--location',
    '--proto',
    '=https',
    '--connect-timeout',
    String(CONNECT_TIMEOUT_SECONDS),
    '--speed-limit',
    '1024',
    '--speed-time',
    '30',
    '--output',
    target,
    url,
  ]);
  if (exitCode === 0) return undefined;
  const said = lastLines(stderr, 1) || `curl ended with ${exitCode}`;
  if (UNREACHABLE_EXITS.has(exitCode)) return said;
  throw new SandboxError({
    problem: `${url} could not be downloaded: ${said}`,
    hint: 'fetch the program yourself and name its directory with --bin-dir (or METALLB_SANDBOX_BIN)',
  });
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
