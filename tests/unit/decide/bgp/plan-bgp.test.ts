/** What a node advertises by BGP, to whom, and why not: the rules of MetalLB, one by one. */
import { describe, expect, test } from '@jest/globals';
import { addressRoutes, type BgpFacts, planBgp } from '../../../../src/runtime/decide/bgp/plan-bgp.ts';
import type { BgpAdvertisement, BgpPeer } from '../../../../src/runtime/model/config.ts';
import type { LabelSelector } from '../../../../src/runtime/model/labels.ts';
import { sha256Hex } from '../../../support/layer2-facts.ts';
import { bgpAdvertisement, bgpPeer, config, ip, node, pool, service } from '../../../support/views.ts';

const VIP = ip('198.51.100.20');
const RACK: LabelSelector = { matchLabels: { rack: '1' }, matchExpressions: [] };

function standard(low: number) {
  return { kind: 'standard', high: 64512, low } as const;
}

interface Given extends Partial<Omit<BgpFacts, 'config'>> {
  readonly advertisements?: readonly BgpAdvertisement[];
  readonly peers?: readonly BgpPeer[];
}

function facts({
  advertisements = [bgpAdvertisement('all')],
  peers = [bgpPeer('router')],
  ...given
}: Given = {}): BgpFacts {
  return {
    config: config({
      pools: [pool('default', ['198.51.100.0/24', '2001:db8:1::/64']), pool('other', ['203.0.113.0/24'])],
      bgpPeers: peers,
      bgpAdvertisements: advertisements,
    }),
    services: [service('nginx', { ingress: [{ ip: VIP }] })],
    endpoints: new Map([['default/nginx', [{ nodeName: 'node2', serving: true }]]]),
    node: { ...node('node1', { labels: { rack: '1' } }), internalIps: [ip('192.0.2.10')] },
    loadBalancerClass: undefined,
    excludedNodes: 'skip',
    ...given,
  };
}

function taint(key: string) {
  return { taints: [{ key, value: '', effect: 'NoSchedule' }] };
}

function plan(given: Given = {}) {
  const { addresses, ...planned } = planBgp(facts(given), sha256Hex);
  const peers = planned.sessions.map(({ peer }) => peer);
  return { ...planned, addresses: addresses.map((address) => addressRoutes(address, peers)) };
}

function routes(given: Given = {}) {
  return plan(given).sessions.map(({ peer: { name }, routes: told }) => [name, told] as const);
}

