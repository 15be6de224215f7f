import { describe, expect, test } from '@jest/globals';
import type { Layer2Facts } from '../../../../src/runtime/decide/layer2/layer2-facts.ts';
import { tableFor } from '../../../../src/runtime/decide/layer2/table-for.ts';
import { facts, LAN, plan, planOne, VIP } from '../../../support/layer2-facts.ts';
import { config, l2Advertisement, node, pool, service, speaker } from '../../../support/views.ts';

const ELECTIONS = ['spread', 'metallb'] as const;

describe.each(ELECTIONS)('one address, one owner (%s)', (election) => {
  test('exactly one node’s table holds the address', () => {
    const plans = plan({ election });
    const holders = ['master', 'node1', 'node2'].filter((name) => tableFor(name, plans).length > 0);
    expect(holders).toEqual([plans[0]?.owner]);
    expect(plans[0]?.candidates).toEqual(['master', 'node1', 'node2']);
  });

  test('when the owner’s speaker goes, another takes over', () => {
    const { owner } = planOne({ election });
    const rest = facts().speakers.filter(({ nodeName }) => nodeName !== owner);
    const after = planOne({ election, speakers: rest });
    expect(after.owner).toBeDefined();
    expect(after.owner).not.toBe(owner);
    expect(after.refused).toEqual([{ node: owner, reason: 'speaker-not-alive' }]);
  });

  test('an address that two Services share is planned once', () => {
    const sharing = ['b', 'a'].map((name) => service(name, { ingress: [{ ip: VIP }] }));
    const endpoints = new Map(sharing.map(({ name }) => [`default/${name}`, [{ nodeName: 'node1', serving: true }]]));
    expect(planOne({ election, services: sharing, endpoints }).services).toEqual(['default/a', 'default/b']);
  });
});

describe('why nobody announces', () => {
  const rows: { name: string; given: Partial<Layer2Facts>; want: string }[] = [
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
    { name: 'a host on the LAN has it', given: { conflicts: new Map([[VIP, {}]]) }, want: 'address-in-use-on-lan' },
    {
      name: 'a host on the LAN has it, whoever claimed it',
      given: { conflicts: new Map([[VIP, {}]]), claims: [{ ip: VIP, node: 'node1', epoch: 7 }] },
      want: 'address-in-use-on-lan',
    },
    { name: 'no endpoints', given: { endpoints: new Map() }, want: 'no-serving-endpoint' },
    {
      name: 'endpoints that do not serve',
      given: { endpoints: new Map([['default/nginx', [{ nodeName: 'node1', serving: false }]]]) },
      want: 'no-serving-endpoint',
    },
    { name: 'no speaker at all', given: { speakers: [] }, want: 'no-candidate-node' },
    { name: 'no node at all', given: { nodes: [], speakers: [] }, want: 'no-candidate-node' },
  ];
  test.each(rows.flatMap((row) => ELECTIONS.map((election) => ({ ...row, election }))))(
    '$name: $want ($election)',
    ({ given, want, election }) => {
      const planned = planOne({ election, ...given });
      expect(planned).toMatchObject({ reason: want });
      expect(planned.owner).toBeUndefined();
      expect(planned.why).toBeUndefined();
    },
  );

  test.each([
    { name: 'not LoadBalancer', given: { type: 'ClusterIP' } },
    { name: 'another class', given: { loadBalancerClass: 'example.com/other' } },
    { name: 'no address yet', given: { ingress: [] } },
    { name: 'a hostname', given: { ingress: [{ hostname: 'lb.example.com' }] } },
  ])('$name: not planned', ({ given }) => {
    expect(plan({ services: [service('nginx', { ingress: [{ ip: VIP }], ...given })] })).toEqual([]);
  });
});

describe('where the owner answers', () => {
  test('on named interfaces where every advertisement names some', () => {
    const planned = planOne({
      config: config({
        pools: [pool('default', [LAN])],
        l2Advertisements: [
          l2Advertisement('a', { interfaces: ['eth0', 'eth1'] }),
          l2Advertisement('b', { interfaces: ['eth0'] }),
        ],
      }),
    });
    expect(planned.interfaces).toEqual(['eth0', 'eth1']);
  });

  test('on every interface in the subnet as soon as one names none', () => {
    const planned = planOne({
      config: config({
        pools: [pool('default', [LAN])],
        l2Advertisements: [l2Advertisement('a', { interfaces: ['eth1'] }), l2Advertisement('b')],
      }),
    });
    expect(planned.interfaces).toBe('in-subnet');
  });

  test('each node on those that its own advertisements name, the holder too while it has to answer', () => {
    const on = (name: string, nic: string) =>
      l2Advertisement(name, {
        nodeSelectors: [{ matchLabels: { 'kubernetes.io/hostname': name } }],
        interfaces: [nic],
      });
    const twoNics = (name: string) => ({
      nodeName: name,
      interfaces: ['eth0', 'eth1'].map((nic) => ({ name: nic, subnets: [] })),
    });
    const planned = planOne({
      config: config({
        pools: [pool('default', [LAN])],
        l2Advertisements: [on('node1', 'eth0'), on('node2', 'eth1')],
      }),
      nodes: [node('node1'), node('node2')],
      speakers: [twoNics('node1'), twoNics('node2')],
      claims: [{ ip: VIP, node: 'node1', epoch: 1 }],
      leaving: new Set(['node1']),
    });
    expect(planned).toMatchObject({
      owner: 'node2',
      interfaces: ['eth1'],
      holder: 'node1',
      holderInterfaces: ['eth0'],
    });
  });
});

describe('Deviation: sharing and service selectors', () => {
  const shared = (labelled: string) => service(labelled, { labels: { tier: labelled }, ingress: [{ ip: VIP }] });
  const selecting = (tier: string, nodeName: string) =>
    l2Advertisement(tier, {
      serviceSelectors: [{ matchLabels: { tier } }],
      nodeSelectors: [{ matchLabels: { 'kubernetes.io/hostname': nodeName } }],
    });
  const sharing = {
    services: [
      { ...shared('a'), annotations: { 'metallb.io/allow-shared-ip': 'key' } },
      { ...shared('b'), annotations: { 'metallb.io/allow-shared-ip': 'key' } },
    ],
    endpoints: new Map(['a', 'b'].map((name) => [`default/${name}`, [{ serving: true }]])),
    speakers: ['master', 'node1', 'node2'].map((name) => speaker(name, LAN)),
  };

  test('an owner that may announce it for all of them is found', () => {
    const l2Advertisements = [selecting('a', 'node1'), selecting('b', 'node1')];
    const planned = planOne({ ...sharing, config: config({ pools: [pool('default', [LAN])], l2Advertisements }) });
    expect(planned).toMatchObject({ owner: 'node1', candidates: ['node1'] });
  });

  test('no node may announce it for all of them: nobody does, and each node is told of', () => {
    const l2Advertisements = [selecting('a', 'node1'), selecting('b', 'node2')];
    const planned = planOne({ ...sharing, config: config({ pools: [pool('default', [LAN])], l2Advertisements }) });
    expect(planned).toMatchObject({ reason: 'no-candidate-node' });
    expect(planned.refused).toEqual(
      ['master', 'node1', 'node2'].map((name) => ({ node: name, reason: 'no-advertisement-for-node' })),
    );
  });
});
