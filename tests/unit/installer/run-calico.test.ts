/** The installation with Calico in the cluster: as the one who advertises, as one who did, and as a rival. */
import { describe, expect, test } from '@jest/globals';
import type { InstallError } from '../../../src/installer/errors.ts';
import type { KubeObject } from '../../../src/installer/kube-object.ts';
import { silentReporter } from '../../../src/installer/progress.ts';
import { renderAddon } from '../../../src/installer/render/render-addon.ts';
import { type Installation, runInstallation } from '../../../src/installer/run-installation.ts';
import { runRemoval } from '../../../src/installer/run-removal.ts';
import { ClusterError } from '../../../src/installer/steps/cluster.ts';
import { makePlan } from './plan/make-plan.ts';
import { definitions, kinds, templateOf, valuesSchema } from './render/role-files.ts';
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
import { FakeHelm } from './steps/fake-helm.ts';

const V3 = 'projectcalico.org/v3';
const CRD = 'crd.projectcalico.org/v1';
const RECORD = 'metallb.io/calico-blocks';
const POOL = 'metallb_vip_pool: "10.9.0.16-10.9.0.33"\n';
const CALICO = `${POOL}metallb_protocol: calico\n`;
const BGP = `${POOL}metallb_protocol: bgp\nmetallb_bgp_my_asn: 64512
metallb_peers: [{name: tor, peer_asn: 64513, peer_address: 10.6.204.254}]
`;

const bgpConfiguration = (cidrs: readonly string[], annotations: object = {}, apiVersion = V3): KubeObject => ({
  apiVersion,
  kind: 'BGPConfiguration',
  metadata: { name: 'default', resourceVersion: '5', annotations },
  spec: { asNumber: 64_512, serviceLoadBalancerIPs: cidrs.map((cidr) => ({ cidr })) },
});

const bgpPeer = (name: string, peerIP: string, apiVersion = V3): KubeObject => ({
  apiVersion,
  kind: 'BGPPeer',
  metadata: { name },
  spec: { peerIP, asNumber: 64_513 },
});

/** Programs that run and are content, in a cluster with Calico. */
function setUp(config: string, objects: readonly KubeObject[] = [], served: readonly string[] = [V3]) {
  const annotations = { 'meta.helm.sh/release-name': 'metallb' };
  const controller = workload('Deployment', 'controller', READY_DEPLOYMENT);
  const plan = makePlan(config);
  const speakers = [
    workload('DaemonSet', 'speaker', READY_DAEMONSET),
    pod('speaker', 'speaker-x', { spec: { nodeName: 'n1' } }),
    configurationState('speaker-n1', { result: 'Valid' }),
  ];
  const cluster = new FakeCluster([
    ...['master', 'n1', 'n2'].map((name, index) => clusterNode(name, `10.6.204.${index + 1}`)),
    { ...controller, metadata: { ...controller.metadata, annotations } },
    configurationState('controller', { result: 'Valid' }),
    ...(plan.protocol === 'calico' ? [] : speakers),
    ...objects,
  ]);
  for (const apiVersion of served) cluster.calico.add(apiVersion);
  const resources = templateOf(plan.protocol);
  const installation: Installation = {
    plan,
    rendered: renderAddon({ plan, resources, values: templateOf('values'), kinds, valuesSchema }),
    role: { definitions, kinds },
    cluster,
    helm: new FakeHelm(cluster),
    shell: async () => ({ exitCode: undefined, stdout: '', stderr: 'no ssh in unit tests' }),
    pace: virtualPace(),
    reporter: silentReporter,
    mode: 'write',
  };
  return { cluster, installation };
}

const blocks = (cluster: FakeCluster): readonly string[] => {
  const spec = cluster.objects.get('BGPConfiguration default')?.['spec'] as {
    serviceLoadBalancerIPs: readonly { cidr: string }[];
  };
  return spec.serviceLoadBalancerIPs.map(({ cidr }) => cidr);
};

