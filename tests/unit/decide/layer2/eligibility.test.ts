import { describe, expect, test } from '@jest/globals';
import { EXCLUDE_LABEL } from '../../../../src/runtime/decide/announcing/node-fitness.ts';
import type { Layer2Facts } from '../../../../src/runtime/decide/layer2/layer2-facts.ts';
import type { NodeRefusal } from '../../../../src/runtime/decide/layer2/refusals.ts';
import type { L2Advertisement } from '../../../../src/runtime/model/config.ts';
import { facts, LAN, plan, planOne, VIP } from '../../../support/layer2-facts.ts';
import { config, ip, l2Advertisement, node, pool, range, service, speaker } from '../../../support/views.ts';

function advertised(given: Partial<L2Advertisement>): Pick<Layer2Facts, 'config'> {
  return { config: config({ pools: [pool('default', [LAN])], l2Advertisements: [l2Advertisement('a', given)] }) };
}

function tainted(key: string, effect = 'NoExecute'): Pick<Layer2Facts, 'nodes'> {
  return { nodes: [node('master'), node('node1'), node('node2', { taints: [{ key, value: '', effect }] })] };
}

const downNic = (nodeName: string) => ({
  nodeName,
  interfaces: [{ name: 'eth0', subnets: [range(LAN)], down: true as const }],
});
const rest = [speaker('master', LAN), speaker('node1', LAN)];

describe('why a node is no candidate', () => {
  const rows: { name: string; given: Partial<Layer2Facts>; want: NodeRefusal }[] = [
    { name: 'its speaker is not alive', given: { speakers: rest }, want: 'speaker-not-alive' },
    { name: 'its speaker leaves', given: { leaving: new Set(['node2']) }, want: 'speaker-leaving' },
    { name: 'it is out of service', given: tainted('node.kubernetes.io/out-of-service'), want: 'node-out-of-service' },
    {
      name: 'its machine is off',
      given: tainted('node.cloudprovider.kubernetes.io/shutdown', 'NoSchedule'),
      want: 'node-shut-down',
    },
    {
      name: 'the autoscaler empties it',
      given: tainted('ToBeDeletedByClusterAutoscaler', 'NoSchedule'),
      want: 'node-to-be-deleted',
    },
    {
      name: 'the pod network does not reach it',
      given: { nodes: [node('node1'), node('node2', { networkUnavailable: true })] },
      want: 'node-network-unavailable',
    },
    {
      name: 'it is labelled as excluded',
      given: { nodes: [node('node1'), node('node2', { labels: { [EXCLUDE_LABEL]: '' } })] },
      want: 'node-excluded-by-label',
    },
    {
      name: 'the advertisement selects other nodes',
      given: advertised({ nodeSelectors: [{ matchLabels: { 'kubernetes.io/hostname': 'node1' } }] }),
      want: 'no-advertisement-for-node',
    },
    {
      name: 'externalTrafficPolicy Local and no endpoint there',
      given: { services: [service('nginx', { ingress: [{ ip: VIP }], externalTrafficPolicy: 'Local' })] },
      want: 'no-serving-endpoint-on-node',
    },
    {
      name: 'no interface in the address’s subnet',
      given: { speakers: [...rest, speaker('node2', '192.168.0.0/24')] },
      want: 'no-interface-in-subnet',
    },
    {
      name: 'no interface at all',
      given: { speakers: [...rest, { nodeName: 'node2', interfaces: [] }] },
      want: 'no-interface-in-subnet',
    },
    {
      name: 'its interface in the subnet is down',
      given: { speakers: [...rest, downNic('node2')] },
      want: 'interface-down',
    },
    {
      name: 'the named interface is not there',
      given: advertised({ interfaces: ['bond0'] }),
      want: 'interface-missing',
    },
    {
      name: 'the named interface is down',
      given: { ...advertised({ interfaces: ['eth0'] }), speakers: [...rest, downNic('node2')] },
      want: 'interface-down',
    },
  ];
  test.each(rows.flatMap((row) => (['spread', 'metallb'] as const).map((election) => ({ ...row, election }))))(
    '$name: $want ($election)',
    ({ given, want, election }) => {
      const planned = planOne({ election, ...given });
      expect(planned.refused).toContainEqual({ node: 'node2', reason: want });
      expect(planned.candidates).not.toContain('node2');
      expect(planned.owner).not.toBe('node2');
    },
  );

  test('of several reasons the one that has to be put right first', () => {
    const nodes = [node('node2', { networkUnavailable: true, labels: { [EXCLUDE_LABEL]: '' } })];
    expect(planOne({ nodes, speakers: rest }).refused).toEqual([{ node: 'node2', reason: 'speaker-not-alive' }]);
    expect(planOne({ nodes, leaving: new Set(['node2']) }).refused[0]?.reason).toBe('node-network-unavailable');
  });
});

