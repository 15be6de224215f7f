/**
 * The controller against a real API server: each test writes what a user would write and asserts what the API then
 * holds. One control plane for the file, one namespace of Services a test, the configuration cleared between tests.
 */
import { resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type ControlPlane, startControlPlaneForTests } from '../support/control-plane.ts';
import { type ControllerProcess, startController } from '../support/controller-process.ts';
import { waitFor } from '../support/wait-for.ts';

const CRDS = resolve(import.meta.dirname, '../../roles/cluster-addon/files/metallb/crds');
const NS = 'metallb-system';
const PORTS = { health: 27472, metrics: 27473 };
const SOON = { withinMs: 10_000, everyMs: 50 };
/** Long enough for a wrong write to have happened. */
const QUIET_MS = 1_500;

// biome-ignore lint/suspicious/noExplicitAny: API objects as the server returns them.
type ApiObject = any;

let plane: ControlPlane;
let controller: ControllerProcess;
let testNumber = 0;
/** The namespace of this test's Services. */
let apps = '';

beforeAll(async () => {
  plane = await startControlPlaneForTests();
  await kubectl('apply', '--server-side', '-f', CRDS);
  await kubectl('wait', '--for=condition=Established', '--timeout=30s', 'crd', '--all');
  await kubectl('create', 'namespace', NS);
}, 120_000);
afterAll(async () => plane?.stop());

beforeEach(async () => {
  testNumber += 1;
  apps = `apps-${testNumber}`;
  await kubectl('create', 'namespace', apps);
  controller = await startController(plane.kubeconfig, PORTS);
}, 30_000);
afterEach(async () => {
  await kubectl('delete', 'services', '-n', apps, '--all');
  await kubectl(
    'delete',
    'ipaddresspools,l2advertisements,bgpadvertisements,bgppeers,bfdprofiles,communities,configurationstates',
    '-n',
    NS,
    '--all',
  );
  await kubectl('delete', 'configmap', '-n', NS, 'config', '--ignore-not-found');
  const log = controller.log();
  if ((await controller.stop()) !== 0) throw new Error(`the controller did not end well:\n${log}`);
}, 30_000);

const kubectl = (...args: readonly string[]): Promise<string> => plane.run(...args);

const apply = (object: object): Promise<void> => plane.apply(object);

async function get(...args: readonly string[]): Promise<ApiObject> {
  return JSON.parse(await kubectl('get', '-o', 'json', ...args));
}

function pool(name: string, addresses: readonly string[], spec: object = {}): Promise<void> {
  return apply({
    apiVersion: 'metallb.io/v1beta1',
    kind: 'IPAddressPool',
    metadata: { namespace: NS, name },
    spec: { addresses, ...spec },
  });
}

function configMap(text: string): Promise<void> {
  return apply({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: NS, name: 'config' },
    data: { config: text },
  });
}

function service(name: string, spec: object = {}, annotations: object = {}): Promise<void> {
  return apply({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: apps, name, annotations },
    spec: { type: 'LoadBalancer', ports: [{ port: 80 }], ...spec },
  });
}

async function addresses(name: string): Promise<string[]> {
  const { status } = await get('service', '-n', apps, name);
  return (status.loadBalancer?.ingress ?? []).map((entry: ApiObject) => entry.ip);
}

function holds(name: string, ...want: readonly string[]): Promise<unknown> {
  return waitFor(
    `${name} holds ${want.join(', ') || 'nothing'}`,
    async () => {
      const has = await addresses(name);
      if (JSON.stringify(has) === JSON.stringify(want)) return true;
      throw new Error(`it holds ${JSON.stringify(has)}`);
    },
    SOON,
  );
}

function allocated(name: string, reason: string): Promise<ApiObject> {
  return waitFor(
    `${name} says ${reason}`,
    async () => {
      const { status } = await get('service', '-n', apps, name);
      const condition = status.conditions?.find(({ type }: ApiObject) => type === 'metallb.io/Allocated');
      if (condition?.reason === reason) return condition;
      throw new Error(`it says ${JSON.stringify(condition)}`);
    },
    SOON,
  );
}

function event(namespace: string, object: string, reason: string): Promise<ApiObject> {
  return waitFor(
    `an Event ${reason} on ${object}`,
    async () => {
      const { items } = await get('events', '-n', namespace, '--field-selector', `involvedObject.name=${object}`);
      return items.find((item: ApiObject) => item.reason === reason);
    },
    SOON,
  );
}

