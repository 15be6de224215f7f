/** A change of metallb_protocol: the old announcement goes when the new one is up, and not before. */
import { describe, expect, test } from '@jest/globals';
import type { KubeObject } from '../../../src/installer/kube-object.ts';
import { silentReporter } from '../../../src/installer/progress.ts';
import { renderAddon } from '../../../src/installer/render/render-addon.ts';
import { type Installation, runInstallation } from '../../../src/installer/run-installation.ts';
import { formatRef } from '../../../src/installer/steps/cluster.ts';
import type { Pace } from '../../../src/installer/steps/wait.ts';
import { makePlan } from './plan/make-plan.ts';
import { definitions, kinds, templateOf, valuesSchema } from './render/role-files.ts';
import { linesOf } from './steps/failure.ts';
import {
  clusterNode,
  configurationState,
  FakeCluster,
  pod,
  READY_DAEMONSET,
  READY_DEPLOYMENT,
  workload,
} from './steps/fake-cluster.ts';
import { FakeHelm } from './steps/fake-helm.ts';

const NS = 'metallb-system';
const LAYER2 = 'metallb_vip_pool: "10.6.204.20-10.6.204.29"\nmetallb_node_subnets: 10.6.204.0/24\n';
const BGP = `${LAYER2}metallb_protocol: bgp\nmetallb_bgp_my_asn: 64512
metallb_peers: [{name: tor, peer_asn: 64513, peer_address: 10.6.204.254, bfd_profile: fast}]
metallb_bfd_profiles: [{name: fast}]
metallb_communities: [{name: no-export, value: "65535:65281"}]
`;
const RECORD = 'metallb.io/calico-blocks';

/** `ips`: "10.6.204.20,fd00::20" */
const service = (name: string, ips: string, given: { spec?: object; labels?: object } = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace: 'web', name, labels: given.labels ?? {} },
  spec: { type: 'LoadBalancer', ...given.spec },
  status: { loadBalancer: { ingress: ips.split(',').map((ip) => ({ ip })) } },
});

const slice = (name: string, conditions: object = { ready: true }): KubeObject => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { namespace: 'web', name: `${name}-1`, labels: { 'kubernetes.io/service-name': name } },
  endpoints: [{ addresses: ['172.20.0.9'], conditions }],
});

/** By node n1; `addresses`: "10.6.204.20,fd00::20". */
const announced = (
  protocol: 'layer2' | 'bgp',
  name: string,
  addresses: string | undefined,
  peers: readonly string[] = ['tor'],
): KubeObject => ({
  apiVersion: 'metallb.io/v1beta1',
  kind: protocol === 'bgp' ? 'ServiceBGPStatus' : 'ServiceL2Status',
  metadata: {
    namespace: NS,
    name: `${protocol}-${name}`,
    annotations: addresses === undefined ? {} : { 'metallb.io/announced-addresses': addresses },
  },
  status: { node: 'n1', serviceNamespace: 'web', serviceName: name, ...(protocol === 'bgp' ? { peers } : {}) },
});

const session = (status: object): KubeObject => ({
  apiVersion: 'metallb.io/v1beta1',
  kind: 'BGPSessionStatus',
  metadata: { namespace: NS, name: 'bgp-1' },
  status: { node: 'n1', peer: 'tor', address: '10.6.204.254', ...status },
});

/** Announced in layer 2, with an endpoint. */
const nginx = (name: string, ips: string): readonly KubeObject[] => [
  service(name, ips),
  slice(name),
  announced('layer2', name, ips),
];

/** Time that passes only by sleeping; `events`: what happens in the cluster, after so many seconds of it. */
class World {
  readonly cluster: FakeCluster;
  readonly helm: FakeHelm;
  #nowMs = 0;
  #events: readonly { readonly atMs: number; readonly happen: () => void }[] = [];

  constructor(objects: readonly KubeObject[]) {
    const controller = workload('Deployment', 'controller', READY_DEPLOYMENT);
    const annotations = { 'meta.helm.sh/release-name': 'metallb' };
    this.cluster = new FakeCluster([
      ...['master', 'n1', 'n2'].map((name, index) => clusterNode(name, `10.6.204.${index + 1}`)),
      { ...controller, metadata: { ...controller.metadata, annotations } },
      workload('DaemonSet', 'speaker', READY_DAEMONSET),
      pod('speaker', 'speaker-x', { spec: { nodeName: 'n1' } }),
      configurationState('controller', { result: 'Valid' }),
      configurationState('speaker-n1', { result: 'Valid' }),
      ...objects,
    ]);
    this.helm = new FakeHelm(this.cluster);
  }

  set(...objects: readonly KubeObject[]): void {
    for (const object of objects) this.cluster.objects.set(formatRef(object), object);
  }