const annotationsOf = (cluster: FakeCluster): unknown =>
  cluster.objects.get('BGPConfiguration default')?.metadata['annotations'];

const failureOf = (work: Promise<unknown>): Promise<InstallError> =>
  work.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: InstallError) => error,
  );

describe('metallb_protocol "calico"', () => {
  test('Calico is told before the programs change; there is no speaker to wait for; a second run writes nothing', async () => {
    const { cluster, installation } = setUp(CALICO, [
      bgpConfiguration(['192.0.2.0/24']),
      bgpPeer('tor', '10.6.204.254'),
    ]);
    const { changes, warnings } = await runInstallation(installation);
    expect(warnings).toEqual([]);
    expect(blocks(cluster)).toEqual(['192.0.2.0/24', '10.9.0.16/28', '10.9.0.32/31']);
    expect(annotationsOf(cluster)).toEqual({ [RECORD]: '10.9.0.16/28,10.9.0.32/31' });
    const order = cluster.writes.filter((write) => /BGPConfiguration|ServiceAccount/.test(write));
    expect(order).toEqual(['patch BGPConfiguration default', 'apply ServiceAccount metallb-system/controller']);
    expect(changes).toContainEqual({
      action: 'update',
      object: 'BGPConfiguration default',
      fields: ['spec.serviceLoadBalancerIPs: + 10.9.0.16/28', 'spec.serviceLoadBalancerIPs: + 10.9.0.32/31'],
    });
    expect(cluster.objects.has('L2Advertisement metallb-system/default')).toBe(false);
    expect(cluster.objects.has('IPAddressPool metallb-system/default')).toBe(true);
    const before = cluster.writes.length;
    await runInstallation(installation);
    expect(cluster.writes.slice(before)).toEqual([]);
  });

  test('an object that nobody has made is made, of the group that is served', async () => {
    const { cluster, installation } = setUp(CALICO, [bgpPeer('tor', '10.6.204.254', CRD)], [CRD]);
    await runInstallation(installation);
    expect(cluster.objects.get('BGPConfiguration default')?.apiVersion).toBe(CRD);
    expect(blocks(cluster)).toEqual(['10.9.0.16/28', '10.9.0.32/31']);
  });

  test('--check says what would be added, and writes nothing', async () => {
    const { cluster, installation } = setUp(CALICO, [bgpPeer('tor', '10.6.204.254')]);
    const { changes } = await runInstallation({ ...installation, mode: 'check' });
    expect(changes).toContainEqual({ action: 'create', object: 'BGPConfiguration default', fields: [] });
    expect(cluster.writes).toEqual([]);
  });

  test('what the controller has put in for pools made by hand stays', async () => {
    const own = bgpConfiguration(['10.7.0.0/24'], { [RECORD]: '10.7.0.0/24' });
    const { cluster, installation } = setUp(CALICO, [own, bgpPeer('tor', '10.6.204.254')]);
    await runInstallation(installation);
    expect(blocks(cluster)).toEqual(['10.7.0.0/24', '10.9.0.16/28', '10.9.0.32/31']);
  });

  test('somebody writes in between: it starts again from what they wrote; who always does is given up on', async () => {
    const { cluster, installation } = setUp(CALICO, [bgpConfiguration([]), bgpPeer('tor', '10.6.204.254')]);
    let others = 0;
    const interfere = (times: number) => (key: string) => {
      if (key !== 'BGPConfiguration default' || others >= times) return;
      others += 1;
      const theirs = bgpConfiguration([`192.0.2.${others}/32`]);
      cluster.objects.set(key, { ...theirs, metadata: { ...theirs.metadata, resourceVersion: `other-${others}` } });
    };
    cluster.beforePatch = interfere(2);
    await runInstallation(installation);
    expect(blocks(cluster)).toEqual(['192.0.2.2/32', '10.9.0.16/28', '10.9.0.32/31']);
    cluster.objects.set('BGPConfiguration default', bgpConfiguration([]));
    others = 0;
    cluster.beforePatch = interfere(100);
    expect(await failureOf(runInstallation(installation))).toMatchObject({
      kind: 'cluster',
      problem: 'BGPConfiguration default: the object has been modified',
    });
  });

  test('without Calico nothing is touched', async () => {
    const { cluster, installation } = setUp(CALICO, [], []);
    expect(await failureOf(runInstallation(installation))).toMatchObject({
      kind: 'cluster',
      problem: expect.stringContaining(`the cluster serves neither ${V3} nor ${CRD}: it has no Calico`),
      hint: expect.stringContaining('metallb_protocol'),
    });
    expect(cluster.writes).toEqual([]);
  });

  test('a Calico without routers is told of', async () => {
    const { warnings } = await runInstallation(setUp(CALICO).installation);
    expect(warnings).toEqual([expect.stringContaining('Calico has no BGPPeer')]);
  });

  test('an API of Calico that is down is looked past where what it stores in can be read, else it stops the work', async () => {
    const given = [bgpConfiguration([], {}, CRD), bgpPeer('tor', '10.6.204.254', CRD)];
    const down = (cluster: FakeCluster): void => {
      const serves = cluster.serves.bind(cluster);
      cluster.serves = async (kind) => {
        if (kind.apiVersion !== V3) return serves(kind);
        throw new ClusterError({ status: 503, reason: 'ServiceUnavailable', message: 'no endpoints' });
      };
    };
    const { cluster, installation } = setUp(CALICO, given, [CRD]);
    down(cluster);
    await runInstallation(installation);
    expect(blocks(cluster)).toEqual(['10.9.0.16/28', '10.9.0.32/31']);
    const other = setUp(CALICO, [], []);
    down(other.cluster);
    expect(await failureOf(runInstallation(other.installation))).toMatchObject({
      problem: expect.stringContaining('Calico’s BGP objects cannot be read: no endpoints'),
    });
    const layer2 = setUp(`${POOL}metallb_node_subnets: 10.9.0.0/24\n`, [], []);
    down(layer2.cluster);
    expect((await runInstallation(layer2.installation)).warnings).toEqual([
      'Calico’s BGP objects cannot be read, and were not looked at: no endpoints',
    ]);
  });
});