const poolCondition = (name: string, status: 'True' | 'False'): Promise<ApiObject> =>
  waitFor(
    `pool ${name} accepted: ${status}`,
    async () => {
      const { status: said } = await get('ipaddresspool', '-n', NS, name);
      return said?.conditions?.find((each: ApiObject) => each.type === 'Accepted' && each.status === status);
    },
    SOON,
  );

const quiet = (): Promise<void> => new Promise((done) => setTimeout(done, QUIET_MS));

describe('allocation', () => {
  test('a Service gets the lowest address, says from where, and the pool counts it', async () => {
    await pool('default', ['10.6.204.20-10.6.204.22']);
    await service('web');
    await holds('web', '10.6.204.20');
    expect(await allocated('web', 'Allocated')).toMatchObject({
      status: 'True',
      message: '10.6.204.20 from pool "default"',
    });
    const { metadata } = await get('service', '-n', apps, 'web');
    expect(metadata.annotations['metallb.io/ip-allocated-from-pool']).toBe('default');
    expect(await event(apps, 'web', 'IPAllocated')).toMatchObject({
      type: 'Normal',
      message: 'Assigned IP ["10.6.204.20"]',
      source: { component: 'metallb-controller' },
    });
    await waitFor(
      'the pool counts it',
      async () => (await get('ipaddresspool', '-n', NS, 'default')).status?.assignedIPv4 === 1,
      SOON,
    );
    const { status } = await get('ipaddresspool', '-n', NS, 'default');
    expect(status).toMatchObject({ assignedIPv4: 1, availableIPv4: 2, assignedIPv6: 0, availableIPv6: 0 });
    expect((await controller.get('metrics', '/metrics')).body).toContain(
      'metallb_allocator_addresses_in_use_total{pool="default"} 1',
    );
  }, 30_000);

  test('the first without an address is served when one is freed', async () => {
    await pool('default', ['10.6.204.20/32']);
    await service('first');
    await holds('first', '10.6.204.20');
    await service('second');
    expect(await allocated('second', 'PoolsExhausted')).toMatchObject({ status: 'False' });
    expect((await event(apps, 'second', 'AllocationFailed')).message).toContain('default: Exhausted');
    await kubectl('delete', 'service', '-n', apps, 'first');
    await holds('second', '10.6.204.20');
  }, 30_000);

  test('a request that cannot be met keeps the address that works', async () => {
    await pool('default', ['10.6.204.20-10.6.204.29']);
    await service('other', {}, { 'metallb.io/loadBalancerIPs': '10.6.204.25' });
    await service('web');
    await holds('other', '10.6.204.25');
    await holds('web', '10.6.204.20');
    await kubectl('annotate', 'service', '-n', apps, 'web', 'metallb.io/loadBalancerIPs=10.6.204.25');
    expect(await allocated('web', 'RequestedAddressInUse')).toMatchObject({ status: 'True' });
    expect(await addresses('web')).toEqual(['10.6.204.20']);
    await kubectl('annotate', 'service', '-n', apps, 'web', '--overwrite', 'metallb.io/loadBalancerIPs=10.6.204.28');
    await holds('web', '10.6.204.28');
    await kubectl('annotate', 'service', '-n', apps, 'other', '--overwrite', 'metallb.io/loadBalancerIPs=10.6.204.20');
    await holds('other', '10.6.204.20');
  }, 30_000);

  test('two Services may share one address with the same key and different ports', async () => {
    await pool('default', ['10.6.204.20-10.6.204.29']);
    await service('tcp', { ports: [{ port: 53, protocol: 'TCP' }] }, { 'metallb.io/allow-shared-ip': 'dns' });
    await holds('tcp', '10.6.204.20');
    await service('udp', { ports: [{ port: 53, protocol: 'UDP' }] }, { 'metallb.io/allow-shared-ip': 'dns' });
    await holds('udp', '10.6.204.20');
    await service('clash', { ports: [{ port: 53, protocol: 'UDP' }] }, { 'metallb.io/allow-shared-ip': 'dns' });
    await holds('clash', '10.6.204.21');
  }, 30_000);

  test('a Service that stops being a LoadBalancer keeps nothing of ours', async () => {
    await pool('default', ['10.6.204.20/32']);
    await service('web');
    await holds('web', '10.6.204.20');
    await kubectl('patch', 'service', '-n', apps, 'web', '-p', '{"spec":{"type":"ClusterIP"}}');
    await waitFor(
      'annotation and condition are gone',
      async () => {
        const { metadata, status } = await get('service', '-n', apps, 'web');
        return !metadata.annotations?.['metallb.io/ip-allocated-from-pool'] && (status.conditions ?? []).length === 0;
      },
      SOON,
    );
    expect(await addresses('web')).toEqual([]);
  }, 30_000);
});