  drop(object: KubeObject): void {
    this.cluster.objects.delete(formatRef(object));
  }

  /** Seconds from now. */
  later(events: Readonly<Record<number, () => void>>): void {
    const start = this.#nowMs;
    this.#events = Object.entries(events).map(([seconds, happen]) => ({
      atMs: start + Number(seconds) * 1000,
      happen,
    }));
  }

  get #pace(): Pace {
    return {
      now: () => this.#nowMs,
      sleep: async (milliseconds) => {
        this.#nowMs += milliseconds;
        const due = this.#events.filter(({ atMs }) => atMs <= this.#nowMs);
        this.#events = this.#events.filter(({ atMs }) => atMs > this.#nowMs);
        for (const { happen } of due) happen();
      },
    };
  }

  /** Seconds that have passed. */
  get seconds(): number {
    return this.#nowMs / 1000;
  }

  install(config: string, mode: Installation['mode'] = 'write') {
    const plan = makePlan(config);
    const resources = templateOf(plan.protocol);
    return runInstallation({
      plan,
      rendered: renderAddon({ plan, resources, values: templateOf('values'), kinds, valuesSchema }),
      role: { definitions, kinds },
      cluster: this.cluster,
      helm: this.helm,
      shell: async () => ({ exitCode: undefined, stdout: '', stderr: 'no ssh in unit tests' }),
      pace: this.#pace,
      reporter: silentReporter,
      mode,
    });
  }

  /** What was written since, without what `install` always writes. */
  async writesOf(work: () => Promise<unknown>): Promise<readonly string[]> {
    const before = this.cluster.writes.length;
    await work();
    return this.cluster.writes.slice(before);
  }
}

async function inLayer2(...objects: readonly KubeObject[]): Promise<World> {
  const world = new World(objects);
  await world.install(LAYER2);
  return world;
}

