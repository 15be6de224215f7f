import { describe, expect, test } from '@jest/globals';
import type { KubeObject } from '../../../src/installer/kube-object.ts';
import { silentReporter } from '../../../src/installer/progress.ts';
import { renderAddon } from '../../../src/installer/render/render-addon.ts';
import { BGP_WARNING, type Installation, runInstallation } from '../../../src/installer/run-installation.ts';
import { runRemoval } from '../../../src/installer/run-removal.ts';
import { formatRef } from '../../../src/installer/steps/cluster.ts';
import { LIVENESS_KEY } from '../../../src/installer/steps/liveness-key.ts';
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
  virtualPace,
  workload,
} from './steps/fake-cluster.ts';
import { CHART, FakeHelm } from './steps/fake-helm.ts';

const POOL = 'metallb_vip_pool: "10.6.204.20-10.6.204.22"\nmetallb_node_subnets: 10.6.204.0/24\n';
const NODES = [clusterNode('master', '10.6.204.1'), clusterNode('n1', '10.6.204.2'), clusterNode('n2', '10.6.204.3')];
/** Programs that are running and content, as they soon are after an installation. */
const PROGRAMS = [
  workload('DaemonSet', 'speaker', READY_DAEMONSET),
  pod('speaker', 'speaker-x', { spec: { nodeName: 'n1' } }),
  configurationState('controller', { result: 'Valid' }),
  configurationState('speaker-n1', { result: 'Valid' }),
];

/** Helm's own: otherwise the installation would be taken for somebody else's. */
const CONTROLLER: KubeObject = {
  ...workload('Deployment', 'controller', READY_DEPLOYMENT),
  metadata: {
    name: 'controller',
    namespace: 'metallb-system',
    generation: 1,
    annotations: { 'meta.helm.sh/release-name': 'metallb' },
  },
};

function setUp(config = POOL, objects: readonly KubeObject[] = [...NODES, CONTROLLER, ...PROGRAMS]) {
  const cluster = new FakeCluster(objects);
  const helm = new FakeHelm(cluster);
  const plan = makePlan(config);
  const rendered = renderAddon({
    plan,
    resources: templateOf(plan.protocol),
    values: templateOf('values'),
    kinds,
    valuesSchema,
  });
  const installation: Installation = {
    plan,
    rendered,
    role: { definitions, kinds },
    cluster,
    helm,
    shell: async () => ({ exitCode: undefined, stdout: '', stderr: 'no ssh in unit tests' }),
    pace: virtualPace(),
    reporter: silentReporter,
    mode: 'write',
  };
  return { cluster, helm, installation };
}

test('the first run writes, the second writes nothing', async () => {
  const { cluster, helm, installation } = setUp();
  await runInstallation(installation);
  expect(cluster.writes).toEqual(
    expect.arrayContaining([
      'apply Namespace metallb-system',
      'apply CustomResourceDefinition ipaddresspools.metallb.io',
      'apply IPAddressPool metallb-system/default',
    ]),
  );
  const before = cluster.writes.length;
  const { changes } = await runInstallation(installation);
  expect(cluster.writes.slice(before)).toEqual([]);
  expect(helm.upgrades).toBe(1);
  expect(new Set(changes.map(({ action }) => action))).toEqual(new Set(['unchanged']));
});

test('--check writes nothing, on an empty cluster as on an installed one', async () => {
  const { cluster, helm, installation } = setUp();
  const { changes } = await runInstallation({ ...installation, mode: 'check' });
  expect(cluster.writes).toEqual([]);
  expect(helm.upgrades).toBe(0);
  expect(changes.map(({ object }) => object)).toContain('IPAddressPool metallb-system/default');
  await runInstallation(installation);
  const before = cluster.writes.length;
  await runInstallation({ ...setUp(POOL.replace('.22', '.25')).installation, cluster, helm, mode: 'check' });
  expect(cluster.writes.slice(before)).toEqual([]);
});

test('what an earlier run applied and the inventory no longer has is deleted; what was made by hand stays', async () => {
  const two = `${POOL}metallb_pools: [{name: b, addresses: 10.6.204.64/28}]`;
  const { cluster, helm, installation } = setUp(two);
  await runInstallation(installation);
  const mine = {
    apiVersion: 'metallb.io/v1beta1',
    kind: 'IPAddressPool',
    metadata: { name: 'mine', namespace: 'metallb-system' },
    spec: { addresses: ['10.6.204.96/28'] },
  };
  cluster.objects.set('IPAddressPool metallb-system/mine', mine);
  await runInstallation({ ...setUp().installation, cluster, helm });
  expect(cluster.writes.filter((write) => write.startsWith('delete'))).toEqual([
    'delete IPAddressPool metallb-system/b',
    'delete L2Advertisement metallb-system/b',
  ]);
});

