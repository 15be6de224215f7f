import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import {
  EXCLUDE_LABEL,
  type Layer2Facts,
  planLayer2,
  tableFor,
} from '../../../../src/runtime/decide/layer2/plan-layer2.ts';
import { config, ip, l2Advertisement, node, pool, service, speaker } from '../../../support/views.ts';

const sha256Hex = (text: string): string => createHash('sha256').update(text).digest('hex');
const LAN = '10.6.204.0/24';
const vip = ip('10.6.204.20');

function facts(given: Partial<Layer2Facts> = {}): Layer2Facts {
  return {
    config: config({
      pools: [pool('default', ['10.6.204.20-10.6.204.22'])],
      l2Advertisements: [l2Advertisement('default')],
    }),
    services: [service('nginx', { ingress: [{ ip: vip }] })],
    endpoints: new Map([['default/nginx', [{ nodeName: 'node1', serving: true }]]]),
    nodes: [node('master'), node('node1'), node('node2')],
    speakers: ['master', 'node1', 'node2'].map((name) => speaker(name, LAN)),
    loadBalancerClass: undefined,
    excludedNodes: 'skip',
    ...given,
  };
}

function planOne(given: Partial<Layer2Facts>) {
  const plans = planLayer2(facts(given), sha256Hex);
  expect(plans).toHaveLength(1);
  const [only] = plans;
  if (only === undefined) throw new Error('no plan');
  return only;
}

describe('one address, one owner', () => {
  test('exactly one node’s table holds the address', () => {
    const plans = planLayer2(facts(), sha256Hex);
    const holders = ['master', 'node1', 'node2'].filter((name) => tableFor(name, plans).length > 0);
    expect(holders).toEqual([plans[0]?.owner]);
    expect(plans[0]?.candidates).toEqual(['master', 'node1', 'node2']);
  });

  test('when the owner’s speaker goes, another takes over', () => {
    const { owner } = planOne({});
    const rest = facts().speakers.filter(({ nodeName }) => nodeName !== owner);
    const after = planOne({ speakers: rest });
    expect(after.owner).toBeDefined();
    expect(after.owner).not.toBe(owner);
    expect(after.refused).toEqual([{ node: owner, reason: 'speaker-not-alive' }]);
  });

  test('an address that two Services share is planned once', () => {
    const sharing = ['a', 'b'].map((name) => service(name, { ingress: [{ ip: vip }] }));
    const endpoints = new Map(sharing.map(({ name }) => [`default/${name}`, [{ nodeName: 'node1', serving: true }]]));
    expect(planOne({ services: sharing, endpoints }).services).toEqual(['default/a', 'default/b']);
  });
});

describe('why nobody announces', () => {
  test.each<{ name: string; given: Partial<Layer2Facts>; want: string }>([
    {
      name: 'the address is in no pool',
      given: { config: config({ l2Advertisements: [l2Advertisement('default')] }) },
      want: 'address-not-in-any-pool',
    },
    {
      name: 'no advertisement covers the pool',
      given: { config: config({ pools: [pool('default', [LAN])] }) },
      want: 'no-advertisement-for-pool',
    },
    {
      name: 'the advertisement selects other Services',
      given: {
        config: config({
          pools: [pool('default', [LAN])],
          l2Advertisements: [l2Advertisement('a', { serviceSelectors: [{ matchLabels: { tier: 'edge' } }] })],
        }),
      },
      want: 'no-advertisement-for-pool',
    },
    { name: 'no endpoints', given: { endpoints: new Map() }, want: 'no-serving-endpoint' },
    {
      name: 'endpoints that do not serve',
      given: { endpoints: new Map([['default/nginx', [{ nodeName: 'node1', serving: false }]]]) },
      want: 'no-serving-endpoint',
    },
    { name: 'no speaker at all', given: { speakers: [] }, want: 'no-candidate-node' },
  ])('$name: $want', ({ given, want }) => {
    const plan = planOne(given);
    expect(plan.owner).toBeUndefined();
    expect(plan.reason).toBe(want);
  });

  test.each([
    { name: 'not LoadBalancer', given: { type: 'ClusterIP' } },
    { name: 'another class', given: { loadBalancerClass: 'example.com/other' } },
    { name: 'no address yet', given: { ingress: [] } },
    { name: 'a hostname', given: { ingress: [{ hostname: 'lb.example.com' }] } },
  ])('$name: not planned', ({ given }) => {
    expect(
      planLayer2(facts({ services: [service('nginx', { ingress: [{ ip: vip }], ...given })] }), sha256Hex),
    ).toEqual([]);
  });
});