describe('when the mode ends', () => {
  const OWN = bgpConfiguration(['10.9.0.16/28', '192.0.2.0/24', '10.9.0.32/31'], {
    [RECORD]: '10.9.0.16/28,10.9.0.32/31',
    theirs: 'x',
  });
  const LAYER2 = `${POOL}metallb_node_subnets: 10.9.0.0/24\n`;

  test('ours go, once the speakers run and took the configuration', async () => {
    const { cluster, installation } = setUp(LAYER2, [OWN]);
    await runInstallation(installation);
    expect(blocks(cluster)).toEqual(['192.0.2.0/24']);
    expect(annotationsOf(cluster)).toEqual({ theirs: 'x' });
    expect(cluster.writes.at(-1)).toBe('patch BGPConfiguration default');
  });

  test('they stay as long as the new configuration is not in force', async () => {
    const { cluster, installation } = setUp(LAYER2, [OWN]);
    const refused = configurationState('speaker-n1', { result: 'Invalid', errorSummary: 'no' });
    cluster.objects.set('ConfigurationState metallb-system/speaker-n1', refused);
    await failureOf(runInstallation(installation));
    expect(blocks(cluster)).toHaveLength(3);
  });

  test('--check says so', async () => {
    const { cluster, installation } = setUp(LAYER2, [OWN]);
    const { changes } = await runInstallation({ ...installation, mode: 'check' });
    expect(changes.at(-1)?.fields).toEqual([
      'spec.serviceLoadBalancerIPs: - 10.9.0.16/28',
      'spec.serviceLoadBalancerIPs: - 10.9.0.32/31',
    ]);
    expect(cluster.writes).toEqual([]);
  });

  test('a removal takes them out as well', async () => {
    const { cluster, installation } = setUp(CALICO, [OWN, bgpPeer('tor', '10.6.204.254')]);
    await runInstallation(installation);
    cluster.objects.delete('Deployment metallb-system/controller');
    const { changes } = await runRemoval({ ...installation, mode: 'check', purge: false });
    expect(changes.map(({ object }) => object)).toContain('BGPConfiguration default');
    expect(blocks(cluster)).toHaveLength(3);
    await runRemoval({ ...installation, purge: false });
    expect(blocks(cluster)).toEqual(['192.0.2.0/24']);
  });
});

