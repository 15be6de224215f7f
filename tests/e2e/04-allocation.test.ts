/** Addresses come and go with Services, the old ConfigMap works as it stands, and broken configuration harms nothing. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Cluster, cluster, type KubeObject } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';

const SOON_MS = 20_000;

let c: Cluster;
beforeAll(async () => {
  c = await cluster();
});

function loadBalancer(name: string, extra = ''): string {
  return `
apiVersion: v1
kind: Service
metadata:
  name: ${name}
  namespace: default
spec:
  type: LoadBalancer
  selector: { app: nginx }
  ports: [{ port: 80 }]
${extra}`;
}

describe('addresses', () => {
  test('two more Services get the rest of the pool; a third waits and says why; a deletion serves it', async () => {
    const names = ['second', 'third', 'fourth'];
    for (const name of names) await c.apply(loadBalancer(name));
    // They may all arrive at one decision: who waits is the controller's choice, that one does is not.
    const { served, waiting } = await waitFor(
      'two served and one waiting with a reason',
      async () => {
        const services = await Promise.all(names.map((name) => c.get('service', name)));
        const without = services.filter(({ status }) => status?.loadBalancer?.ingress === undefined);
        const told = without.filter(({ status }) => allocated(status)?.status === 'False');
        if (without.length !== 1 || told.length !== 1) return undefined;
        return { served: services.filter((service) => !without.includes(service)), waiting: told[0] };
      },
      { withinMs: SOON_MS },
    );
    const given = served.map(({ status }) => status.loadBalancer.ingress[0].ip);
    expect([...given].sort()).toEqual([`${c.network}.21`, `${c.network}.22`]);
    const waits = String(waiting?.metadata.name);
    await waitFor(
      'the Event',
      async () =>
        (await c.kubectl('get', 'events', '--field-selector', `involvedObject.name=${waits}`)).includes(
          'AllocationFailed',
        ),
      { withinMs: SOON_MS },
    );
    await c.kubectl('delete', 'service', String(served[0]?.metadata.name));
    expect(await address(waits)).toBe(given[0]);
    await c.reachable('client', given[0], SOON_MS);
    await c.kubectl('delete', 'service', ...names, '--ignore-not-found');
  }, 120_000);

  test('the controller’s restart keeps every address', async () => {
    const before = await c.externalIp('nginx');
    await c.kubectl('rollout', 'restart', '-n', 'metallb-system', 'deployment/controller');
    await c.kubectl('rollout', 'status', '-n', 'metallb-system', 'deployment/controller', '--timeout=60s');
    expect(await c.externalIp('nginx')).toBe(before);
    await c.reachable('client', String(before), SOON_MS);
  }, 120_000);
});

describe('configuration that is broken when it arrives', () => {
  afterAll(async () => {
    await c.kubectl('delete', 'ipaddresspool', '-n', 'metallb-system', 'broken', '--ignore-not-found');
  });

  test('a pool that overlaps another is said on the object and in an Event; everything else goes on', async () => {
    await c.apply(`
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: { name: broken, namespace: metallb-system }
spec: { addresses: ["${c.network}.21-${c.network}.30"] }
`);
    const condition = await waitFor(
      'the pool’s condition',
      async () => {
        const { status } = await c.get('ipaddresspool', '-n', 'metallb-system', 'broken');
        return status?.conditions?.find(({ status: value }: { status: string }) => value === 'False');
      },
      { withinMs: SOON_MS },
    );
    expect(condition.message).toContain('overlaps');
    await waitFor(
      'the Event',
      async () =>
        (
          await c.kubectl('get', 'events', '-n', 'metallb-system', '--field-selector', 'involvedObject.name=broken')
        ).includes('overlaps'),
      { withinMs: SOON_MS },
    );
    await c.reachable('client', `${c.network}.20`, SOON_MS);
    await c.apply(loadBalancer('during'));
    expect(await address('during')).toBe(`${c.network}.21`);
    await c.kubectl('delete', 'service', 'during');
  }, 120_000);

  test('a pool whose address no one could mean is refused by the API server itself', async () => {
    await expect(
      c.apply(`
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: { name: refused, namespace: metallb-system }
spec: { addresses: ["10.0.0.300/24"] }
`),
    ).rejects.toThrow(/addresses/);
  });
});

/** Waits for the Service's address. */
function address(service: string): Promise<string> {
  return waitFor(`an address of ${service}`, () => c.externalIp(service), { withinMs: SOON_MS });
}

/** The condition that says whether a Service has its address. */
function allocated(status: KubeObject['status']): { readonly status: string } | undefined {
  return status?.conditions?.find(({ type }: { type: string }) => type === 'metallb.io/Allocated');
}