describe('what is not ours', () => {
  test('Services of another class, and addresses that another implementation wrote, are left alone', async () => {
    await pool('default', ['10.6.204.20-10.6.204.29']);
    await service('classy', { loadBalancerClass: 'example.com/other' });
    await service('ours');
    await holds('ours', '10.6.204.20');
    await controller.stop();
    await service('elsewhere');
    const status = { status: { loadBalancer: { ingress: [{ hostname: 'lb.example.com' }] } } };
    await kubectl(
      'patch',
      'service',
      '-n',
      apps,
      'elsewhere',
      '--subresource=status',
      '--type=merge',
      '-p',
      JSON.stringify(status),
    );
    controller = await startController(plane.kubeconfig, PORTS);
    await kubectl('delete', 'ipaddresspools', '-n', NS, '--all');
    await quiet();
    await holds('ours', '10.6.204.20');
    const elsewhere = await get('service', '-n', apps, 'elsewhere');
    expect(elsewhere.status).toEqual({ loadBalancer: { ingress: [{ hostname: 'lb.example.com' }] } });
    expect((await get('service', '-n', apps, 'classy')).status).toEqual({ loadBalancer: {} });
  }, 30_000);

  test('with --lb-class only that class is served', async () => {
    await controller.stop();
    controller = await startController(plane.kubeconfig, PORTS, { args: ['--lb-class', 'metallb.io/ours'] });
    await pool('default', ['10.6.204.20-10.6.204.29']);
    await service('plain');
    await service('classy', { loadBalancerClass: 'metallb.io/ours' });
    await holds('classy', '10.6.204.20');
    await quiet();
    expect((await get('service', '-n', apps, 'plain')).status).toEqual({ loadBalancer: {} });
  }, 30_000);
});

describe('restarts', () => {
  test('every Service keeps its address, whatever the order, and nothing is written', async () => {
    await pool('default', ['10.6.204.20-10.6.204.21']);
    await service('b');
    await holds('b', '10.6.204.20');
    await service('a');
    await holds('a', '10.6.204.21');
    await service('c');
    await allocated('c', 'PoolsExhausted');
    const versions = async () =>
      (await get('services', '-n', apps)).items.map((item: ApiObject) => item.metadata.resourceVersion);
    await quiet();
    const before = await versions();
    for (let round = 0; round < 2; round++) {
      await controller.stop('SIGKILL');
      controller = await startController(plane.kubeconfig, PORTS);
      await quiet();
    }
    expect(await versions()).toEqual(before);
  }, 60_000);
});