describe('refusals leave the cluster as it was', () => {
  test('a kubeconfig of another cluster, though its nodes have the same names', async () => {
    const strangers = [clusterNode('master', '10.77.0.1'), clusterNode('n1', '10.77.0.2')];
    const { cluster, installation } = setUp(POOL, strangers);
    expect(await linesOf(runInstallation(installation))).toEqual([
      'error: the kubeconfig and the inventory speak of different clusters: https://10.6.204.1:6443 has the nodes master (10.77.0.1), n1 (10.77.0.2); the inventory has 10.6.204.1, 10.6.204.2, 10.6.204.3',
      '  hint: set metallb_kubeconfig to the kubeconfig of the inventory’s cluster, or name another inventory with -i',
      'exit 3',
    ]);
    expect(cluster.writes).toEqual([]);
  });

  test('a missing permission', async () => {
    const { cluster, installation } = setUp();
    cluster.forbidden.add('patch customresourcedefinitions').add('list services');
    expect(await linesOf(runInstallation(installation))).toEqual([
      'error: no permission on https://10.6.204.1:6443 to patch customresourcedefinitions.apiextensions.k8s.io; list services',
      '  hint: use a kubeconfig with the rights of a cluster administrator (metallb_kubeconfig)',
      'exit 7',
    ]);
    expect(cluster.writes).toEqual([]);
  });

  test('a cluster that is too old', async () => {
    const { cluster, installation } = setUp();
    cluster.gitVersion = 'v1.28.9';
    expect(await linesOf(runInstallation(installation))).toEqual([
      'error: the cluster at https://10.6.204.1:6443 runs Kubernetes v1.28.9; 1.29 is the oldest that can check the addon’s resources',
      '  hint: upgrade the cluster first (kubeasz: ezctl upgrade NAME)',
      'exit 6',
    ]);
    expect(cluster.writes).toEqual([]);
  });

  test('one object that the server refuses keeps all of them back', async () => {
    const { cluster, helm, installation } = setUp(`${POOL}metallb_pools: [{name: b, addresses: 10.6.204.64/28}]`);
    cluster.refusals.set('b', 'spec.addresses: not today');
    expect(await linesOf(runInstallation(installation))).toEqual([
      'error: the API server refuses IPAddressPool metallb-system/b: spec.addresses: not today',
      'error: the API server refuses L2Advertisement metallb-system/b: spec.addresses: not today',
      '  hint: nothing was written in this step; correct the inventory or the template and run the command again',
      'exit 6',
    ]);
    expect(cluster.writes.filter((write) => write.includes('IPAddressPool '))).toEqual([]);
    expect(helm.upgrades).toBe(0);
  });

  test('a pool that overlaps a hand-made one', async () => {
    const { cluster, installation } = setUp();
    const mine = {
      apiVersion: 'metallb.io/v1beta1',
      kind: 'IPAddressPool',
      metadata: { name: 'mine', namespace: 'metallb-system' },
      spec: { addresses: ['10.6.204.16/28'] },
    };
    cluster.objects.set('IPAddressPool metallb-system/mine', mine);
    expect((await linesOf(runInstallation(installation)))[0]).toBe(
      'error: IPAddressPool default spec.addresses[0]: 10.6.204.20-10.6.204.22 overlaps 10.6.204.16/28 of IPAddressPool "mine"; an address belongs to one pool only',
    );
    expect(cluster.writes.filter((write) => write.includes('IPAddressPool'))).toEqual([]);
  });

  test('programs that somebody else installed', async () => {
    const { cluster, installation } = setUp(POOL, [...NODES, workload('Deployment', 'controller', READY_DEPLOYMENT)]);
    expect(await linesOf(runInstallation(installation))).toEqual([
      'error: Deployment metallb-system/controller is there already and was installed by something else, not by metallb_install_method "helm"',
      '  hint: remove the other installation first: `kubectl -n metallb-system delete deployment/controller daemonset/speaker`; custom resources and the Services’ addresses stay',
      'exit 6',
    ]);
    expect(cluster.writes.filter((write) => write.includes('IPAddressPool '))).toEqual([]);
  });

  test('a helm run that was interrupted', async () => {
    const { helm, installation } = setUp();
    helm.status = 'pending-upgrade';
    expect(await linesOf(runInstallation(installation))).toEqual([
      'error: the Helm release metallb is in the state pending-upgrade: a helm run was interrupted, or one is at work now',
      '  hint: if none is at work: `helm -n metallb-system rollback metallb`, and run this again',
      'exit 6',
    ]);
  });
});