describe('from layer 2 to BGP', () => {
  test('the advertisement in layer 2 goes when every Service is announced by BGP, and has been for a moment', async () => {
    const world = await inLayer2(...nginx('a', '10.6.204.20'), ...nginx('b', '10.6.204.21'));
    world.set(session({ state: 'established' }));
    world.later({
      8: () => world.set(announced('bgp', 'a', '10.6.204.20')),
      10: () => world.set(announced('bgp', 'b', '10.6.204.21', [])),
      12: () => world.set(announced('bgp', 'b', '10.6.204.21')),
      // The session goes down again at once.
      14: () => world.drop(announced('bgp', 'b', '10.6.204.21')),
      20: () => {
        world.set(announced('bgp', 'b', '10.6.204.21'));
        expect(world.cluster.objects.has(`L2Advertisement ${NS}/default`)).toBe(true);
      },
    });
    const start = world.seconds;
    const writes = await world.writesOf(() => world.install(BGP));
    expect(writes).toEqual([
      `apply BFDProfile ${NS}/fast`,
      `apply Community ${NS}/communities`,
      `apply BGPPeer ${NS}/tor`,
      `apply BGPAdvertisement ${NS}/default`,
      `delete L2Advertisement ${NS}/default`,
    ]);
    expect(world.seconds - start).toBe(23);
  });

  test('where it does not come up nothing is taken away, and it is said why; the next run goes on from there', async () => {
    const world = await inLayer2(...nginx('a', '10.6.204.20'), ...nginx('b', '10.6.204.21'));
    world.set(announced('bgp', 'b', '10.6.204.21'), session({ state: 'active', lastError: 'connection refused' }));
    const failing = world.install(`${BGP}metallb_wait_seconds: 30`);
    expect(await linesOf(failing)).toEqual([
      'error: after 30 s 1 of 2 Services are not announced by BGP: web/a (10.6.204.20); nothing was taken away, they stay announced in layer 2',
      'error: the BGP session of node n1 with "tor" (10.6.204.254) is not established: connection refused',
      '  hint: see ./install bgp and set up the routers that are named, then run this again; or set metallb_protocol back to "layer2"; metallb_wait_seconds lengthens the wait',
      'exit 9',
    ]);
    expect(world.cluster.objects.has(`L2Advertisement ${NS}/default`)).toBe(true);
    world.set(announced('bgp', 'a', '10.6.204.20'), session({ state: 'established' }));
    expect(await world.writesOf(() => world.install(BGP))).toEqual([`delete L2Advertisement ${NS}/default`]);
    expect(await world.writesOf(() => world.install(BGP))).toEqual([]);
  });

  test('and back after it did not come up: what BGP was to be announced by goes', async () => {
    const world = await inLayer2(...nginx('a', '10.6.204.20'));
    await world.install(`${BGP}metallb_wait_seconds: 5`).catch(() => undefined);
    expect(await world.writesOf(() => world.install(LAYER2))).toEqual([
      `delete BGPAdvertisement ${NS}/default`,
      `delete BGPPeer ${NS}/tor`,
      `delete BFDProfile ${NS}/fast`,
      `delete Community ${NS}/communities`,
    ]);
  });

  test('nobody waits for Services that nobody announces, or that are not this addon’s', async () => {
    const world = await inLayer2(
      service('new', '10.6.204.20'),
      slice('new'),
      service('idle', '10.6.204.21'),
      announced('layer2', 'idle', '10.6.204.21'),
      slice('idle', { ready: false }),
      service('other', '10.6.204.22', { spec: { loadBalancerClass: 'example.com/other' } }),
      announced('layer2', 'other', '10.6.204.22'),
      slice('other'),
    );
    const { warnings } = await world.install(BGP);
    expect(warnings).toEqual([]);
    expect(world.cluster.objects.has(`L2Advertisement ${NS}/default`)).toBe(false);
  });

  test('an endpoint that is being ended but serves counts', async () => {
    const world = await inLayer2(
      service('a', '10.6.204.20'),
      announced('layer2', 'a', '10.6.204.20'),
      slice('a', { ready: false, serving: true }),
    );
    expect(await linesOf(world.install(`${BGP}metallb_wait_seconds: 5`))).toContainEqual(
      expect.stringContaining('web/a (10.6.204.20)'),
    );
  });

  test('a Service that goes while it is waited for holds nothing up', async () => {
    const world = await inLayer2(...nginx('a', '10.6.204.20'));
    world.later({ 10: () => world.drop(service('a', '')) });
    await world.install(`${BGP}metallb_wait_seconds: 20`);
    expect(world.cluster.objects.has(`L2Advertisement ${NS}/default`)).toBe(false);
  });

  test('routers that are not there are named, where others do; and Services that no advertisement covers', async () => {
    const world = await inLayer2(...nginx('a', '10.6.204.20'), ...nginx('b', '10.6.204.21'));
    world.set(
      service('a', '10.6.204.20', { labels: { tier: 'front' } }),
      announced('bgp', 'a', '10.6.204.20'),
      session({ state: 'active', peer: 'tor-2' }),
      {
        ...session({ state: 'established', notAdvertised: ['the router takes no IPv6 routes'] }),
        metadata: { namespace: NS, name: 'bgp-2' },
      },
    );
    const { warnings } = await world.install(`${BGP}metallb_advertisements: [{service_selectors: [{tier: front}]}]`);
    expect(warnings).toEqual([
      'the BGP session of node n1 with "tor" (10.6.204.254): the router takes no IPv6 routes',
      'the BGP session of node n1 with "tor-2" (10.6.204.254) is not established: it was not tried yet',
      '1 Service is announced in layer 2 and covered by no BGPAdvertisement, so nobody announces them any more: web/b (10.6.204.21)',
    ]);
  });

  describe('a Service with two addresses', () => {
    const IPS = '10.6.204.20,fd00::20';
    const pools = '["10.6.204.20-10.6.204.29", "fd00::20-fd00::29"]';
    const BOTH = `${BGP}metallb_wait_seconds: 30\n`.replace('"10.6.204.20-10.6.204.29"', pools);

    test('moves when both are announced by BGP, be it by different nodes', async () => {
      const world = await inLayer2(...nginx('a', IPS));
      const other = announced('bgp', 'a', 'fd00::20');
      world.later({
        8: () => world.set(announced('bgp', 'a', '10.6.204.20')),
        18: () => {
          expect(world.cluster.objects.has(`L2Advertisement ${NS}/default`)).toBe(true);
          world.set({ ...other, metadata: { ...other.metadata, name: 'bgp-a-of-n2' } });
        },
      });
      await world.install(BOTH);
      expect(world.cluster.objects.has(`L2Advertisement ${NS}/default`)).toBe(false);
    });

    test('does not where routers hear of one alone, and the other is named', async () => {
      const world = await inLayer2(...nginx('a', IPS));
      world.set(announced('bgp', 'a', '10.6.204.20'), session({ state: 'established' }));
      expect(await linesOf(world.install(BOTH))).toEqual([
        'error: after 30 s 1 of 1 Services are not announced by BGP: web/a (fd00::20); nothing was taken away, they stay announced in layer 2',
        'error: no speaker tells of a BGP session that fails',
        '  hint: see ./install explain -n web service/a, then run this again; or set metallb_protocol back to "layer2"; metallb_wait_seconds lengthens the wait',
        'exit 9',
      ]);
      expect(world.cluster.objects.has(`L2Advertisement ${NS}/default`)).toBe(true);
    });

    test('is waited for with the address that is announced, not with one that nobody announces', async () => {
      const world = await inLayer2(service('a', IPS), slice('a'), announced('layer2', 'a', '10.6.204.20'));
      world.set(announced('bgp', 'a', '10.6.204.20'));
      await world.install(BOTH);
      expect(world.cluster.objects.has(`L2Advertisement ${NS}/default`)).toBe(false);
    });

    test('is waited for with both where it is not said which is announced, as by MetalLB', async () => {
      const world = await inLayer2(service('a', IPS), slice('a'), announced('layer2', 'a', undefined));
      world.set(announced('bgp', 'a', '10.6.204.20'));
      expect((await linesOf(world.install(BOTH)))[0]).toContain('web/a (fd00::20)');
    });

    test('of which no advertisement covers one: that one is warned of, and holds nothing up', async () => {
      const world = await inLayer2(...nginx('a', IPS));
      world.set(announced('bgp', 'a', '10.6.204.20'));
      const { warnings } = await world.install(BGP);
      expect(warnings).toContain(
        '1 Service is announced in layer 2 and covered by no BGPAdvertisement, so nobody announces them any more: web/a (fd00::20)',
      );
    });
  });

  test('--check tells what would go, and waits for nothing', async () => {
    const world = await inLayer2(...nginx('a', '10.6.204.20'));
    const start = world.seconds;
    const writes = await world.writesOf(async () => {
      const { changes } = await world.install(BGP, 'check');
      const deleted = changes.filter(({ action }) => action === 'delete').map(({ object }) => object);
      expect(deleted).toEqual([`L2Advertisement ${NS}/default`]);
    });
    expect([writes, world.seconds]).toEqual([[], start]);
  });

  test('without a Service nothing is waited for', async () => {
    const world = await inLayer2();
    await world.install(BGP);
    expect(world.cluster.objects.has(`L2Advertisement ${NS}/default`)).toBe(false);
  });
});

