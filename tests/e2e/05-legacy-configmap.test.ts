/** The ConfigMap of MetalLB 0.7.3, as the old guides have it, with no custom resource in sight. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Cluster, cluster, install } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';

const SOON_MS = 20_000;

let c: Cluster;
beforeAll(async () => {
  c = await cluster();
  await c.kubectl('delete', 'ipaddresspools,l2advertisements', '-n', 'metallb-system', '--all');
}, 60_000);

afterAll(async () => {
  await c.kubectl('delete', 'configmap', '-n', 'metallb-system', 'config', '--ignore-not-found');
  const run = await install(['addon', 'metallb', '-i', c.inventory]);
  expect(run.exitCode).toBe(0);
  await waitFor('the address is back', async () => (await c.externalIp('nginx')) !== undefined, { withinMs: SOON_MS });
}, 180_000);

const SECOND_SERVICE = `
apiVersion: v1
kind: Service
metadata: { name: second, namespace: default }
spec: { type: LoadBalancer, selector: { app: nginx }, ports: [{ port: 80 }] }
`;

function configMap(config: string): string {
  return `
apiVersion: v1
kind: ConfigMap
metadata:
  namespace: metallb-system
  name: config
data:
  config: |
${config.replaceAll(/^/gm, '    ')}
`;
}

describe('the old ConfigMap', () => {
  test('without any pool the Service keeps its address, and says what is missing', async () => {
    const allocated = await waitFor(
      'the reason',
      async () => {
        const { status } = await c.get('service', 'nginx');
        return status?.conditions?.find(({ reason }: { reason: string }) => reason === 'NoPools');
      },
      { withinMs: SOON_MS },
    );
    expect(allocated.message).toMatch(/no .*pool/i);
    const vip = await c.externalIp('nginx');
    expect(vip).toBeDefined();
    await c.apply(SECOND_SERVICE);
    await waitFor(
      'the other waits, and says why',
      async () => JSON.stringify((await c.get('service', 'second')).status?.conditions ?? []).includes('NoPools'),
      { withinMs: SOON_MS },
    );
    expect(await c.externalIp('second')).toBeUndefined();
    expect(await c.externalIp('nginx')).toBe(vip);
    await c.kubectl('delete', 'service', 'second');
  }, 60_000);

  test('the example of the old guides works as it stands', async () => {
    await c.apply(
      configMap(`address-pools:
- name: default
  protocol: layer2
  addresses:
  - ${c.network}.20-${c.network}.22`),
    );
    const vip = `${c.network}.20`;
    await waitFor('the address', async () => (await c.externalIp('nginx')) === vip, { withinMs: SOON_MS });
    await c.reachable('client', vip, SOON_MS);
    await c.reachable('node1', vip, SOON_MS);
  }, 60_000);

  test('a malformed one leaves the last good in force, and says so on it and in an Event', async () => {
    await c.apply(
      configMap(`address-pools:
- name: default
  protocol: layer2
  adresses:
  - ${c.network}.20-${c.network}.22`),
    );
    await waitFor(
      'the Event',
      async () =>
        (
          await c.kubectl('get', 'events', '-n', 'metallb-system', '--field-selector', 'involvedObject.kind=ConfigMap')
        ).includes('adresses'),
      { withinMs: SOON_MS },
    );
    const { metadata } = await c.get('configmap', '-n', 'metallb-system', 'config');
    expect(metadata.annotations?.['metallb.io/configuration-error']).toContain('adresses');
    expect(await c.externalIp('nginx')).toBe(`${c.network}.20`);
    await c.reachable('client', `${c.network}.20`, SOON_MS);
  }, 60_000);
});