describe('pools come and go', () => {
  test('with no pool at all nothing is taken away, and it says what is missing', async () => {
    await pool('default', ['10.6.204.20/30']);
    await service('web');
    await holds('web', '10.6.204.20');
    await kubectl('delete', 'ipaddresspool', '-n', NS, 'default');
    expect(await allocated('web', 'NoPools')).toMatchObject({ status: 'True' });
    await service('late');
    expect(await allocated('late', 'NoPools')).toMatchObject({ status: 'False' });
    await quiet();
    expect(await addresses('web')).toEqual(['10.6.204.20']);
    await pool('default', ['10.6.204.20/30']);
    await holds('late', '10.6.204.21');
    expect(await allocated('web', 'Allocated')).toMatchObject({ status: 'True' });
  }, 30_000);

  test('a pool that goes takes its addresses along, with a reason, when there is another', async () => {
    await pool('default', ['10.6.204.20/30']);
    await service('web');
    await holds('web', '10.6.204.20');
    await pool('other', ['10.6.205.20/30'], { autoAssign: false });
    await kubectl('delete', 'ipaddresspool', '-n', NS, 'default');
    await holds('web');
    expect(await allocated('web', 'NoPoolAllowed')).toMatchObject({ status: 'False' });
    expect((await event(apps, 'web', 'ClearAssignment')).message).toContain('is not allowed in config');
    expect((await get('service', '-n', apps, 'web')).metadata.annotations).not.toHaveProperty([
      'metallb.io/ip-allocated-from-pool',
    ]);
    await pool('default', ['10.6.204.20/30']);
    await holds('web', '10.6.204.20');
  }, 30_000);

  test('a pool that overlaps is refused on the object; everything else goes on, a restart included', async () => {
    await pool('default', ['10.6.204.20-10.6.204.29']);
    await service('web');
    await holds('web', '10.6.204.20');
    await pool('broken', ['10.6.204.21-10.6.204.40']);
    const condition = await poolCondition('broken', 'False');
    expect(condition).toMatchObject({ reason: 'Invalid', observedGeneration: 1 });
    expect(condition.message).toContain(
      'IPAddressPool metallb-system/broken spec.addresses[0]: 10.6.204.21-10.6.204.40 overlaps',
    );
    expect((await event(NS, 'broken', 'ConfigurationError')).type).toBe('Warning');
    const state = await waitFor(
      'the ConfigurationState says Invalid',
      async () => {
        const found = await get('configurationstate', '-n', NS, 'controller');
        return found.status?.result === 'Invalid' && found;
      },
      SOON,
    );
    expect(state.status.errorSummary).toContain('overlaps');
    expect(state.metadata.labels).toMatchObject({ 'metallb.io/component-type': 'controller' });
    expect((await controller.get('metrics', '/metrics')).body).toContain('metallb_k8s_client_config_stale_bool 1');
    await service('during');
    await holds('during', '10.6.204.21');
    await controller.stop();
    controller = await startController(plane.kubeconfig, PORTS);
    await quiet();
    expect(await addresses('web')).toEqual(['10.6.204.20']);
    expect(await addresses('during')).toEqual(['10.6.204.21']);
    await kubectl('delete', 'ipaddresspool', '-n', NS, 'broken');
    await waitFor(
      'the ConfigurationState says Valid',
      async () => (await get('configurationstate', '-n', NS, 'controller')).status?.result === 'Valid',
      SOON,
    );
  }, 60_000);

  test('an edit that breaks a pool leaves its last good version in force', async () => {
    await pool('a', ['10.6.204.20-10.6.204.29']);
    await pool('b', ['10.6.204.40-10.6.204.49']);
    await service('web', {}, { 'metallb.io/address-pool': 'b' });
    await holds('web', '10.6.204.40');
    await pool('b', ['10.6.204.25-10.6.204.49']);
    await poolCondition('b', 'False');
    await service('more', {}, { 'metallb.io/address-pool': 'b' });
    await holds('more', '10.6.204.41');
    expect(await addresses('web')).toEqual(['10.6.204.40']);
    await pool('b', ['10.6.204.30-10.6.204.49']);
    await poolCondition('b', 'True');
  }, 30_000);

  test('a pool for namespaces with a label follows the label', async () => {
    await pool('team', ['10.6.204.20/30'], {
      serviceAllocation: { namespaceSelectors: [{ matchLabels: { team: 'blue' } }] },
    });
    await service('web');
    expect((await allocated('web', 'NoPoolAllowed')).message).toContain('team: NamespaceNotAllowed');
    await kubectl('label', 'namespace', apps, 'team=blue');
    await holds('web', '10.6.204.20');
    await kubectl('label', 'namespace', apps, 'team-');
    await holds('web');
  }, 30_000);
});