describe('why a node is no candidate', () => {
  test.each<{ name: string; given: Partial<Layer2Facts>; node: string; want: string }>([
    {
      name: 'its speaker is not alive',
      given: { speakers: [speaker('node1', LAN)] },
      node: 'node2',
      want: 'speaker-not-alive',
    },
    {
      name: 'the pod network does not reach it',
      given: { nodes: [node('master'), node('node1', { networkUnavailable: true })] },
      node: 'node1',
      want: 'node-network-unavailable',
    },
    {
      name: 'it is labelled as excluded',
      given: { nodes: [node('master', { labels: { [EXCLUDE_LABEL]: '' } }), node('node1')] },
      node: 'master',
      want: 'node-excluded-by-label',
    },
    {
      name: 'the advertisement selects other nodes',
      given: {
        config: config({
          pools: [pool('default', [LAN])],
          l2Advertisements: [
            l2Advertisement('a', { nodeSelectors: [{ matchLabels: { 'kubernetes.io/hostname': 'node1' } }] }),
          ],
        }),
      },
      node: 'node2',
      want: 'no-advertisement-for-node',
    },
    {
      name: 'externalTrafficPolicy Local and no endpoint there',
      given: { services: [service('nginx', { ingress: [{ ip: vip }], externalTrafficPolicy: 'Local' })] },
      node: 'node2',
      want: 'no-serving-endpoint-on-node',
    },
    {
      name: 'no interface in the address’s subnet',
      given: { speakers: [speaker('node1', LAN), speaker('node2', '192.168.0.0/24')] },
      node: 'node2',
      want: 'no-interface-for-address',
    },
    {
      name: 'the named interface is not there',
      given: {
        config: config({
          pools: [pool('default', [LAN])],
          l2Advertisements: [l2Advertisement('a', { interfaces: ['bond0'] })],
        }),
      },
      node: 'node1',
      want: 'no-interface-for-address',
    },
  ])('$name: $want', ({ given, node: nodeName, want }) => {
    const plan = planOne(given);
    expect(plan.refused).toContainEqual({ node: nodeName, reason: want });
    expect(plan.candidates).not.toContain(nodeName);
    expect(plan.owner).not.toBe(nodeName);
  });

  test('excluded nodes are used when the operator says so', () => {
    const nodes = [node('master', { labels: { [EXCLUDE_LABEL]: '' } })];
    expect(planOne({ nodes, excludedNodes: 'use' }).owner).toBe('master');
  });

  test('with policy Local the owner is a node with a serving endpoint', () => {
    const local = service('nginx', { ingress: [{ ip: vip }], externalTrafficPolicy: 'Local' });
    expect(planOne({ services: [local] }).owner).toBe('node1');
  });
});

describe('where the owner answers', () => {
  test('on named interfaces where every advertisement names some', () => {
    const plan = planOne({
      config: config({
        pools: [pool('default', [LAN])],
        l2Advertisements: [
          l2Advertisement('a', { interfaces: ['eth0', 'eth1'] }),
          l2Advertisement('b', { interfaces: ['eth0'] }),
        ],
      }),
    });
    expect(plan.interfaces).toEqual(['eth0', 'eth1']);
  });

  test('on every interface in the subnet as soon as one names none', () => {
    const plan = planOne({
      config: config({
        pools: [pool('default', [LAN])],
        l2Advertisements: [l2Advertisement('a', { interfaces: ['eth1'] }), l2Advertisement('b')],
      }),
    });
    expect(plan.interfaces).toBe('in-subnet');
  });
});
