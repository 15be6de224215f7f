import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { KubeObject } from '../../../src/installer/kube-object.ts';
import { silentReporter } from '../../../src/installer/progress.ts';
import { applyMigration } from '../../../src/installer/run-migration.ts';
import { toServiceView } from '../../../src/runtime/adapters/kube/read-service.ts';
import { linesOf } from './steps/failure.ts';
import { configurationState, FakeCluster, virtualPace } from './steps/fake-cluster.ts';

const WAITING = 'metallb.io/waits-for-configmap';
const IGNORED = 'metallb.io/configuration-ignored';
const SAME = 'not used, because IPAddressPool objects exist, which say the same: delete this ConfigMap';
const CONFIG = `
address-pools:
- {name: a, protocol: layer2, addresses: [10.0.0.0/30]}
- {name: b, protocol: layer2, addresses: [10.0.1.0/30]}
`;
const CONFIG_MAP: KubeObject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'config', namespace: 'metallb-system' },
  data: { config: CONFIG },
};
const web = (address: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'default', annotations: { 'metallb.io/ip-allocated-from-pool': 'a' } },
  spec: { type: 'LoadBalancer', clusterIPs: ['10.68.0.9'], ipFamilies: ['IPv4'], ports: [{ port: 80 }] },
  status: { loadBalancer: { ingress: [{ ip: address }] } },
});

/** A cluster whose controller says and does something as soon as a pool no longer waits. */
class SwitchedCluster extends FakeCluster {
  onSwitch: () => void = () => {};

  override async apply(object: KubeObject, mode: 'write' | 'dry-run'): Promise<KubeObject> {
    const result = await super.apply(object, mode);
    const annotations = (object.metadata['annotations'] ?? {}) as Record<string, string>;
    if (mode === 'write' && object.kind === 'IPAddressPool' && annotations[WAITING] === undefined) this.onSwitch();
    return result;
  }

  note(text: string): void {
    const metadata = { ...CONFIG_MAP.metadata, annotations: { [IGNORED]: text } };
    this.objects.set('ConfigMap metallb-system/config', { ...CONFIG_MAP, metadata });
  }
}

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'metallb-migration-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function setUp() {
  const cluster = new SwitchedCluster([
    CONFIG_MAP,
    web('10.0.0.1'),
    configurationState('controller', { result: 'Valid' }),
  ]);
  const run = () =>
    applyMigration({
      cluster,
      reporter: silentReporter,
      pace: virtualPace(),
      waitSeconds: 30,
      workingDirectory: directory,
      readService: toServiceView,
    });
  const poolsWait = (): boolean[] =>
    ['a', 'b'].map((name) => {
      const pool = cluster.objects.get(`IPAddressPool metallb-system/${name}`);
      return (pool?.metadata['annotations'] as Record<string, string> | undefined)?.[WAITING] === 'true';
    });
  return { cluster, run, poolsWait };
}

describe('a migration', () => {
  test('makes the pools last and waiting, and deletes the ConfigMap at the very end', async () => {
    const { cluster, run } = setUp();
    cluster.onSwitch = () => cluster.note(SAME);
    await run();
    const pools = ['a', 'b'].map((name) => `apply IPAddressPool metallb-system/${name}`);
    expect(cluster.writes).toEqual([
      'apply L2Advertisement metallb-system/l2advertisement1',
      'apply L2Advertisement metallb-system/l2advertisement2',
      ...pools,
      ...pools,
      'delete ConfigMap metallb-system/config',
    ]);
  });

  test.each([
    {
      name: 'the controller says nothing',
      onSwitch: () => {},
      want: 'after 30 s the controller has not taken the custom resources up',
    },
    {
      name: 'the controller says that they differ',
      onSwitch: (cluster: SwitchedCluster) => cluster.note('which say something else: x'),
      want: 'the controller says of the ConfigMap: which say something else: x',
    },
    {
      name: 'an address changes',
      onSwitch: (cluster: SwitchedCluster) => {
        cluster.note(SAME);
        cluster.objects.set('Service default/web', web('10.0.0.2'));
      },
      want: 'addresses of Services changed',
    },
  ])('goes back to the ConfigMap when $name', async ({ onSwitch, want }) => {
    const { cluster, run, poolsWait } = setUp();
    cluster.onSwitch = () => onSwitch(cluster);
    expect((await linesOf(run())).join('\n')).toContain(want);
    expect(poolsWait()).toEqual([true, true]);
    expect(cluster.objects.has('ConfigMap metallb-system/config')).toBe(true);
  });

  test('that was broken off goes on where it was, and never overwrites a backup', async () => {
    const { cluster, run } = setUp();
    await linesOf(run());
    cluster.onSwitch = () => cluster.note(SAME);
    await run();
    expect(cluster.objects.has('ConfigMap metallb-system/config')).toBe(false);
    expect((await readdir(directory)).sort()).toEqual(['metallb-config-backup-2.yaml', 'metallb-config-backup.yaml']);
  });

  test('writes nothing when the API server refuses an object, or one of that name says something else', async () => {
    const refused = setUp();
    refused.cluster.refusals.set('b', 'no');
    expect((await linesOf(refused.run())).join('\n')).toContain(
      'the API server refuses IPAddressPool metallb-system/b: no',
    );
    const foreign = setUp();
    const mine = {
      apiVersion: 'metallb.io/v1beta1',
      kind: 'L2Advertisement',
      metadata: { name: 'l2advertisement1', namespace: 'metallb-system' },
      spec: { interfaces: ['eth0'] },
    };
    foreign.cluster.objects.set('L2Advertisement metallb-system/l2advertisement1', mine);
    expect((await linesOf(foreign.run())).join('\n')).toContain('l2advertisement1 exists and says something else');
    expect([refused.cluster.writes, foreign.cluster.writes, await readdir(directory)]).toEqual([[], [], []]);
  });
});
