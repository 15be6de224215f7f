/**
 * The image, built around stand-in programs: Node runs from it alone, the native library and the thread are found, the
 * build repeats to the byte, and containerd and buildah take it. Needs root (chroot), containerd and buildah.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execa } from 'execa';
import { type BuiltImage, buildImage, writeContext } from '../../image/build.ts';
import { parseContainerfile } from '../../image/containerfile.ts';

const programs = join(import.meta.dirname, 'programs');
const ref = 'localhost/metallb-addon:test';

let folder: string;
let image: BuiltImage;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'metallb-image-'));
  process.env['XDG_CACHE_HOME'] = join(folder, 'cache');
  image = await buildImage({ tag: 'test', outTar: join(folder, 'image.tar'), programs });
}, 300_000);
afterAll(async () => rm(folder, { recursive: true, force: true }));

/** The image's files, laid out as a runtime would. */
async function unpack(): Promise<string> {
  const layout = join(folder, 'layout');
  const root = join(folder, 'root');
  await Promise.all([mkdir(layout), mkdir(root)]);
  await execa('tar', ['-xf', image.tar, '-C', layout]);
  const [manifest] = JSON.parse(await readFile(join(layout, 'manifest.json'), 'utf8')) as [{ Layers: string[] }];
  for (const layer of manifest.Layers) await execa('tar', ['-xzf', join(layout, layer), '-C', root]);
  await writeFile(join(root, 'etc/hosts'), '192.0.2.1 node1.example\n'); // the kubelet brings this file
  return root;
}

test('it is small, and the second build comes from the cache with the same digest', async () => {
  expect(image).toMatchObject({ ref, digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) });
  expect(image.compressedBytes).toBeLessThan(60e6);
  const began = performance.now();
  const again = await buildImage({ tag: 'test', programs });
  expect(performance.now() - began).toBeLessThan(5000);
  expect(again.digest).toBe(image.digest);
});

test('a build from nothing repeats to the byte', async () => {
  process.env['XDG_CACHE_HOME'] = join(folder, 'other-cache');
  const again = await buildImage({ tag: 'test', programs });
  const [one, other] = await Promise.all([readFile(image.tar), readFile(again.tar)]);
  expect(one.equals(other)).toBe(true);
}, 300_000);

test('the programs run from the image alone', async () => {
  const root = await unpack();
  const env = { PATH: process.env['PATH'] ?? '' };
  const options = { env, extendEnv: false };
  const controller = await execa(
    'chroot',
    ['--userspec=65534:65534', root, '/usr/bin/node', '/app/controller.js'],
    options,
  );
  expect(JSON.parse(controller.stdout)).toMatchObject({ uid: 65534, users: [] });
  const speaker = await execa('chroot', [root, '/usr/bin/node', '/app/speaker.js'], options);
  expect(speaker.stdout).toBe('true 192.0.2.1 hello from the thread');
}, 60_000);

test('containerd imports it under its name', async () => {
  const socket = join(folder, 'containerd.sock');
  const config = join(folder, 'containerd.toml');
  await writeFile(
    config,
    [
      'version = 2',
      `root = "${folder}/containerd"`,
      `state = "${folder}/containerd-state"`,
      'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
      `[grpc]\n  address = "${socket}"`,
    ].join('\n'),
  );
  const containerd = spawn('containerd', ['-c', config], { stdio: 'ignore' });
  try {
    const ctr = (...args: readonly string[]) =>
      execa('ctr', ['-a', socket, '-n', 'k8s.io', ...args], { reject: false });
    for (let attempt = 0; (await ctr('version')).exitCode !== 0 && attempt < 50; attempt++) await delay(100);
    expect(await ctr('images', 'import', image.tar)).toMatchObject({ exitCode: 0 });
    const listed = await ctr('images', 'ls');
    expect(listed.stdout).toContain(`${ref} `);
    expect(listed.stdout).toContain(image.digest);
  } finally {
    await end(containerd);
  }
}, 120_000);

test('buildah makes the same of the Containerfile, and reads the archive in both its forms', async () => {
  const context = join(folder, 'context');
  await writeContext(context, programs);
  const storage = [
    '--root',
    join(folder, 'buildah'),
    '--runroot',
    join(folder, 'buildah-run'),
    '--storage-driver',
    'vfs',
  ];
  const buildah = (...args: readonly string[]) => execa('buildah', [...storage, ...args]);
  await buildah('bud', '--isolation', 'chroot', '-t', 'context', '-f', join(context, 'Containerfile'), context);
  const inspected = await buildah('inspect', '--type', 'image', 'context');
  const { config } = (JSON.parse(inspected.stdout) as { OCIv1: { config: { Labels: Record<string, string> } } }).OCIv1;
  const { 'io.buildah.version': _, ...labels } = config.Labels;
  const ours = parseContainerfile(await readFile(join(context, 'Containerfile'), 'utf8')).config;
  expect({ ...config, Labels: labels }).toEqual(ours);
  const pulled = await Promise.all(
    ['docker', 'oci'].map((form) => buildah('pull', '-q', `${form}-archive:${image.tar}`)),
  );
  expect(new Set(pulled.map(({ stdout }) => stdout)).size).toBe(1);
}, 120_000);

async function end(child: ChildProcess): Promise<void> {
  const exited = new Promise((resolve) => child.once('exit', resolve));
  if (child.exitCode === null && child.kill('SIGTERM')) await exited;
}
