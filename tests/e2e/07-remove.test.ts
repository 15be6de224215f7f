/** Taking it all away: the addon leaves the cluster as it was, the cluster leaves the machine as it was. */
import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execa } from 'execa';
import { open } from '../../src/sandbox/sandbox.ts';
import { type Cluster, cluster, INSTANCE, install } from '../support/cluster.ts';

const keep = process.env['METALLB_TEST_KEEP'] === '1';

let c: Cluster;
beforeAll(async () => {
  c = await cluster();
});

afterAll(async () => {
  if (!keep) await install(['sandbox', 'down', '--name', INSTANCE]);
}, 120_000);

describe('--remove', () => {
  test('Services lose their addresses, the addon’s objects go, the resource definitions stay', async () => {
    const run = await install(['addon', 'metallb', '-i', c.inventory, '--remove']);
    expect(run.output).not.toContain('error:');
    expect(run.exitCode).toBe(0);
    expect(await c.externalIp('nginx')).toBeUndefined();
    expect(await servicesThatBearOurMarks()).toEqual([]);
    expect(await c.list('namespaces', '--field-selector', 'metadata.name=metallb-system')).toEqual([]);
    expect(await ours('clusterroles,clusterrolebindings')).toEqual([]);
    expect(await ours('customresourcedefinitions')).toContain('ipaddresspools.metallb.io');
  }, 180_000);

  test('again: nothing to remove, and no error', async () => {
    const run = await install(['addon', 'metallb', '-i', c.inventory, '--remove']);
    expect(run.exitCode).toBe(0);
  }, 120_000);

  test('with --purge the resource definitions go too', async () => {
    const run = await install(['addon', 'metallb', '-i', c.inventory, '--remove', '--purge']);
    expect(run.exitCode).toBe(0);
    expect(await ours('customresourcedefinitions')).toEqual([]);
  }, 120_000);
});

describe('sandbox down', () => {
  test('leaves no process, mount, namespace, cgroup, link or directory', async () => {
    if (keep) return;
    const { name, stateDir } = c.handle;
    const run = await install(['sandbox', 'down', '--name', INSTANCE]);
    expect(run.exitCode).toBe(0);
    expect(await open({ name })).toBeUndefined();
    expect(await traces(stateDir)).toEqual({ processes: [], mounts: [], namespaces: [], links: [], files: [] });
  }, 120_000);

  test('again: nothing to do, and no error', async () => {
    const run = await install(['sandbox', 'down', '--name', INSTANCE]);
    expect(run.exitCode).toBe(0);
  }, 60_000);
});

async function ours(kinds: string): Promise<readonly string[]> {
  const objects = await c.list(kinds);
  return objects.map(({ metadata }) => metadata.name).filter((name) => name.includes('metallb'));
}

/** Services that still tell of a pool or of the controller's verdict. */
async function servicesThatBearOurMarks(): Promise<readonly string[]> {
  const services = await c.list('services', '--all-namespaces');
  return services
    .filter(({ metadata, status }) =>
      /ip-allocated-from-pool|metallb\.io\/Allocated/.test(JSON.stringify([metadata.annotations, status])),
    )
    .map(({ metadata }) => metadata.name);
}

/** Whatever on this machine still names the instance. */
async function traces(stateDir: string): Promise<Record<string, readonly string[]>> {
  const lines = async (command: string, args: readonly string[], mark: string): Promise<readonly string[]> => {
    const { stdout } = await execa(command, args, { reject: false });
    return stdout.split('\n').filter((line) => line.includes(mark));
  };
  return {
    processes: await lines('ps', ['-eo', 'args', '--no-headers'], stateDir),
    mounts: await lines('cat', ['/proc/mounts'], stateDir),
    namespaces: await lines('ip', ['netns', 'list'], `${INSTANCE}-`),
    links: await lines('ip', ['-br', 'link'], INSTANCE),
    files: await readdir(stateDir).catch(() => []),
  };
}
