/**
 * The README's first command, run as a new user runs it. It boots the cluster that the other files here share.
 */
import { describe, expect, test } from '@jest/globals';
import { cluster, INSTANCE, install, testSubnet } from '../support/cluster.ts';

const BOOT_MS = 600_000;

describe('./install addon metallb --sandbox', () => {
  test(
    'boots a cluster, installs the addon and shows nginx from inside and from outside',
    async () => {
      const subnet = await testSubnet();
      const run = await install(['addon', 'metallb', '--sandbox', '--name', INSTANCE, '--subnet', subnet]);
      expect(run.output).toContain('Welcome to nginx!');
      expect(run.exitCode).toBe(0);
      const { network } = await cluster();
      const vip = `${network}.20`;
      expect(run.output).toMatch(new RegExp(`curl http://${vip.replaceAll('.', '\\.')}.*from inside`));
      expect(run.output).toMatch(new RegExp(`curl http://${vip.replaceAll('.', '\\.')}.*from outside`));
      for (const shown of ['master', 'node1', 'node2', 'controller', 'speaker', vip, 'sandbox down']) {
        expect(run.output).toContain(shown);
      }
    },
    BOOT_MS,
  );

  test('the Service’s address is the pool’s first, and nginx answers it from inside and from outside', async () => {
    const c = await cluster();
    const vip = `${c.network}.20`;
    expect(await c.externalIp('nginx')).toBe(vip);
    for (const { name } of c.handle.nodes) await c.reachable(name, vip, 10_000);
    await c.reachable('client', vip, 10_000);
  }, 60_000);

  test('exactly one node answers for the address', async () => {
    const c = await cluster();
    const owners = await c.owners(`${c.network}.20`);
    expect(owners).toHaveLength(1);
  });

  test('a second run is quick and writes nothing', async () => {
    const c = await cluster();
    const before = await versions(c);
    const run = await install(['addon', 'metallb', '--sandbox', '--name', INSTANCE, '--subnet', c.handle.subnet]);
    expect(run.output).toContain('Welcome to nginx!');
    expect(run.exitCode).toBe(0);
    expect(run.seconds).toBeLessThan(60);
    expect(await versions(c)).toEqual(before);
  }, 120_000);
});

/** What the installer owns, and at which version each object is. */
async function versions(c: Awaited<ReturnType<typeof cluster>>): Promise<Record<string, string>> {
  const kinds = [
    'deployments.apps,daemonsets.apps,configmaps,serviceaccounts,roles,rolebindings,secrets',
    'ipaddresspools.metallb.io,l2advertisements.metallb.io',
  ].join(',');
  const objects = [
    ...(await c.list(kinds, '-n', 'metallb-system')),
    ...(await c.list('services', '-n', 'default')),
    ...(await c.list('customresourcedefinitions')),
    ...(await c.list('clusterroles,clusterrolebindings', '-l', 'app.kubernetes.io/managed-by=Helm')),
  ];
  expect(objects.length).toBeGreaterThan(15);
  return Object.fromEntries(
    objects.map(({ kind, metadata }) => [`${kind} ${metadata.name}`, metadata.resourceVersion]),
  );
}
