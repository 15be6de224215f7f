/** Which plans are handed over, and what of them is said to be advertised. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { BgpFacts } from '../../../../../src/runtime/decide/bgp/plan-bgp.ts';
import type { BgpPlan } from '../../../../../src/runtime/model/bgp-plan.ts';
import type { BgpSessionView } from '../../../../../src/runtime/model/bgp-session.ts';
import { BgpPlanning } from '../../../../../src/runtime/programs/speaker/bgp/bgp-planning.ts';
import { sessionView } from '../../../../support/bgp-session-views.ts';
import { sha256Hex } from '../../../../support/layer2-facts.ts';
import { bgpAdvertisement, bgpPeer, config, ip, node, pool, service } from '../../../../support/views.ts';

const FIRST = 1_000_001;

let posted: BgpPlan[];
let planning: BgpPlanning;

beforeEach(() => {
  posted = [];
  planning = new BgpPlanning({ sha256Hex, wallMs: FIRST - 1, post: (plan) => posted.push(plan) });
});

function facts(names: readonly string[], given: Partial<BgpFacts['config']> = {}): BgpFacts {
  return {
    config: config({
      pools: [pool('default', ['198.51.100.0/24'])],
      bgpPeers: [bgpPeer('router')],
      bgpAdvertisements: [bgpAdvertisement('all')],
      ...given,
    }),
    services: names.map((name, index) => service(name, { ingress: [{ ip: ip(`198.51.100.${index + 1}`) }] })),
    endpoints: new Map(names.map((name) => [`default/${name}`, [{ nodeName: 'node2', serving: true }]])),
    node: { ...node('node1'), internalIps: [ip('192.0.2.10')] },
    loadBalancerClass: undefined,
    excludedNodes: 'skip',
  };
}

function view(given: Partial<BgpSessionView> = {}): BgpSessionView {
  return sessionView({ peer: 'router', state: 'established', ...given });
}

function told(): object {
  return Object.fromEntries(Array.from(planning.told()?.services ?? [], ([key, { peers }]) => [key, peers]));
}

describe('what is handed over', () => {
  test('plans that differ, each with a higher number', () => {
    planning.plan(facts(['a']));
    planning.plan(facts(['a']));
    planning.plan(facts(['a', 'b']));
    expect(posted.map(({ generation, sessions }) => [generation, sessions[0]?.routes.length])).toEqual([
      [FIRST, 1],
      [FIRST + 1, 2],
    ]);
  });

  test('also where of several routers that heard the same one alone is to hear something else', () => {
    const routers = [bgpPeer('router-a'), bgpPeer('router-b')];
    planning.plan(facts(['a'], { bgpPeers: routers }));
    planning.plan(facts(['a'], { bgpPeers: routers }));
    planning.plan(
      facts(['a'], { bgpPeers: routers, bgpAdvertisements: [bgpAdvertisement('all', { peers: ['router-a'] })] }),
    );
    planning.plan(facts(['a'], { bgpPeers: [bgpPeer('router-a'), bgpPeer('router-b', { holdTimeSeconds: 3 })] }));
    expect(posted.map(({ sessions }) => sessions.map(({ routes }) => routes.length))).toEqual([
      [1, 1],
      [1, 0],
      [1, 1],
    ]);
  });

  test('of a node that is given up, that routers are to hear of it before', () => {
    const { node: own, ...rest } = facts(['a']);
    planning.plan(facts(['a']));
    planning.plan({
      ...rest,
      node: { ...own, labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': '' } },
    });
    expect(posted.map(({ gracefulWithdrawal }) => gracefulWithdrawal)).toEqual([undefined, true]);
  });

  test('a cluster without BGP: one plan without a session, and no address looked at', () => {
    const unused = facts(['a'], { bgpPeers: [], bgpAdvertisements: [] });
    expect(planning.plan(unused)).toEqual({ sessions: [], addresses: [] });
    planning.plan(unused);
    expect(posted).toEqual([{ generation: FIRST, sessions: [] }]);
  });

  test('the last peer goes: its session is taken away', () => {
    planning.plan(facts(['a']));
    planning.plan(facts(['a'], { bgpPeers: [], bgpAdvertisements: [] }));
    expect(posted.at(-1)).toEqual({ generation: FIRST + 1, sessions: [] });
  });
});

describe('what is said to be advertised', () => {
  test('nothing, before anything was heard of the sessions', () => {
    planning.plan(facts(['a']));
    expect(planning.told()).toBeUndefined();
  });

  test('Services of the plan whose routes have all been sent, not of a later one', () => {
    planning.plan(facts(['a']));
    planning.plan(facts(['a', 'b']));
    planning.heard([view({ advertisedGeneration: FIRST })]);
    expect(told()).toEqual({ 'default/a': ['router'] });
    expect(planning.told()?.prefixesOf('router')).toEqual(['198.51.100.1/32']);
    planning.heard([view({ advertisedGeneration: FIRST + 1 })]);
    expect(told()).toEqual({ 'default/a': ['router'], 'default/b': ['router'] });
  });

  test('nothing by a session that is not established, or that does not carry the family', () => {
    planning.plan(facts(['a']));
    planning.heard([view({ state: 'active' })]);
    expect(told()).toEqual({});
    planning.heard([view({ advertisedGeneration: FIRST, advertisedFamilies: ['ipv6'] })]);
    expect([told(), planning.told()?.prefixesOf('router')]).toEqual([{}, []]);
  });

  test('beside it, what is to be: a Service stays planned while its session is down, and ceases with its endpoints', () => {
    planning.plan(facts(['a', 'b']));
    planning.heard([view({ state: 'active' })]);
    const planned = () => ['default/a', 'default/b'].filter((key) => planning.told()?.isPlanned(key));
    expect(planned()).toEqual(['default/a', 'default/b']);
    planning.plan({ ...facts(['a', 'b']), endpoints: facts(['b']).endpoints });
    expect(planned()).toEqual(['default/b']);
    planning.plan(facts(['a', 'b'], { bgpPeers: [] }));
    expect(planned()).toEqual([]);
  });

  test('of a Service with two addresses only those that a router was told of', () => {
    const one = facts(['a']);
    const both = service('a', { ingress: [{ ip: ip('198.51.100.1') }, { ip: ip('2001:db8::1') }] });
    const pools = [pool('default', ['198.51.100.0/24', '2001:db8::/64'])];
    const peers = [bgpPeer('router'), bgpPeer('tor-6', { remote: { address: ip('fd00::1') } })];
    planning.plan({ ...one, config: { ...one.config, pools, bgpPeers: peers }, services: [both] });
    const addresses = () => planning.told()?.services.get('default/a');
    const v4 = view({ advertisedGeneration: FIRST });
    const v6 = view({ peer: 'tor-6', advertisedGeneration: FIRST, advertisedFamilies: ['ipv6'] });
    planning.heard([v4, { ...v6, state: 'active' }]);
    expect(addresses()).toEqual({ peers: ['router'], addresses: ['198.51.100.1'] });
    planning.heard([v4, v6]);
    expect(addresses()).toEqual({ peers: ['router', 'tor-6'], addresses: ['198.51.100.1', '2001:db8::1'] });
  });

  test('a session that is behind is known by what it is at, however many plans have come since', () => {
    planning.plan(facts(['a']));
    planning.heard([view({ advertisedGeneration: FIRST })]);
    for (let count = 2; count < 40; count++) planning.plan(facts(Array.from({ length: count }, (_, i) => `s${i}`)));
    expect(told()).toEqual({ 'default/a': ['router'] });
    planning.heard([view({ advertisedGeneration: FIRST + 38 })]);
    expect(Object.keys(told())).toHaveLength(39);
    // Gone: nobody can be there any more.
    planning.heard([view({ advertisedGeneration: FIRST + 1 })]);
    expect(told()).toEqual({});
  });

  test('another Service under a route that stays is told without a new plan', () => {
    planning.plan(facts(['a']));
    planning.heard([view({ advertisedGeneration: FIRST })]);
    planning.plan(facts(['b']));
    expect([posted.length, told()]).toEqual([1, { 'default/b': ['router'] }]);
  });
});
