/** Which addresses no node may advertise by BGP, and what keeps each node from it. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { EXCLUDE_LABEL } from '../../../../src/runtime/decide/announcing/node-fitness.ts';
import { type ClusterRouteFacts, unadvertisedAddresses } from '../../../../src/runtime/decide/bgp/advertiser-search.ts';
import { planBgp } from '../../../../src/runtime/decide/bgp/plan-bgp.ts';
import type { BgpAdvertisement, BgpPeer } from '../../../../src/runtime/model/config.ts';
import type { LabelSelector } from '../../../../src/runtime/model/labels.ts';
import type { EndpointView, ServiceView } from '../../../../src/runtime/model/service.ts';
import { sha256Hex } from '../../../support/layer2-facts.ts';
import { bgpAdvertisement, bgpPeer, config, ip, node, pool, service } from '../../../support/views.ts';

const VIP = ip('198.51.100.20');
const NAMES = ['n1', 'n2', 'n3'] as const;
const EXCLUDED = { labels: { [EXCLUDE_LABEL]: '' } };
const on = (...names: readonly string[]): LabelSelector => ({
  matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: names }],
});
const serving = (nodeName: string): EndpointView => ({ nodeName, serving: true });

interface Given {
  readonly advertisements?: readonly BgpAdvertisement[];
  readonly peers?: readonly BgpPeer[];
  readonly services?: readonly ServiceView[];
  readonly endpoints?: ClusterRouteFacts['endpoints'];
  readonly nodes?: ClusterRouteFacts['nodes'];
  readonly alive?: readonly string[];
}

/** As n1 sees it. */
function unadvertised({
  advertisements = [bgpAdvertisement('all')],
  peers = [bgpPeer('router')],
  services = [service('nginx', { ingress: [{ ip: VIP }] })],
  endpoints = new Map([['default/nginx', [serving('n2')]]]),
  nodes = NAMES.map((name) => node(name)),
  alive = NAMES,
}: Given) {
  const facts: ClusterRouteFacts = {
    config: config({
      pools: [pool('default', ['198.51.100.0/24', '2001:db8:1::/64'])],
      bgpPeers: peers,
      bgpAdvertisements: advertisements,
    }),
    endpoints,
    nodes,
    alive: new Set(alive),
    excludedNodes: 'skip',
  };
  const planOf = (own: ClusterRouteFacts['nodes'][number]) =>
    planBgp({ ...facts, services, loadBalancerClass: undefined, node: { ...own, internalIps: [] } }, sha256Hex);
  const [first] = nodes;
  if (first === undefined) throw new Error('there is no node');
  const found = unadvertisedAddresses(planOf(first), services, facts);
  return { found, plans: nodes.filter(({ name }) => facts.alive.has(name)).map(planOf) };
}

/** 'no-candidate-node (n1 node-excluded-by-label, …)' of the one address; "": a node may. */
function told(given: Given): string {
  const [address, ...others] = unadvertised(given).found;
  expect(others).toEqual([]);
  if (address === undefined) return '';
  const refused = address.refused().map(({ node: name, reason }) => `${name} ${reason}`);
  return `${address.reason} (${refused.join(', ')})`;
}

describe('an address that is to be advertised', () => {
  const local = service('nginx', { ingress: [{ ip: VIP }], externalTrafficPolicy: 'Local' });

  test.each<{ name: string; given: Given; want: string }>([
    { name: 'by this node', given: {}, want: '' },
    { name: 'by another node alone', given: { nodes: [node('n1', EXCLUDED), node('n2')] }, want: '' },
    { name: 'with policy Local, by the node of its endpoint', given: { services: [local] }, want: '' },
    {
      name: 'by no node, for many reasons',
      given: {
        nodes: [node('n1', EXCLUDED), node('n2', { networkUnavailable: true }), node('n3')],
        alive: ['n1', 'n2'],
      },
      want: 'no-candidate-node (n1 node-excluded-by-label, n2 node-network-unavailable, n3 speaker-not-alive)',
    },
    {
      name: 'with policy Local, by the one node that is excluded',
      given: { services: [local], nodes: [node('n1'), node('n2', EXCLUDED)] },
      want: 'no-candidate-node (n1 no-serving-endpoint-on-node, n2 node-excluded-by-label)',
    },
    {
      name: 'without an endpoint',
      given: { endpoints: new Map(), nodes: [node('n1'), node('n2', EXCLUDED)] },
      want: 'no-serving-endpoint (n1 no-serving-endpoint, n2 node-excluded-by-label)',
    },
    {
      name: 'without an endpoint, which its advertisement does without',
      given: {
        endpoints: new Map(),
        services: [local],
        advertisements: [bgpAdvertisement('all', { withoutEndpoints: 'Announce', nodeSelectors: [on('n3')] })],
      },
      want: '',
    },
    {
      name: 'where no node has a peer',
      given: { peers: [bgpPeer('router', { nodeSelectors: [on('n9')] })], nodes: [node('n1')] },
      want: 'no-candidate-node (n1 no-peer-for-node)',
    },
    {
      name: 'where the peers are not to hear of it',
      given: {
        nodes: [node('n1'), node('n2')],
        peers: [
          bgpPeer('a', { nodeSelectors: [on('n1')], remote: { address: ip('2001:db8::1') } }),
          bgpPeer('b', { nodeSelectors: [on('n2')] }),
        ],
        advertisements: [bgpAdvertisement('all', { peers: ['a'] })],
      },
      want: 'no-candidate-node (n1 family-not-carried, n2 no-advertisement-for-peer)',
    },
    {
      name: 'by no advertisement at all: it is not to be advertised',
      given: { advertisements: [bgpAdvertisement('other', { pools: ['other'] })] },
      want: '',
    },
  ])('$name', ({ given, want }) => {
    expect(told(given)).toBe(want);
  });

  test('shared by two Services: one that may is enough', () => {
    const services = ['nginx', 'idle'].map((name) => service(name, { ingress: [{ ip: VIP }] }));
    expect(unadvertised({ services }).found).toEqual([]);
    const [address] = unadvertised({ services, endpoints: new Map() }).found;
    expect(address?.services).toEqual(['default/idle', 'default/nginx']);
  });
});