describe('the verdict on every kind of configuration object', () => {
  const object = (kind: string, name: string, spec: object, version = 'v1beta1') =>
    apply({ apiVersion: `metallb.io/${version}`, kind, metadata: { namespace: NS, name }, spec });
  const conditions = (kind: string, name: string, want: readonly string[]): Promise<unknown> =>
    waitFor(
      `${kind} ${name} says ${want.join(', ')}`,
      async () => {
        const { status, metadata } = await get(kind, '-n', NS, name);
        const said = (status?.conditions ?? [])
          .filter(({ observedGeneration }: ApiObject) => observedGeneration === metadata.generation)
          .map(({ type, reason }: ApiObject) => `${type}=${reason}`);
        if (JSON.stringify(said) === JSON.stringify(want)) return true;
        throw new Error(JSON.stringify(status));
      },
      SOON,
    );
  const IN_ORDER = ['Accepted=Accepted', 'ResolvedRefs=ResolvedRefs'];
  const result = (want: string): Promise<unknown> =>
    waitFor(
      `the ConfigurationState says ${want}`,
      async () => (await get('configurationstate', '-n', NS, 'controller')).status?.result === want,
      SOON,
    );

  test('is in its conditions and in the ConfigurationState, which is made again when it is deleted', async () => {
    await pool('default', ['10.6.204.20/30']);
    await object('BFDProfile', 'fast', {});
    await object('Community', 'names', { communities: [{ name: 'blue', value: '64500:1' }] });
    const peer = { myASN: 64500, peerASN: 64501, peerAddress: '10.6.204.1' };
    await object('BGPPeer', 'router', { ...peer, bfdProfile: 'fast' }, 'v1beta2');
    await object('BGPAdvertisement', 'a', { communities: ['blue'] });
    await object('L2Advertisement', 'l', { ipAddressPools: ['default', 'gone'] });
    for (const [kind, name] of [
      ['bfdprofile', 'fast'],
      ['community', 'names'],
      ['bgppeer', 'router'],
      ['bgpadvertisement', 'a'],
    ] as const) {
      await conditions(kind, name, IN_ORDER);
    }
    await conditions('l2advertisement', 'l', ['Accepted=Accepted', 'ResolvedRefs=RefNotFound']);
    await result('Valid');
    await kubectl('delete', 'bfdprofile', '-n', NS, 'fast');
    await conditions('bgppeer', 'router', ['Accepted=Unresolved', 'ResolvedRefs=RefNotFound']);
    await result('Invalid');
    await kubectl('delete', 'configurationstate', '-n', NS, 'controller');
    await result('Invalid');
    await object('BFDProfile', 'fast', {});
    await conditions('bgppeer', 'router', IN_ORDER);
    await result('Valid');
    const { resourceVersion } = (await get('configurationstate', '-n', NS, 'controller')).metadata;
    await pool('more', ['10.6.204.40/30']);
    await poolCondition('more', 'True');
    await quiet();
    expect((await get('configurationstate', '-n', NS, 'controller')).metadata.resourceVersion).toBe(resourceVersion);
  }, 60_000);
});

describe('the old ConfigMap', () => {
  const SEED = `address-pools:
- name: default
  protocol: layer2
  addresses:
  - 10.6.204.20-10.6.204.22
`;

  test('works as it stands; a fault keeps the last good one in force and is said on it; mending it clears that', async () => {
    await configMap(SEED);
    await service('web');
    await holds('web', '10.6.204.20');
    await configMap(SEED.replace('addresses', 'adresses'));
    expect((await event(NS, 'config', 'ConfigurationError')).message).toContain(
      'ConfigMap metallb-system/config config.address-pools[0].adresses',
    );
    const noted = await get('configmap', '-n', NS, 'config');
    expect(noted.metadata.annotations['metallb.io/configuration-error']).toContain('adresses');
    await service('during');
    await holds('during', '10.6.204.21');
    expect(await addresses('web')).toEqual(['10.6.204.20']);
    await configMap(SEED);
    await waitFor(
      'the note is gone',
      async () =>
        (await get('configmap', '-n', NS, 'config')).metadata.annotations?.['metallb.io/configuration-error'] ===
        undefined,
      SOON,
    );
  }, 30_000);

  test('faulty at a start, nothing is given and nothing is taken', async () => {
    await configMap(SEED);
    await service('web');
    await holds('web', '10.6.204.20');
    await controller.stop();
    await configMap('address-pools: [');
    controller = await startController(plane.kubeconfig, PORTS, { wait: 'not' });
    await event(NS, 'config', 'ConfigurationError');
    await quiet();
    expect(await addresses('web')).toEqual(['10.6.204.20']);
    const unready = { status: 503, body: 'the configuration is faulty and no good one is known\n' };
    await waitFor(
      'it is not ready, and says why',
      async () => {
        const said = await controller.get('health', '/readyz');
        if (JSON.stringify(said) === JSON.stringify(unready)) return true;
        throw new Error(JSON.stringify(said));
      },
      SOON,
    );
    await quiet();
    expect(await addresses('web')).toEqual(['10.6.204.20']);
    expect(await controller.get('health', '/readyz')).toEqual(unready);
  }, 30_000);

  test('is set aside, and says so, as soon as there is a pool', async () => {
    await configMap(SEED);
    await pool('default', ['10.6.204.30/30']);
    await service('web');
    await holds('web', '10.6.204.28');
    expect((await event(NS, 'config', 'ConfigurationIgnored')).message).toContain('which say something else');
    await pool('default', ['10.6.204.20-10.6.204.22']);
    await apply({
      apiVersion: 'metallb.io/v1beta1',
      kind: 'L2Advertisement',
      metadata: { namespace: NS, name: 'any' },
      spec: {},
    });
    await waitFor(
      'the note says that they agree',
      async () =>
        (await get('configmap', '-n', NS, 'config')).metadata.annotations?.[
          'metallb.io/configuration-ignored'
        ]?.includes('which say the same'),
      SOON,
    );
  }, 30_000);
});