describe('what keeps nobody from being a candidate', () => {
  const rows: { name: string; given: Partial<Layer2Facts> }[] = [
    {
      name: 'the excluding label, when the operator says so',
      given: {
        nodes: [node('node2', { labels: { [EXCLUDE_LABEL]: '' } })],
        excludedNodes: 'use',
      },
    },
    { name: 'a taint that keeps pods away', given: tainted('node-role.kubernetes.io/control-plane', 'NoSchedule') },
    { name: 'a cordon', given: tainted('node.kubernetes.io/unschedulable', 'NoSchedule') },
    {
      name: 'the autoscaler thinking about it',
      given: tainted('DeletionCandidateOfClusterAutoscaler', 'PreferNoSchedule'),
    },
    {
      name: 'a second interface that is down',
      given: {
        speakers: [
          ...rest,
          {
            nodeName: 'node2',
            interfaces: [
              { name: 'eth1', subnets: [range(LAN)], down: true },
              { name: 'eth0', subnets: [range(LAN)] },
            ],
          },
        ],
      },
    },
    {
      name: 'a named interface outside the subnet',
      given: {
        ...advertised({ interfaces: ['eth0'] }),
        speakers: [...rest, speaker('node2', '192.168.0.0/24')],
      },
    },
    { name: 'one of the named interfaces missing', given: advertised({ interfaces: ['bond0', 'eth0'] }) },
  ];
  test.each(rows)('$name', ({ given }) => {
    expect(planOne(given).candidates).toContain('node2');
  });
});

describe('policy Local', () => {
  const local = service('nginx', { ingress: [{ ip: VIP }], externalTrafficPolicy: 'Local' });

  test('the owner is a node with a serving endpoint', () => {
    expect(planOne({ services: [local] })).toMatchObject({ owner: 'node1', candidates: ['node1'] });
  });

  test('each Service is asked for its own endpoints', () => {
    const other = service('other', { ingress: [{ ip: ip('10.6.204.21') }], externalTrafficPolicy: 'Local' });
    const endpoints = new Map([...facts().endpoints, ['default/other', [{ nodeName: 'node2', serving: true }]]]);
    expect(plan({ services: [local, other], endpoints }).map(({ owner }) => owner)).toEqual(['node1', 'node2']);
  });
});

describe('subnets', () => {
  const lans: [string, string, string][] = [
    ['10.6.204.0', '10.6.204.0/24', '10.6.203.0/24'],
    ['10.6.204.255', '10.6.204.0/24', '10.6.205.0/24'],
    ['10.6.204.7', '10.6.0.0/16', '10.7.0.0/16'],
    ['fd00::5', 'fd00::/64', 'fd00:0:0:1::/64'],
    ['255.255.255.255', '255.255.255.0/24', '255.255.254.0/24'],
    ['0.0.0.0', '0.0.0.0/24', '0.0.1.0/24'],
  ];
  test.each(lans)('%s is in %s and not in %s', (address, inside, outside) => {
    const planned = planOne({
      config: config({
        pools: [pool('default', ['0.0.0.0/0', '::/0'])],
        l2Advertisements: [l2Advertisement('a')],
      }),
      services: [service('nginx', { ingress: [{ ip: ip(address) }] })],
      speakers: [speaker('node1', outside, inside), speaker('node2', outside)],
    });
    expect(planned.candidates).toEqual(['node1']);
  });

  test('the addresses at a subnet’s edges are told apart from their neighbours', () => {
    const edges = ['10.6.203.255', '10.6.204.0', '10.6.204.255', '10.6.205.0'];
    const plans = plan({
      config: config({ pools: [pool('default', ['10.6.0.0/16'])], l2Advertisements: [l2Advertisement('a')] }),
      services: [service('nginx', { ingress: edges.map((address) => ({ ip: ip(address) })) })],
      speakers: [speaker('node1', LAN)],
    });
    expect(plans.map(({ candidates }) => candidates)).toEqual([[], ['node1'], ['node1'], []]);
  });

  test('addresses of one Service in different subnets have candidates of their own', () => {
    const plans = plan({
      config: config({
        pools: [pool('default', ['10.0.0.0/8', 'fd00::/8'])],
        l2Advertisements: [l2Advertisement('a')],
      }),
      services: [
        service('nginx', { ingress: [{ ip: ip('10.1.0.1') }, { ip: ip('10.2.0.1') }, { ip: ip('fd00::1') }] }),
      ],
      speakers: [speaker('node1', '10.1.0.0/16', 'fd00::/64'), speaker('node2', '10.2.0.0/16')],
    });
    expect(plans.map(({ candidates }) => candidates)).toEqual([['node1'], ['node2'], ['node1']]);
  });
});