describe('from BGP to layer 2', () => {
  test('sessions and routes stay until every Service is announced in layer 2', async () => {
    const world = new World([service('a', '10.6.204.20'), slice('a'), announced('bgp', 'a', '10.6.204.20')]);
    await world.install(BGP);
    world.later({
      9: () => {
        for (const kind of ['BGPAdvertisement', 'BGPPeer']) {
          expect([...world.cluster.objects.keys()].some((key) => key.startsWith(`${kind} `))).toBe(true);
        }
        world.set(announced('layer2', 'a', '10.6.204.20'));
      },
    });
    expect(await world.writesOf(() => world.install(LAYER2))).toEqual([
      `apply L2Advertisement ${NS}/default`,
      `delete BGPAdvertisement ${NS}/default`,
      `delete BGPPeer ${NS}/tor`,
      `delete BFDProfile ${NS}/fast`,
      `delete Community ${NS}/communities`,
    ]);
  });

  test('where it does not come up the routes stay', async () => {
    const world = new World([service('a', '10.6.204.20'), slice('a'), announced('bgp', 'a', '10.6.204.20')]);
    await world.install(BGP);
    expect(await linesOf(world.install(`${LAYER2}metallb_wait_seconds: 20`))).toEqual([
      'error: after 20 s 1 of 1 Services are not announced in layer 2: web/a (10.6.204.20); nothing was taken away, they stay announced by BGP',
      '  hint: see ./install explain -n web service/a, then run this again; or set metallb_protocol back to "bgp"; metallb_wait_seconds lengthens the wait',
      'exit 9',
    ]);
    expect(world.cluster.objects.has(`BGPAdvertisement ${NS}/default`)).toBe(true);
  });
});

test('Calico goes on advertising until every Service is announced by this addon', async () => {
  const world = new World([
    service('a', '10.6.204.20'),
    slice('a'),
    {
      apiVersion: 'projectcalico.org/v3',
      kind: 'BGPConfiguration',
      metadata: { name: 'default', resourceVersion: '5', annotations: { [RECORD]: '10.6.204.20/30' } },
      spec: { asNumber: 64_512, serviceLoadBalancerIPs: [{ cidr: '10.6.204.20/30' }] },
    },
  ]);
  world.cluster.calico.add('projectcalico.org/v3');
  const blocks = (): unknown => world.cluster.objects.get('BGPConfiguration default')?.['spec'];
  await expect(world.install(`${LAYER2}metallb_wait_seconds: 5`)).rejects.toMatchObject({ kind: 'timeout' });
  expect(blocks()).toMatchObject({ serviceLoadBalancerIPs: [{ cidr: '10.6.204.20/30' }] });
  world.set(announced('layer2', 'a', '10.6.204.20'));
  await world.install(LAYER2);
  expect(blocks()).toMatchObject({ serviceLoadBalancerIPs: [] });
});
