import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { serviceStatusName, wantedL2Status } from '../../../../src/runtime/decide/announcing/service-status-objects.ts';
import {
  diffStatuses,
  type StatusChange,
  type StatusSituation,
} from '../../../../src/runtime/decide/announcing/status-diff.ts';
import { labelValue } from '../../../../src/runtime/decide/announcing/status-names.ts';
import type { StatusObjectView, WantedStatus } from '../../../../src/runtime/model/status-object.ts';
import { ip } from '../../../support/views.ts';

const sha256Hex = (text: string): string => createHash('sha256').update(text).digest('hex');
const service = 'web/nginx';
const nameOn = (node: string) => serviceStatusName('l2', { node, service }, sha256Hex);
/** The object of this node, restricted to these interfaces. */
const wanted = (...interfaces: readonly string[]): WantedStatus =>
  wantedL2Status({ node: 'n1', service }, { addresses: [ip('10.0.0.1')], interfaces }, sha256Hex);
/** Nobody announces the Service. */
const NOT_HERE = { wanted: undefined, nodes: [] };

/** The object of a node, as it should be. */
function status(node: string, given: Partial<StatusObjectView> = {}): StatusObjectView {
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
    annotations: { 'metallb.io/announced-addresses': '10.0.0.1' },
    ownerUids: ['pod-1'],
    status: { node, serviceName: 'nginx', serviceNamespace: 'web' },
    ...given,
  };
}

function diff(given: Partial<StatusSituation>): string[] {
  const situation: StatusSituation = {
    nodeName: 'n1',
    ownerUid: 'pod-1',
    wanted: wanted(),
    nodes: ['n1'],
    known: [],
    sweeps: false,
    alive: new Set(['n1', 'n2']),
    ...given,
  };
  return diffStatuses(situation).map(told);
}

function told(change: StatusChange): string {
  return `${change.kind} ${change.kind === 'delete' ? change.uid : change.wanted.fixed.node}`;
}

const UNSAID = { status: {} };
const said = (fields: object) => ({ status: { ...status('n1').status, ...fields } });

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
    given: { known: [status('n1', { annotations: { 'metallb.io/announced-addresses': '10.0.0.9' } })] },
    want: ['patch-metadata n1'],
  },
  {
    name: 'with edited interfaces: put right',
    given: { known: [status('n1', said({ interfaces: [{ name: 'eth9' }] }))] },
    want: ['patch-status n1'],
  },
  {
    name: 'restricted to an interface as it should be',
    given: {
      wanted: wanted('eth0'),
      known: [status('n1', said({ interfaces: [{ name: 'eth0' }] }))],
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
    given: { known: [status('n1', said({ serviceName: 'other' }))] },
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
    given: { nodes: ['n1', 'n2'], known: [status('n1'), status('n2')] },
    want: [],
  },
  {
    name: 'ours, and announced elsewhere now: it goes',
    given: { wanted: undefined, nodes: ['n2'], known: [status('n1'), status('n2')] },
    want: ['delete uid-n1'],
  },
  {
    name: 'ours, and announced by nobody: it goes',
    given: { ...NOT_HERE, known: [status('n1')] },
    want: ['delete uid-n1'],
  },
  {
    name: 'of others, and announced elsewhere: not ours to judge',
    given: { wanted: undefined, nodes: ['n3'], known: [status('n2')] },
    want: [],
  },
])('an object $name', ({ given, want }) => {
  expect(diff(given)).toEqual(want);
});

describe('what a node without a speaker left of a Service that nobody announces', () => {
  const left = { ...NOT_HERE, known: [status('n2'), status('n9')] };

  test('one speaker clears it away', () => {
    expect(diff({ ...left, sweeps: true })).toEqual(['delete uid-n9']);
  });

  test('the others leave it', () => {
    expect(diff(left)).toEqual([]);
  });
});

describe('of a kind of which each node knows its own objects only', () => {
  test.each<{ name: string; given: Partial<StatusSituation>; want: string[] }>([
    { name: 'another node’s is not judged', given: { known: [status('n1'), status('n2')] }, want: [] },
    {
      name: 'nor one of a dead node, but by the one that sweeps',
      given: { known: [status('n9')] },
      want: ['create n1'],
    },
    {
      name: 'which takes it away',
      given: { known: [status('n1'), status('n9')], sweeps: true },
      want: ['delete uid-n9'],
    },
    { name: 'its own goes', given: { wanted: undefined, known: [status('n1')] }, want: ['delete uid-n1'] },
  ])('$name', ({ given, want }) => {
    expect(diff({ ...given, nodes: 'unknown' })).toEqual(want);
  });
});

test('what the API server gives back in another order of fields is the same', () => {
  const turned = { interfaces: [{ name: 'eth0' }], serviceNamespace: 'web', serviceName: 'nginx', node: 'n1' };
  expect(diff({ wanted: wanted('eth0'), known: [status('n1', { status: turned })] })).toEqual([]);
});

test('a node’s name that is too long for a label is cut, and stays distinct', () => {
  const long = `${'n'.repeat(70)}.example.com`;
  expect(labelValue(long, sha256Hex)).toMatch(/^n{46}-[0-9a-f]{16}$/);
  expect(labelValue(`${long}2`, sha256Hex)).not.toBe(labelValue(long, sha256Hex));
  expect(labelValue('n1', sha256Hex)).toBe('n1');
});