describe('a Service with an address', () => {
  test('is advertised to every peer, by the prefix of its address', () => {
    expect(plan({ peers: [bgpPeer('a'), bgpPeer('b')] })).toMatchObject({
      sessions: [
        { peer: { name: 'a' }, identifier: '192.0.2.10', routes: [{ prefix: '198.51.100.20/32', communities: [] }] },
        { peer: { name: 'b' }, routes: [{ prefix: '198.51.100.20/32' }] },
      ],
      addresses: [
        {
          ip: VIP,
          services: ['default/nginx'],
          peers: [
            { peer: 'a', prefixes: ['198.51.100.20/32'] },
            { peer: 'b', prefixes: ['198.51.100.20/32'] },
          ],
        },
      ],
    });
  });

  const refusals: readonly { name: string; given: Given; want: string }[] = [
    {
      name: 'of no pool',
      given: { services: [service('nginx', { ingress: [{ ip: ip('10.0.0.1') }] })] },
      want: 'address-not-in-any-pool',
    },
    {
      name: 'of a pool that nothing announces',
      given: { advertisements: [bgpAdvertisement('other', { pools: ['other'] })] },
      want: 'no-advertisement-for-pool',
    },
    {
      name: 'that no advertisement selects',
      given: {
        advertisements: [
          bgpAdvertisement('some', { serviceSelectors: [{ matchLabels: { app: 'x' }, matchExpressions: [] }] }),
        ],
      },
      want: 'no-advertisement-for-pool',
    },
    {
      name: 'announced by other nodes alone',
      given: {
        advertisements: [
          bgpAdvertisement('elsewhere', { nodeSelectors: [{ matchLabels: { rack: '2' }, matchExpressions: [] }] }),
        ],
      },
      want: 'no-advertisement-for-node',
    },
    {
      name: 'with two local preferences for one route',
      given: { advertisements: [bgpAdvertisement('a', { localPref: 1 }), bgpAdvertisement('b', { localPref: 2 })] },
      want: 'conflicting-local-preferences',
    },
    {
      name: 'on a node without a pod network',
      given: { node: { ...node('node1', { networkUnavailable: true }), internalIps: [] } },
      want: 'node-network-unavailable',
    },
    {
      name: 'on a node that is excluded by label',
      given: {
        node: {
          ...node('node1', { labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': '' } }),
          internalIps: [],
        },
      },
      want: 'node-excluded-by-label',
    },
    {
      name: 'on a node that is said to be off',
      given: {
        node: {
          ...node('node1', { taints: [{ key: 'node.kubernetes.io/out-of-service', value: '', effect: 'NoExecute' }] }),
          internalIps: [],
        },
      },
      want: 'node-out-of-service',
    },
    { name: 'without endpoints', given: { endpoints: new Map() }, want: 'no-serving-endpoint' },
    {
      name: 'of policy Local, with endpoints on other nodes',
      given: { services: [service('nginx', { ingress: [{ ip: VIP }], externalTrafficPolicy: 'Local' })] },
      want: 'no-serving-endpoint-on-node',
    },
  ];
  test.each(refusals)('$name: $want', ({ given, want }) => {
    const planned = plan(given);
    expect(planned.addresses).toMatchObject([{ reason: want, peers: [] }]);
    expect(planned.sessions).toMatchObject([{ routes: [] }]);
  });

  test.each([
    {
      reason: 'excluded by label',
      given: { labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': '' } },
      want: true,
    },
    { reason: 'to be deleted', given: taint('ToBeDeletedByClusterAutoscaler'), want: true },
    { reason: 'said to be off', given: taint('node.kubernetes.io/out-of-service'), want: undefined },
    { reason: 'without a network', given: { networkUnavailable: true }, want: undefined },
    { reason: 'cordoned', given: taint('node.kubernetes.io/unschedulable'), want: undefined },
  ])('RFC 8326: of a node that is $reason routers are warned: $want', ({ given, want }) => {
    expect(plan({ node: { ...node('node1', given), internalIps: [] } }).gracefulWithdrawal).toBe(want);
  });

  test('a cordoned node goes on: it still carries traffic', () => {
    const cordoned = node('node1', taint('node.kubernetes.io/unschedulable'));
    expect(plan({ node: { ...cordoned, internalIps: [] } }).sessions).toMatchObject([{ routes: [{}] }]);
  });

  test('two local preferences for two peers, or for prefixes of other lengths, are no conflict', () => {
    const toPeers = [
      bgpAdvertisement('a', { localPref: 1, peers: ['x'] }),
      bgpAdvertisement('b', { localPref: 2, peers: ['y'] }),
    ];
    expect(routes({ advertisements: toPeers, peers: [bgpPeer('x'), bgpPeer('y')] })).toMatchObject([
      ['x', [{ localPref: 1 }]],
      ['y', [{ localPref: 2 }]],
    ]);
    const ofLengths = [
      bgpAdvertisement('a', { localPref: 1 }),
      bgpAdvertisement('b', { localPref: 2, aggregationLength: 24, aggregationLengthV6: 64 }),
    ];
    expect(routes({ advertisements: ofLengths })[0]?.[1]).toMatchObject([
      { prefix: '198.51.100.20/32', localPref: 1 },
      { prefix: '198.51.100.0/24', localPref: 2 },
    ]);
  });

  test('two local preferences for routes of one family are no conflict for an address of the other', () => {
    const advertisements = [
      bgpAdvertisement('a', { localPref: 1, aggregationLengthV6: 64 }),
      bgpAdvertisement('b', { localPref: 2 }),
    ];
    const services = [service('nginx', { ingress: [{ ip: VIP }, { ip: ip('2001:db8:1::20') }] })];
    const planned = plan({ advertisements, services, peers: [bgpPeer('router', { dualStackAddressFamily: true })] });
    expect(planned.addresses.map(({ ip: address, reason }) => [address, reason])).toEqual([
      [VIP, 'conflicting-local-preferences'],
      ['2001:db8:1::20', undefined],
    ]);
  });

  test('without endpoints it is announced all the same where an advertisement says so', () => {
    const advertisements = [bgpAdvertisement('always', { withoutEndpoints: 'Announce' }), bgpAdvertisement('usual')];
    expect(plan({ advertisements, endpoints: new Map() }).sessions[0]?.routes).toHaveLength(1);
  });

  test('of policy Local it is announced where an endpoint is', () => {
    const services = [service('nginx', { ingress: [{ ip: VIP }], externalTrafficPolicy: 'Local' })];
    const endpoints = new Map([['default/nginx', [{ nodeName: 'node1', serving: true }]]]);
    expect(plan({ services, endpoints }).sessions[0]?.routes).toHaveLength(1);
  });

  test('shared by two, one that can be announced is enough', () => {
    const services = [service('a', { ingress: [{ ip: VIP }] }), service('b', { ingress: [{ ip: VIP }] })];
    const endpoints = new Map([['default/b', [{ nodeName: 'node2', serving: true }]]]);
    expect(plan({ services, endpoints })).toMatchObject({
      addresses: [{ services: ['default/a', 'default/b'], peers: [{ prefixes: ['198.51.100.20/32'] }] }],
    });
  });
});

describe('one route of several', () => {
  const services = [
    service('a', { ingress: [{ ip: ip('198.51.100.20') }] }),
    service('b', { ingress: [{ ip: ip('198.51.100.21') }] }),
  ];
  const endpoints = new Map(['a', 'b'].map((name) => [`default/${name}`, [{ nodeName: 'node2', serving: true }]]));

  test('addresses of one aggregate are one route, and it stays while one of them is announced', () => {
    const advertisements = [bgpAdvertisement('all', { aggregationLength: 24 })];
    expect(routes({ advertisements, services, endpoints })[0]?.[1]).toMatchObject([{ prefix: '198.51.100.0/24' }]);
    const one = new Map([...endpoints].slice(0, 1));
    expect(routes({ advertisements, services, endpoints: one })[0]?.[1]).toMatchObject([{ prefix: '198.51.100.0/24' }]);
  });

  test('communities are united, each once, in order', () => {
    const advertisements = [
      bgpAdvertisement('a', { communities: [standard(2), standard(3)] }),
      bgpAdvertisement('b', { communities: [standard(1), standard(2)] }),
    ];
    expect(routes({ advertisements })[0]?.[1]).toEqual([
      { prefix: '198.51.100.20/32', communities: [standard(1), standard(2), standard(3)] },
    ]);
  });

  test('of more communities than a route has room for those that say how far it may go are kept', () => {
    const NO_EXPORT = { kind: 'standard', high: 65535, low: 65281 } as const;
    const advertisements = ['a', 'b', 'c', 'd', 'e', 'f'].map((name, number) =>
      bgpAdvertisement(name, {
        communities: [
          ...Array.from({ length: 62 }, (_, low) => standard(62 * number + low)),
          ...(name === 'f' ? [NO_EXPORT] : []),
        ],
      }),
    );
    const told = routes({ advertisements })[0]?.[1][0]?.communities;
    expect(told).toHaveLength(300);
    expect(told).toContainEqual(NO_EXPORT);
  });

  test('routes that are announced alike share one list of communities, and peers that hear the same one list of routes', () => {
    const { sessions } = plan({ services, endpoints, peers: [bgpPeer('x'), bgpPeer('y')] });
    const [first, second] = sessions[0]?.routes ?? [];
    expect(first?.communities).toBe(second?.communities);
    expect(sessions[0]?.routes).toBe(sessions[1]?.routes);
  });

  test('two pools in one aggregate: of two local preferences the highest, whatever the order of the Services', () => {
    const other = service('b', { ingress: [{ ip: ip('203.0.113.21') }] });
    const advertisements = [
      bgpAdvertisement('low', { pools: ['default'], aggregationLength: 1, localPref: 100 }),
      bgpAdvertisement('high', { pools: ['other'], aggregationLength: 1, localPref: 200 }),
    ];
    for (const both of [
      [...services.slice(0, 1), other],
      [other, ...services.slice(0, 1)],
    ]) {
      expect(routes({ advertisements, services: both, endpoints })[0]?.[1]).toMatchObject([
        { prefix: '128.0.0.0/1', localPref: 200 },
      ]);
    }
  });

  test('the lowest MED, and the fewest repetitions of the AS number', () => {
    const advertisements = [
      bgpAdvertisement('a', { multiExitDisc: 20, asPathPrepend: 3 }),
      bgpAdvertisement('b', { multiExitDisc: 10, asPathPrepend: 2 }),
    ];
    expect(routes({ advertisements })[0]?.[1]).toMatchObject([{ multiExitDisc: 10, asPathPrepend: 2 }]);
    expect(routes({ advertisements: [...advertisements, bgpAdvertisement('c')] })[0]?.[1][0]).not.toHaveProperty(
      'asPathPrepend',
    );
  });
});

describe('peers', () => {
  test('only those whose selectors the node meets have a session', () => {
    const peers = [
      bgpPeer('here', { nodeSelectors: [RACK] }),
      bgpPeer('there', { nodeSelectors: [{ matchLabels: { rack: '2' }, matchExpressions: [] }] }),
    ];
    expect(plan({ peers }).sessions.map(({ peer: { name } }) => name)).toEqual(['here']);
  });

  test('one that the advertisements do not name hears nothing, and why is said', () => {
    const planned = plan({
      advertisements: [bgpAdvertisement('one', { peers: ['a'] })],
      peers: [bgpPeer('a'), bgpPeer('b')],
    });
    expect(planned.addresses[0]?.peers).toEqual([
      { peer: 'a', prefixes: ['198.51.100.20/32'] },
      { peer: 'b', prefixes: [], reason: 'no-advertisement-for-peer' },
    ]);
  });

  const V6 = ip('2001:db8:1::20');
  const families: readonly { name: string; given: Partial<BgpPeer>; want: readonly string[] }[] = [
    { name: 'an IPv4 session', given: {}, want: ['198.51.100.20/32'] },
    { name: 'an IPv6 session', given: { remote: { address: ip('2001:db8::1') } }, want: ['2001:db8:1::20/128'] },
    {
      name: 'a session of both families',
      given: { dualStackAddressFamily: true },
      want: ['198.51.100.20/32', '2001:db8:1::20/128'],
    },
    {
      name: 'an unnumbered one',
      given: { remote: { interface: 'eth0' } },
      want: ['198.51.100.20/32', '2001:db8:1::20/128'],
    },
  ];
  test.each(families)('$name carries $want', ({ given, want }) => {
    const services = [service('nginx', { ingress: [{ ip: VIP }, { ip: V6 }] })];
    const planned = plan({ services, peers: [bgpPeer('router', given)] });
    expect(planned.sessions[0]?.routes.map(({ prefix }) => prefix)).toEqual(want);
    const untold = planned.addresses.flatMap(({ peers }) => peers).filter(({ reason }) => reason !== undefined);
    expect(untold.map(({ reason }) => reason)).toEqual(want.length === 2 ? [] : ['family-not-carried']);
  });

  test('identifier: what is configured, else the node’s first IPv4 address, else a number of its name', () => {
    const of = (given: Partial<BgpPeer>, internalIps: readonly string[]) =>
      plan({
        peers: [bgpPeer('router', given)],
        node: { ...node('node1'), internalIps: internalIps.map(ip) },
      }).sessions[0]?.identifier;
    expect(of({ routerId: ip('10.0.0.1') }, ['192.0.2.10'])).toBe('10.0.0.1');
    expect(of({}, ['2001:db8::10', '192.0.2.10'])).toBe('192.0.2.10');
    expect(of({}, ['2001:db8::10'])).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
    expect(of({}, ['2001:db8::10'])).toBe(of({}, []));
  });
});

test('equal facts are equal plans', () => {
  expect(plan()).toEqual(plan());
});