describe('Calico as a rival of metallb_protocol "bgp"', () => {
  const rivals = async (...objects: readonly KubeObject[]): Promise<readonly string[]> => {
    const { warnings } = await runInstallation({ ...setUp(BGP, objects).installation, mode: 'check' });
    return warnings.filter((text) => text.includes('Calico'));
  };

  test('a block of somebody’s that covers a pool', async () => {
    expect(await rivals(bgpConfiguration(['10.9.0.0/27']))).toEqual([
      'config.yml:1: Calico advertises 10.9.0.16-10.9.0.33 of the pool "default" as well (BGPConfiguration default, ' +
        'spec.serviceLoadBalancerIPs: 10.9.0.0/27): routers hear of every address twice, and from Calico of every node, ' +
        'whatever the advertisements say; take the entry out there, or set metallb_protocol to "calico"',
    ]);
  });

  test.each([
    { name: 'another block', given: bgpConfiguration(['10.9.1.0/24', 'odd']) },
    { name: 'ours, which are about to go', given: bgpConfiguration(['10.9.0.16/28'], { [RECORD]: '10.9.0.16/28' }) },
    { name: 'another router', given: bgpPeer('other', '10.6.204.253') },
    { name: 'another port', given: bgpPeer('other', '10.6.204.254:1179') },
    { name: 'a peer by selector', given: bgpPeer('reflectors', '') },
  ])('$name is no trouble', async ({ given }) => {
    expect(await rivals(given)).toEqual([]);
  });

  test('the port at which BIRD listens', async () => {
    const warned = async (config: string, ...objects: readonly KubeObject[]): Promise<readonly string[]> => {
      const { warnings } = await runInstallation({ ...setUp(config, objects).installation, mode: 'check' });
      return warnings.filter((text) => text.includes('BIRD listens'));
    };
    expect(await warned(`${BGP}metallb_bgp_listen_port: 179\n`)).toEqual([
      expect.stringMatching(/^metallb_bgp_listen_port is 179, where Calico’s BIRD listens/),
    ]);
    expect(await warned(`${BGP}metallb_bgp_listen_port: 1179\n`)).toEqual([]);
    const moved = bgpConfiguration([]);
    const other = { ...moved, spec: { ...(moved['spec'] as object), listenPort: 178 } };
    expect(await warned(`${BGP}metallb_bgp_listen_port: 179\n`, other)).toEqual([]);
    expect(await warned(`${BGP}metallb_bgp_listen_port: 178\n`, other)).toHaveLength(1);
  });

  test('that port, where a node says that it is taken: refused before anything is touched', async () => {
    const { cluster, installation } = setUp(`${BGP}metallb_bgp_listen_port: 179\n`);
    const stdout = 'LISTEN 0 8 0.0.0.0:179 0.0.0.0:* users:(("bird",pid=71,fd=7))';
    const failing = runInstallation({ ...installation, shell: async () => ({ exitCode: 0, stdout, stderr: '' }) });
    expect((await failureOf(failing)).problem).toContain('"bird" (pid 71) on 10.6.204.1');
    expect(cluster.writes).toEqual([]);
  });

  test.each(['10.6.204.254', '10.6.204.254:179', '[10.6.204.254]:179'])(
    'a session with the same router: %s',
    async (at) => {
      expect(await rivals(bgpPeer('rack-1', at))).toEqual([
        expect.stringMatching(
          /^config\.yml:4: the router of the peer "tor", 10\.6\.204\.254, is that of Calico’s BGPPeer "rack-1" too/,
        ),
      ]);
    },
  );
});