test('bgp comes with a warning, because nothing is announced yet', async () => {
  const config = `${POOL}metallb_protocol: bgp\nmetallb_peers: [{name: r, my_asn: 1, peer_asn: 2, peer_address: 10.0.0.1}]`;
  expect((await runInstallation(setUp(config).installation)).warnings).toEqual([BGP_WARNING]);
});

const ANNOTATION = 'metallb.io/ip-allocated-from-pool';
const OLD_ANNOTATION = 'metallb.universe.tf/ip-allocated-from-pool';

/** "namespace/name"; as the controller leaves it, unless the test says otherwise. */
function service(
  key: string,
  given: {
    readonly ips: readonly string[];
    readonly hostnames?: readonly string[];
    /** "": no annotation. */
    readonly pool?: string;
    readonly annotation?: string;
    readonly condition?: boolean;
    readonly resourceVersion?: string;
  },
): KubeObject {
  const { ips, hostnames = [], pool = 'default', annotation = ANNOTATION, condition = true } = given;
  const [namespace = '', name = ''] = key.split('/');
  const ingress = [...ips.map((ip) => ({ ip })), ...hostnames.map((hostname) => ({ hostname }))];
  const conditions = [{ type: 'example.com/Kept' }, ...(condition ? [{ type: 'metallb.io/Allocated' }] : [])];
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name,
      namespace,
      resourceVersion: given.resourceVersion ?? '1',
      annotations: { 'example.com/kept': 'yes', ...(pool === '' ? {} : { [annotation]: pool }) },
    },
    status: { loadBalancer: ingress.length === 0 ? {} : { ingress }, conditions },
  };
}

function put(cluster: FakeCluster, object: KubeObject): void {
  cluster.objects.set(formatRef(object), object);
}

function ingressOf(cluster: FakeCluster, key: string): unknown {
  const status = cluster.objects.get(`Service ${key}`)?.['status'] as
    | { loadBalancer: { ingress?: unknown } }
    | undefined;
  return status?.loadBalancer.ingress;
}

describe('the speakers’ key', () => {
  test('is made of 32 random bytes before the programs, once, and never shown', async () => {
    const { cluster, installation } = setUp();
    const { changes } = await runInstallation(installation);
    const key = () => cluster.objects.get('Secret metallb-system/metallb-liveness')?.['data'] as { key: string };
    const made = key().key;
    expect(Buffer.from(made, 'base64')).toHaveLength(32);
    expect(JSON.stringify(changes)).not.toContain(made);
    const place = (text: string) => cluster.writes.findIndex((write) => write.includes(text));
    expect(place('metallb-liveness')).toBeGreaterThan(place('Namespace'));
    await runInstallation(installation);
    expect(key().key).toBe(made);
    const other = setUp();
    await runInstallation(other.installation);
    expect(JSON.stringify(other.cluster.objects.get('Secret metallb-system/metallb-liveness'))).not.toContain(made);
  });
});

