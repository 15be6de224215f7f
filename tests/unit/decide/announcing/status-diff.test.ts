import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import {
  diffStatuses,
  type StatusChange,
  type StatusSituation,
  statusName,
} from '../../../../src/runtime/decide/announcing/status-diff.ts';
import type { ServiceL2StatusView } from '../../../../src/runtime/model/service-status.ts';
import { ip } from '../../../support/views.ts';

const sha256Hex = (text: string): string => createHash('sha256').update(text).digest('hex');
const SERVICE = { namespace: 'web', name: 'nginx' };
const nameOn = (node: string) => statusName(node, SERVICE, sha256Hex);
const HERE = { nodes: ['n1'], own: { addresses: [ip('10.0.0.1')], interfaces: [] } };

/** The object of a node, as it should be. */
function status(node: string, given: Partial<ServiceL2StatusView> = {}): ServiceL2StatusView {
  return {
    namespace: 'metallb-system',
    name: nameOn(node),
    uid: `uid-${given.name ?? node}`,
    resourceVersion: '1',
    labels: {
      'metallb.io/node': node,
      'metallb.io/service-name': 'nginx',
      'metallb.io/service-namespace': 'web',
    },
    addresses: '10.0.0.1',
    ownerUids: ['pod-1'],
    node,
    serviceName: 'nginx',
    serviceNamespace: 'web',
    interfaces: [],
    ...given,
  };
}

function diff(given: Partial<StatusSituation>): string[] {
  const situation: StatusSituation = {
    service: SERVICE,
    nodeName: 'n1',
    ownerUid: 'pod-1',
    announcement: HERE,
    known: [],
    sweeps: false,
    alive: new Set(['n1', 'n2']),
    ...given,
  };
  return diffStatuses(situation, sha256Hex).map(told);
}

function told(change: StatusChange): string {
  return `${change.kind} ${change.kind === 'delete' ? change.uid : change.wanted.node}`;
}

const UNSAID = { node: '', serviceName: '', serviceNamespace: '' };

test.each<{ name: string; given: Partial<StatusSituation>; want: string[] }>([
  { name: 'none: made', given: {}, want: ['create n1'] },
  { name: 'as it should be: nothing is written', given: { known: [status('n1')] }, want: [] },
  {
    name: 'made but without a status (the speaker ended in between): the status is written',
    given: { known: [status('n1', UNSAID)] },
    want: ['patch-status n1'],
  },
  {
    name: 'of the pod before: taken over',
    given: { known: [status('n1', { ownerUids: ['pod-0'] })] },
    want: ['patch-metadata n1'],
  },
  { name: 'where there is no pod: nobody owns it', given: { ownerUid: undefined, known: [status('n1')] }, want: [] },
  {
    name: 'with an edited label: put right',
    given: { known: [status('n1', { labels: { 'metallb.io/node': 'n9' } })] },
    want: ['patch-metadata n1'],
  },
  {
    name: 'with other addresses than now: put right',
    given: { known: [status('n1', { addresses: '10.0.0.9' })] },
    want: ['patch-metadata n1'],
  },
  {
    name: 'with edited interfaces: put right',
    given: { known: [status('n1', { interfaces: ['eth9'] })] },
    want: ['patch-status n1'],
  },
  {
    name: 'restricted to an interface as it should be',
    given: {
      announcement: { nodes: ['n1'], own: { ...HERE.own, interfaces: ['eth0'] } },
      known: [status('n1', { interfaces: ['eth0'] })],
    },
    want: [],
  },
  {
    name: 'stripped of labels and status: it still has the name, and is put right',
    given: { known: [status('n1', { ...UNSAID, labels: {} })] },
    want: ['patch-metadata n1', 'patch-status n1'],
  },
  {
    name: 'that speaks of another Service for good under our name: made anew',
    given: { known: [status('n1', { serviceName: 'other' })] },
    want: ['delete uid-n1', 'create n1'],
  },
  {
    name: 'twice: the other one goes',
    given: { known: [status('n1'), status('n1', { name: 'l2-abcde' })] },
    want: ['delete uid-l2-abcde'],
  },
  {
    name: 'by a name that the API server invented (MetalLB’s own): made under ours first',
    given: { known: [status('n1', { name: 'l2-abcde' })] },
    want: ['create n1', 'delete uid-l2-abcde'],
  },
  {
    name: 'of the node that announced it before: ours first, then that one goes',
    given: { known: [status('n2')] },
    want: ['create n1', 'delete uid-n2'],
  },
  {
    name: 'of a node that announces another address of the Service: both stay',
    given: { announcement: { ...HERE, nodes: ['n1', 'n2'] }, known: [status('n1'), status('n2')] },
    want: [],
  },
  {
    name: 'ours, and announced elsewhere now: it goes',
    given: { announcement: { nodes: ['n2'] }, known: [status('n1'), status('n2')] },
    want: ['delete uid-n1'],
  },
  {
    name: 'ours, and announced by nobody: it goes',
    given: { announcement: undefined, known: [status('n1')] },
    want: ['delete uid-n1'],
  },
  {
    name: 'of others, and announced elsewhere: not ours to judge',
    given: { announcement: { nodes: ['n3'] }, known: [status('n2')] },
    want: [],
  },
])('an object $name', ({ given, want }) => {
  expect(diff(given)).toEqual(want);
});

describe('what a node without a speaker left of a Service that nobody announces', () => {
  const left = { announcement: undefined, known: [status('n2'), status('n9')] };

  test('one speaker clears it away', () => {
    expect(diff({ ...left, sweeps: true })).toEqual(['delete uid-n9']);
  });

  test('the others leave it', () => {
    expect(diff(left)).toEqual([]);
  });
});

test('a node’s name that is too long for a label is cut, and stays distinct', () => {
  const long = `${'n'.repeat(70)}.example.com`;
  const change = (nodeName: string): StatusChange | undefined =>
    diffStatuses(
      {
        service: SERVICE,
        nodeName,
        ownerUid: undefined,
        announcement: HERE,
        known: [],
        sweeps: false,
        alive: new Set(),
      },
      sha256Hex,
    )[0];
  const labels = [change(long), change(`${long}2`)].map((each) =>
    each?.kind === 'create' ? (each.wanted.labels['metallb.io/node'] ?? '') : '',
  );
  expect(labels[0]).toMatch(/^n{46}-[0-9a-f]{16}$/);
  expect(labels[1]).not.toBe(labels[0]);
});
