import { describe, expect, test } from '@jest/globals';
import type { ClusterEvent } from '../../../../src/runtime/adapters/kube/events.ts';
import type { AddressPlan } from '../../../../src/runtime/decide/layer2/plan-layer2.ts';
import { reportPlans } from '../../../../src/runtime/programs/speaker/report.ts';
import { ip, service } from '../../../support/views.ts';

const SERVICES = new Map(['a', 'b'].map((name) => [`default/${name}`, service(name)]));
const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

function plan(given: Partial<AddressPlan>): AddressPlan {
  return {
    ip: ip('10.0.0.1'),
    services: ['default/a'],
    candidates: [],
    refused: [],
    interfaces: 'in-subnet',
    ...given,
  };
}

/** "Warning announceFailed default/a: …" for every Event of the change. */
function told(now: AddressPlan, before: AddressPlan | undefined, alive = ['n1', 'n2'], nodeName = 'n1'): string[] {
  const events: ClusterEvent[] = [];
  reportPlans([now], before === undefined ? [] : [before], {
    nodeName,
    log: quiet,
    events: { emit: (event) => events.push(event) },
    alive,
    service: (key) => SERVICES.get(key),
  });
  return events.map(({ type, reason, object, message }) => `${type} ${reason} ${object.name}: ${message}`);
}

const ASSIGNED = 'Normal nodeAssigned a: announcing from node "n1" with protocol "layer2"';
const LOST = plan({ reason: 'no-candidate-node', refused: [{ node: 'n1', reason: 'no-interface-in-subnet' }] });
const UNSERVED = plan({ reason: 'no-serving-endpoint' });

describe('an address that this node takes', () => {
  test('an Event, in MetalLB’s words, once', () => {
    expect(told(plan({ owner: 'n1' }), plan({ owner: 'n2' }))).toEqual([ASSIGNED]);
    expect(told(plan({ owner: 'n1' }), undefined)).toEqual([ASSIGNED]);
    expect(told(plan({ owner: 'n1' }), plan({ owner: 'n1' }))).toEqual([]);
  });

  test('one for each Service that shares it', () => {
    expect(told(plan({ owner: 'n1', services: ['default/a', 'default/b'] }), undefined)).toHaveLength(2);
  });

  test('none where another node takes it', () => {
    expect(told(plan({ owner: 'n2' }), plan({ owner: 'n1' }))).toEqual([]);
  });
});

describe('an address that loses every candidate', () => {
  const text =
    'Warning announceFailed a: no node announces "10.0.0.1" with protocol "layer2": no-candidate-node (no-interface-in-subnet: n1)';

  test('an Event that names what excludes each node, once', () => {
    expect(told(LOST, plan({ owner: 'n2' }))).toEqual([text]);
    expect(told(LOST, LOST)).toEqual([]);
  });

  test('told by one speaker of all that live', () => {
    expect(told(LOST, plan({ owner: 'n2' }), ['n1', 'n2'], 'n2')).toEqual([]);
    expect(told(LOST, plan({ owner: 'n2' }), ['n2'], 'n2')).toEqual([text]);
  });

  test('a Service that never had an endpoint is not in trouble yet; one that lost its last is', () => {
    expect(told(UNSERVED, undefined)).toEqual([]);
    expect(told(UNSERVED, plan({ owner: 'n1' }))).toEqual([
      'Warning announceFailed a: no node announces "10.0.0.1" with protocol "layer2": no-serving-endpoint',
    ]);
  });
});