describe('whatever the cluster', () => {
  const anyNodes = fc.tuple(...NAMES.map((name) => fc.constantFrom(node(name), node(name, EXCLUDED))));
  const anyService = fc.record({
    externalTrafficPolicy: fc.constantFrom('Cluster' as const, 'Local' as const),
    labels: fc.constantFrom({}, { tier: 'edge' }),
    address: fc.constantFrom('198.51.100.1', '198.51.100.2', '2001:db8:1::1', '10.0.0.1'),
    endpoints: fc.subarray([...NAMES]),
  });
  const anySelector = fc.subarray([...NAMES], { minLength: 1 });
  const anyAdvertisement = fc.record({
    nodeSelectors: anySelector.map((names) => [on(...names)]),
    serviceSelectors: fc.constantFrom([], [{ matchLabels: { tier: 'edge' } }]),
    peers: fc.constantFrom([], ['router']),
    withoutEndpoints: fc.constantFrom(undefined, 'Announce' as const),
  });

  test('found are those, and only those, that every node with a live speaker refuses when it plans all of them', () => {
    let refused = 0;
    let advertised = 0;
    fc.assert(
      fc.property(
        anyNodes,
        fc.array(anyService, { minLength: 1, maxLength: 6 }),
        fc.array(anyAdvertisement, { maxLength: 2 }),
        fc.record({ peer: anySelector, alive: fc.subarray([...NAMES], { minLength: 1 }) }),
        (nodes, services, advertisements, { peer, alive }) => {
          const given: Given = {
            nodes,
            alive,
            peers: [bgpPeer('router', { nodeSelectors: [on(...peer)] })],
            services: services.map(({ externalTrafficPolicy, labels, address }, i) =>
              service(`s${i}`, { externalTrafficPolicy, labels, ingress: [{ ip: ip(address) }] }),
            ),
            endpoints: new Map(services.map(({ endpoints }, i) => [`default/s${i}`, endpoints.map(serving)])),
            advertisements: advertisements.map(({ withoutEndpoints, ...advertisement }, i) =>
              bgpAdvertisement(`a${i}`, { ...advertisement, ...(withoutEndpoints && { withoutEndpoints }) }),
            ),
          };
          // This node's speaker lives.
          fc.pre(alive.includes('n1'));
          const { found, plans } = unadvertised(given);
          const names = new Set(found.map(({ ip: own }) => own));
          for (const { ip: own, verdict } of plans[0]?.addresses ?? []) {
            const isCovered = verdict !== 'address-not-in-any-pool' && verdict !== 'no-advertisement-for-pool';
            const isRefused = plans.every(({ sessions }) =>
              sessions.every(({ routes }) => routes.every(({ prefix }) => !prefix.startsWith(`${own}/`))),
            );
            expect([own, names.has(own)]).toEqual([own, isCovered && isRefused]);
            if (isCovered && isRefused) refused += 1;
            else if (isCovered) advertised += 1;
          }
          for (const address of found) expect(address.refused().map((each) => each.node)).toEqual([...NAMES]);
        },
      ),
      { numRuns: 500 },
    );
    // Both outcomes came up.
    expect(Math.min(refused, advertised)).toBeGreaterThan(50);
  });
});
