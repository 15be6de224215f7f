import { describe, expect, test } from '@jest/globals';
import { verifyConfiguration } from '../../../../src/installer/steps/verify.ts';
import { CONTROLLER, SPEAKERS, waitReady } from '../../../../src/installer/steps/wait-ready.ts';
import { linesOf } from './failure.ts';
import {
  configurationState,
  FakeCluster,
  pod,
  READY_DAEMONSET,
  READY_DEPLOYMENT,
  virtualPace,
  workload,
} from './fake-cluster.ts';

const wait = (timeoutSeconds = 5) => ({ pace: virtualPace(), timeoutSeconds });
const waiting = (reason: string, message = '') => ({
  containerStatuses: [{ name: 'c', ready: false, restartCount: 3, state: { waiting: { reason, message } } }],
});

test('a finished rollout says how many are ready', async () => {
  const cluster = new FakeCluster([
    workload('Deployment', 'controller', READY_DEPLOYMENT),
    workload('DaemonSet', 'speaker', READY_DAEMONSET),
  ]);
  expect(await waitReady(cluster, CONTROLLER, wait())).toBe('1 of 1 ready');
  expect(await waitReady(cluster, SPEAKERS, wait())).toBe('1 of 1 ready');
});

describe('why something does not start', () => {
  const stuck = { ...READY_DEPLOYMENT, availableReplicas: 0 };
  const describeHint =
    '  hint: `kubectl -n metallb-system describe pods -l component=controller` tells more; metallb_wait_seconds lengthens the wait';
  const rows: readonly { name: string; status: object; log?: string; want: string[] }[] = [
    {
      name: 'an image that is not there is not waited for',
      status: waiting('ErrImageNeverPull', 'not present'),
      want: [
        'error: the controller does not become ready: 0 of 1 ready; pod p: ErrImageNeverPull: not present',
        '  hint: the image is not on the node: set metallb_offline to an image archive, or metallb_image_pull_policy to "IfNotPresent"',
        'exit 8',
      ],
    },
    {
      name: 'a crash brings the log’s last lines',
      status: waiting('CrashLoopBackOff', 'back-off'),
      log: 'starting\nno route to host\n',
      want: [
        'error: the controller does not become ready: 0 of 1 ready after 5 s; pod p: CrashLoopBackOff: back-off: starting | no route to host',
        describeHint,
        'exit 9',
      ],
    },
    {
      name: 'no node takes the pod',
      status: { conditions: [{ type: 'PodScheduled', status: 'False', message: '0/3 nodes are available' }] },
      want: [
        'error: the controller does not become ready: 0 of 1 ready after 5 s; pod p: Unschedulable: 0/3 nodes are available',
        '  hint: no node takes the pod; see `kubectl describe pod` and metallb_speaker_node_selector',
        'exit 9',
      ],
    },
  ];
  test.each(rows)('$name', async ({ status, log, want }) => {
    const cluster = new FakeCluster([workload('Deployment', 'controller', stuck), pod('controller', 'p', { status })]);
    cluster.log = log ?? '';
    expect(await linesOf(waitReady(cluster, CONTROLLER, wait()))).toEqual(want);
  });
});

describe('whether the configuration is in force', () => {
  const pool = (conditions: object[], generation = 2) => ({
    apiVersion: 'metallb.io/v1beta1',
    kind: 'IPAddressPool',
    metadata: { name: 'default', namespace: 'metallb-system', generation },
    status: { conditions },
  });
  const accepted = { type: 'Accepted', status: 'True', observedGeneration: 2, message: '' };
  const valid = [
    configurationState('controller', { result: 'Valid' }),
    configurationState('speaker-n1', { result: 'Valid' }),
  ];
  const speaker = pod('speaker', 's', { spec: { nodeName: 'n1' } });
  const verify = (cluster: FakeCluster, hasChanged = false) =>
    verifyConfiguration({ cluster, objects: [pool([])], wait: wait(), hasChanged });

  test('everyone agrees', async () => {
    const cluster = new FakeCluster([pool([accepted]), speaker, ...valid]);
    expect(await verify(cluster)).toBe('2 programs use it');
    expect(await verify(cluster, true)).toBe('2 programs use it');
  });

  test('a verdict on an older generation is no word yet', async () => {
    const cluster = new FakeCluster([pool([{ ...accepted, observedGeneration: 1 }]), speaker, ...valid]);
    expect((await linesOf(verify(cluster)))[0]).toBe(
      'error: after 5 s there is no word on the configuration from IPAddressPool metallb-system/default',
    );
  });

  test('a speaker that has not spoken is named', async () => {
    const cluster = new FakeCluster([pool([accepted]), speaker, configurationState('controller', { result: 'Valid' })]);
    expect((await linesOf(verify(cluster)))[0]).toBe(
      'error: after 5 s there is no word on the configuration from speaker-n1',
    );
  });

  test('a refusal is told once, by the object that it is about', async () => {
    const refused = { type: 'Accepted', status: 'False', observedGeneration: 2, message: 'spec.addresses[0] overlaps' };
    const complaint = {
      result: 'Invalid',
      errorSummary: 'IPAddressPool metallb-system/default spec.addresses[0] overlaps',
    };
    const states = [configurationState('controller', complaint), configurationState('speaker-n1', complaint)];
    const cluster = new FakeCluster([pool([refused]), speaker, ...states]);
    expect(await linesOf(verify(cluster))).toEqual([
      'error: the configuration is not in force; IPAddressPool metallb-system/default says: spec.addresses[0] overlaps',
      '  hint: correct the inventory, the template, or the object named; until then the last good configuration is in force',
      'exit 6',
    ]);
  });
});
