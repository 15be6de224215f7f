/** Addresses come and go with Services, the old ConfigMap works as it stands, and broken configuration harms nothing. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Cluster, cluster } from '../support/cluster.ts';
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
  test('two more Services get the pool’s next addresses; a fourth waits and says why; a deletion serves it', async () => {
    for (const name of ['second', 'third', 'fourth']) await c.apply(loadBalancer(name));
    const second = await address('second');
    const third = await address('third');
    const rest = ['second', 'third', 'fourth'];
    const given = [second, third].filter(Boolean);
    expect(new Set(given).size).toBe(2);
    const reason = await waitFor(
      'a reason on the Service that waits',
      async () => {
        const { status } = await c.get('service', 'fourth');
        return status?.conditions?.find(({ type }: { type: string }) => type === 'metallb.io/Allocated');
      },
      { withinMs: SOON_MS },
    );
    expect(reason).toMatchObject({ status: 'False' });
    const events = await c.kubectl('get', 'events', '--field-selector', 'involvedObject.name=fourth');
    expect(events).toContain('AllocationFailed');

    await c.kubectl('delete', 'service', 'second');
    expect(await address('fourth')).toBe(second);
    await c.reachable('client', String(second), SOON_MS);
    await c.kubectl('delete', 'service', ...rest.filter((name) => name !== 'second'));
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