describe('removal', () => {
  test('takes everything of its own, and the namespace; the definitions stay', async () => {
    const { cluster, helm, installation } = setUp();
    await runInstallation(installation);
    await runRemoval({ ...installation, purge: false });
    expect(cluster.writes.filter((write) => write.startsWith('delete'))).toEqual([
      'delete IPAddressPool metallb-system/default',
      'delete L2Advertisement metallb-system/default',
      'delete ServiceAccount metallb-system/controller',
      'delete Secret metallb-system/metallb-liveness',
      'delete Namespace metallb-system',
    ]);
    expect(helm.status).toBeUndefined();
    expect([...cluster.objects.keys()].filter((key) => key.startsWith('CustomResource'))).toHaveLength(
      definitions.length,
    );
  });

  test('names the Services that lose their addresses, and leaves the namespace to a user’s Secret', async () => {
    const { cluster, installation } = setUp();
    await runInstallation(installation);
    put(cluster, service('web/nginx', { ips: ['10.6.204.20'] }));
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'bgp', namespace: 'metallb-system' } };
    cluster.objects.set('Secret metallb-system/bgp', secret);
    const { changes, warnings } = await runRemoval({ ...installation, purge: false });
    expect(warnings).toEqual(['these Services lose their addresses: web/nginx (10.6.204.20)']);
    expect(changes).toContainEqual({ action: 'update', object: 'Service web/nginx', fields: ['status.loadBalancer'] });
    expect(cluster.objects.has('Namespace metallb-system')).toBe(true);
  });

  test('leaves the speakers’ key alone where the user made it', async () => {
    const { cluster, installation } = setUp();
    const own = { ...LIVENESS_KEY, data: { key: 'c2VjcmV0' } };
    cluster.objects.set('Secret metallb-system/metallb-liveness', own);
    await runInstallation(installation);
    expect(cluster.objects.get('Secret metallb-system/metallb-liveness')).toEqual(own);
    await runRemoval({ ...installation, purge: false });
    expect(cluster.objects.get('Secret metallb-system/metallb-liveness')).toEqual(own);
    expect(cluster.objects.has('Namespace metallb-system')).toBe(true);
  });

  test('takes the addresses off after the programs have gone', async () => {
    const { cluster, installation } = setUp();
    await runInstallation(installation);
    put(cluster, service('web/nginx', { ips: ['10.6.204.20'] }));
    const before = cluster.writes.length;
    await runRemoval({ ...installation, purge: false });
    expect(cluster.writes.slice(before)).toEqual([
      'delete IPAddressPool metallb-system/default',
      'delete L2Advertisement metallb-system/default',
      'delete ServiceAccount metallb-system/controller',
      'delete Secret metallb-system/metallb-liveness',
      'patch Service web/nginx',
      'delete Namespace metallb-system',
    ]);
    expect(cluster.objects.get('Service web/nginx')).toMatchObject({
      metadata: { annotations: { 'example.com/kept': 'yes' } },
      status: { loadBalancer: {}, conditions: [{ type: 'example.com/Kept' }] },
    });
    expect(JSON.stringify(cluster.objects.get('Service web/nginx'))).not.toContain('metallb');
  });

  test('waits for a controller that is still running, and says when it does not end', async () => {
    const { cluster, installation } = setUp(`${POOL}metallb_wait_seconds: 5`);
    await runInstallation(installation);
    put(cluster, pod('controller', 'controller-x'));
    const { warnings } = await runRemoval({ ...installation, purge: false });
    expect(warnings).toEqual(['a controller still runs after 5 s; while it does, it may give out addresses']);
  });

  test('run again after it was broken off, it ends what it began', async () => {
    const { cluster, installation } = setUp();
    put(cluster, service('web/nginx', { ips: ['10.6.204.20'] }));
    await runRemoval({ ...installation, purge: false });
    expect(ingressOf(cluster, 'web/nginx')).toBeUndefined();
  });

  const foreign: readonly { name: string; given: Parameters<typeof service>[1] }[] = [
    { name: 'of another MetalLB with a pool of the same name', given: { ips: ['192.0.2.9'], condition: false } },
    { name: 'of another MetalLB with other pools', given: { ips: ['192.0.2.9'], pool: 'other', condition: false } },
    { name: 'of a cloud', given: { ips: [], hostnames: ['lb.example.com'], condition: false } },
    { name: 'that a cloud took over', given: { ips: [], hostnames: ['lb.example.com'] } },
    { name: 'of nobody we know', given: { ips: ['10.6.204.20'], pool: '', condition: false } },
  ];
  test.each(foreign)('leaves alone a Service $name', async ({ given }) => {
    const { cluster, installation } = setUp();
    await runInstallation(installation);
    const before = service('web/nginx', given);
    put(cluster, before);
    await runRemoval({ ...installation, purge: false });
    expect(cluster.objects.get('Service web/nginx')).toEqual(before);
  });

  const ours: readonly { name: string; given: Parameters<typeof service>[1] }[] = [
    { name: 'that bears no condition yet', given: { ips: ['10.6.204.20'], condition: false } },
    { name: 'with the annotation’s old name', given: { ips: ['10.6.204.20'], annotation: OLD_ANNOTATION } },
    { name: 'whose pool was another when it got its address', given: { ips: ['10.6.205.20'] } },
    { name: 'of a pool that has gone before', given: { ips: ['10.6.205.20'], pool: 'gone' } },
  ];
  test.each(ours)('takes its address off a Service $name', async ({ given }) => {
    const { cluster, installation } = setUp();
    await runInstallation(installation);
    put(cluster, service('web/nginx', given));
    await runRemoval({ ...installation, purge: false });
    expect(ingressOf(cluster, 'web/nginx')).toBeUndefined();
  });

  test('a pending Service only loses what the controller noted on it', async () => {
    const { cluster, installation } = setUp();
    await runInstallation(installation);
    put(cluster, service('web/nginx', { ips: [], pool: '' }));
    const { warnings } = await runRemoval({ ...installation, purge: false });
    expect(warnings).toEqual([]);
    expect(JSON.stringify(cluster.objects.get('Service web/nginx'))).not.toContain('metallb');
  });

  test('a pool that somebody else made stays, and so do its Services’ addresses, of which is warned', async () => {
    const { cluster, installation } = setUp();
    await runInstallation(installation);
    const mine = {
      apiVersion: 'metallb.io/v1beta1',
      kind: 'IPAddressPool',
      metadata: { name: 'mine', namespace: 'metallb-system' },
      spec: { addresses: ['10.6.204.96/28'] },
    };
    put(cluster, mine);
    put(cluster, service('web/nginx', { ips: ['10.6.204.97'], pool: 'mine' }));
    const { warnings } = await runRemoval({ ...installation, purge: false });
    expect(warnings).toEqual(['nobody will announce these addresses any more: web/nginx (10.6.204.97)']);
    expect(ingressOf(cluster, 'web/nginx')).toEqual([{ ip: '10.6.204.97' }]);
    await runRemoval({ ...installation, purge: true });
    expect(ingressOf(cluster, 'web/nginx')).toBeUndefined();
  });

  test('a Service that changes meanwhile is looked at again', async () => {
    const { cluster, installation } = setUp();
    await runInstallation(installation);
    put(cluster, service('web/nginx', { ips: ['10.6.204.20'] }));
    put(cluster, service('web/taken', { ips: ['10.6.204.21'] }));
    cluster.beforePatch = (key) => {
      cluster.beforePatch = undefined;
      // Somebody edits the one, and a cloud takes the other.
      expect(key).toBe('Service web/nginx');
      put(cluster, service('web/nginx', { ips: ['10.6.204.20'], resourceVersion: '77' }));
      put(cluster, service('web/taken', { ips: [], hostnames: ['lb.example.com'], resourceVersion: '78' }));
    };
    const { warnings } = await runRemoval({ ...installation, purge: false });
    expect(warnings).toHaveLength(1);
    expect(ingressOf(cluster, 'web/nginx')).toBeUndefined();
    expect(ingressOf(cluster, 'web/taken')).toEqual([{ hostname: 'lb.example.com' }]);
  });

  test('a Service that changes every time is named, and the rest goes on', async () => {
    const { cluster, installation } = setUp();
    await runInstallation(installation);
    put(cluster, service('web/busy', { ips: ['10.6.204.20'] }));
    let version = 100;
    cluster.beforePatch = () => {
      version += 1;
      put(cluster, service('web/busy', { ips: ['10.6.204.20'], resourceVersion: String(version) }));
    };
    const { warnings } = await runRemoval({ ...installation, purge: false });
    expect(warnings).toEqual([
      'these Services lose their addresses: web/busy (10.6.204.20)',
      'somebody else keeps writing to these Services, they still hold their addresses: web/busy (10.6.204.20)',
    ]);
    expect(cluster.objects.has('Namespace metallb-system')).toBe(false);
  });

  test('--check says which Services would lose their addresses', async () => {
    const { cluster, installation } = setUp();
    await runInstallation(installation);
    put(cluster, service('web/nginx', { ips: ['10.6.204.20'] }));
    const { changes, warnings } = await runRemoval({ ...installation, mode: 'check', purge: false });
    expect(warnings).toEqual(['these Services would lose their addresses: web/nginx (10.6.204.20)']);
    expect(changes).toContainEqual({ action: 'update', object: 'Service web/nginx', fields: ['status.loadBalancer'] });
    expect(ingressOf(cluster, 'web/nginx')).toEqual([{ ip: '10.6.204.20' }]);
  });

  test('--check deletes nothing', async () => {
    const { cluster, installation } = setUp();
    await runInstallation(installation);
    const before = cluster.writes.length;
    const { changes } = await runRemoval({ ...installation, mode: 'check', purge: true });
    expect(cluster.writes.slice(before)).toEqual([]);
    expect(changes.length).toBe(2 + CHART.length + 1 + 1 + definitions.length);
  });
});
