import { describe, expect, test } from '@jest/globals';
import type { KubeObject } from '../../../src/installer/kube-object.ts';
import { silentReporter } from '../../../src/installer/progress.ts';
import { renderAddon } from '../../../src/installer/render/render-addon.ts';
import { BGP_WARNING, type Installation, runInstallation } from '../../../src/installer/run-installation.ts';
import { runRemoval } from '../../../src/installer/run-removal.ts';
import type { Helm } from '../../../src/installer/steps/helm.ts';
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

const POOL = 'metallb_vip_pool: "10.6.204.20-10.6.204.22"\nmetallb_node_subnets: 10.6.204.0/24\n';
const NODES = [clusterNode('master', '10.6.204.1'), clusterNode('n1', '10.6.204.2'), clusterNode('n2', '10.6.204.3')];
const CHART: readonly KubeObject[] = [
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'controller', namespace: 'metallb-system' } },
];

/** A Helm whose release lives in the fake cluster. */
class FakeHelm implements Helm {
  readonly #cluster: FakeCluster;
  status: string | undefined;
  upgrades = 0;

  constructor(cluster: FakeCluster) {
    this.#cluster = cluster;
  }
  async version() {
    return 'v3.19.5';
  }
  async release() {
    return this.status === undefined ? undefined : { status: this.status, revision: 1, objects: CHART };
  }
  async template() {
    return CHART;
  }
  async upgrade() {
    this.upgrades++;
    this.status = 'deployed';
    for (const object of CHART) await this.#cluster.apply(object, 'write');
  }
  async uninstall() {
    this.status = undefined;
    for (const object of CHART) await this.#cluster.delete(object);
  }
}

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

describe('removal', () => {
  test('takes everything of its own, and the namespace; the definitions stay', async () => {
    const { cluster, helm, installation } = setUp();
    await runInstallation(installation);
    await runRemoval({ ...installation, purge: false });
    expect(cluster.writes.filter((write) => write.startsWith('delete'))).toEqual([
      'delete IPAddressPool metallb-system/default',
      'delete L2Advertisement metallb-system/default',
      'delete ServiceAccount metallb-system/controller',
      'delete Namespace metallb-system',
    ]);
    expect(helm.status).toBeUndefined();
    expect([...cluster.objects.keys()].filter((key) => key.startsWith('CustomResource'))).toHaveLength(
      definitions.length,
    );
  });

  test('names the Services that keep an address, and leaves the namespace to a user’s Secret', async () => {
    const { cluster, installation } = setUp(`${POOL}metallb_wait_seconds: 5`);
    await runInstallation(installation);
    const annotations = { 'metallb.io/ip-allocated-from-pool': 'default' };
    cluster.objects.set('Service web/nginx', {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'nginx', namespace: 'web', annotations },
      status: { loadBalancer: { ingress: [{ ip: '10.6.204.20' }] } },
    });
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'bgp', namespace: 'metallb-system' } };
    cluster.objects.set('Secret metallb-system/bgp', secret);
    const { warnings } = await runRemoval({ ...installation, purge: false });
    expect(warnings).toEqual([
      'these Services lose their addresses: web/nginx (10.6.204.20)',
      'the controller did not take the addresses off these Services; delete or edit them by hand: web/nginx (10.6.204.20)',
    ]);
    expect(cluster.objects.has('Namespace metallb-system')).toBe(true);
  });

  test('--check deletes nothing', async () => {
    const { cluster, installation } = setUp();
    await runInstallation(installation);
    const before = cluster.writes.length;
    const { changes } = await runRemoval({ ...installation, mode: 'check', purge: true });
    expect(cluster.writes.slice(before)).toEqual([]);
    expect(changes.length).toBe(2 + CHART.length + 1 + definitions.length);
  });
});
