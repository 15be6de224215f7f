/** What is said of an address that BGP covers: of every node and peer what is planned, what is told, and what is in the way. */
import { describe, expect, test } from '@jest/globals';
import { EXCLUDE_LABEL } from '../../../../src/runtime/decide/announcing/node-fitness.ts';
import type { BgpWorld } from '../../../../src/runtime/decide/explain/bgp-world.ts';
import type { ExplainWorld } from '../../../../src/runtime/decide/explain/case.ts';
import { explainProblems, explainService } from '../../../../src/runtime/decide/explain/explain.ts';
import type { Layer2World, SpeakerStanding } from '../../../../src/runtime/decide/explain/layer2-world.ts';
import type { SessionWord } from '../../../../src/runtime/decide/explain/session-list.ts';
import type { BgpSessionStatus } from '../../../../src/runtime/model/bgp-session-status.ts';
import type { Config } from '../../../../src/runtime/model/config.ts';
import type { ServiceView } from '../../../../src/runtime/model/service.ts';
import type { ServiceBgpStatusView } from '../../../../src/runtime/model/service-status.ts';
import { sha256Hex } from '../../../support/layer2-facts.ts';
import { bgpAdvertisement, bgpPeer, config, ip, l2Advertisement, node, pool, service } from '../../../support/views.ts';
import { worldOf } from './explain-world.ts';

const VIP = ip('198.51.100.20');
const VIP6 = ip('2001:db8::20');
const POOL = pool('default', ['198.51.100.0/24', '2001:db8::/64']);
const NODES = ['n1', 'n2'];

function speaker(nodeName: string, given: Partial<SpeakerStanding> = {}): SpeakerStanding {
  return { nodeName, interfaces: [], alive: true, silentSeconds: 1, ...given };
}

/** What the node's speaker says of the Service: whom it told of it. */
function said(nodeName: string, peers: readonly string[], addresses = `${VIP}`): ServiceBgpStatusView {
  return { node: nodeName, service: 'default/web', peers, addresses };
}

function session(nodeName: string, peer: string, given: Partial<BgpSessionStatus> = {}): SessionWord {
  const status: BgpSessionStatus = {
    node: nodeName,
    peer,
    state: 'established',
    since: '2026-08-01T10:00:00Z',
    advertisedPrefixes: 1,
    prefixes: [`${VIP}/32`],
    notAdvertised: [],
    receivedPrefixes: 0,
    flaps: 0,
    ...given,
  };
  return { status, sinceMs: 0 };
}

interface Given {
  readonly layer2?: Partial<Layer2World>;
  readonly bgp?: Partial<BgpWorld>;
  readonly config?: Partial<Config>;
  readonly service?: Partial<ServiceView>;
  readonly others?: readonly ServiceView[];
}

/** Two nodes, each with an established session with "tor", and "tor" was told by both. */
function world(given: Given = {}): ExplainWorld {
  const web = service('web', {
    ingress: [{ ip: VIP }],
    annotations: { 'metallb.io/ip-allocated-from-pool': 'default' },
    ...given.service,
  });
  const inForce = config({
    pools: [POOL],
    bgpAdvertisements: [bgpAdvertisement('all')],
    bgpPeers: [bgpPeer('tor')],
    ...given.config,
  });
  return worldOf(inForce, [web, ...(given.others ?? [])], {
    layer2: {
      nodes: NODES.map((name) => node(name)),
      endpoints: new Map([['default/web', [{ nodeName: 'n1', serving: true }]]]),
      speakers: NODES.map((name) => speaker(name)),
      statuses: [],
      excludedNodes: 'skip',
      election: 'spread',
      conflicts: [],
      sha256Hex,
      ...given.layer2,
    },
    bgp: {
      statuses: NODES.map((name) => said(name, ['tor'])),
      sessions: NODES.map((name) => session(name, 'tor')),
      faultyPeers: [],
      nowMs: 0,
      ...given.bgp,
    },
  });
}

function explained(given: Given = {}) {
  const { announcement, asAsked } = explainService(world(given), 'default/web');
  if (announcement === undefined) throw new Error('nothing is said of who announces');
  const [address] = announcement.addresses;
  if (address === undefined) throw new Error('nothing is said of the address');
  return { ...announcement, asAsked, address };
}

/** "n1 tor told: …" for every peer, "n1 cannot REASON: …" for every node that tells none. */
function lines(given: Given = {}): readonly string[] {
  return (explained(given).address.bgp ?? []).flatMap(({ node: name, standing, reason, message, peers }) =>
    peers.length === 0
      ? [`${name} ${standing} ${reason}: ${message}`]
      : peers.map((peer) => `${name} ${peer.peer} ${peer.standing}: ${peer.message}`),
  );
}

const NOBODY = { statuses: [] };
const DOWN = (name: string) =>
  session(name, 'tor', { state: 'active', lastError: 'the router refuses the connection' });

describe('an address that BGP advertises', () => {
  test('from which nodes to which peers, by which prefix, and how the sessions fare', () => {
    const { announced, asAsked, address, advice } = explained();
    expect({ announced, asAsked, advice }).toEqual({ announced: true, asAsked: true, advice: [] });
    expect([address.reason, address.message]).toEqual(['by-bgp', 'advertised by BGP, from n1 (tor), n2 (tor)']);
    expect(address.bgp?.[0]).toEqual({
      node: 'n1',
      standing: 'advertises',
      message: 'advertises it',
      peers: [
        {
          peer: 'tor',
          standing: 'told',
          prefixes: ['198.51.100.20/32'],
          session: 'established',
          message: '198.51.100.20/32; session established',
        },
      ],
    });
    expect(address.bgp).toHaveLength(2);
    expect(explainProblems(world())).toEqual([]);
  });

  test('communities that a route has no room for are told as left out', () => {
    const bgpAdvertisements = [0, 1, 2, 3, 4].map((number) =>
      bgpAdvertisement(`a${number}`, {
        communities: Array.from({ length: 63 }, (_, low) => ({ kind: 'standard', high: number, low })),
      }),
    );
    expect(lines({ config: { bgpAdvertisements } })[0]).toBe(
      'n1 tor told: 198.51.100.20/32 (15 of its communities are left out: a route has room for 300); session established',
    );
    expect(lines({ config: { bgpAdvertisements: bgpAdvertisements.slice(1) } })[0]).toBe(
      'n1 tor told: 198.51.100.20/32; session established',
    );
  });

  test('an error of the past and BFD that is not up are told beside the session', () => {
    const sessions = [session('n1', 'tor', { lastError: 'hold timer expired', bfd: 'down' }), session('n2', 'tor')];
    expect(lines({ bgp: { sessions } })[0]).toBe(
      'n1 tor told: 198.51.100.20/32; session established, BFD down; before that: hold timer expired',
    );
  });

  test('by some nodes alone: those that have peers to tell yet come first, and what to do is said', () => {
    const { announced, advice } = explained({ bgp: { statuses: [said('n1', ['tor'])], sessions: [DOWN('n2')] } });
    expect(announced).toBe(true);
    expect(lines({ bgp: { statuses: [said('n1', ['tor'])], sessions: [session('n1', 'tor'), DOWN('n2')] } })).toEqual([
      'n2 tor not-told: is to be told of 198.51.100.20/32; session active: the router refuses the connection',
      'n1 tor told: 198.51.100.20/32; session established',
    ]);
    expect(advice).toEqual([
      expect.stringMatching(/^bring up the sessions of n2 with tor: \.\/install bgp --peer tor /),
    ]);
  });

  test('by layer 2 as well: both are told', () => {
    const l2 = {
      namespace: 'metallb-system',
      name: 'l2-n1',
      uid: 'x',
      resourceVersion: '1',
      labels: {},
      addresses: '',
      ownerUids: [],
      node: 'n1',
      serviceName: 'web',
      serviceNamespace: 'default',
      interfaces: [],
    };
    const { address } = explained({
      config: { l2Advertisements: [l2Advertisement('l2')] },
      layer2: { statuses: [l2] },
    });
    expect(address.reason).toBe('announced');
    expect(address.message).toMatch(/^n1 .*; by BGP as well, from n1 \(tor\), n2 \(tor\)$/);
    expect(address.bgp).toHaveLength(2);
  });

  test('where layer 2 is to announce it and cannot: it is announced, and why not the other way', () => {
    const { announced, address } = explained({ config: { l2Advertisements: [l2Advertisement('l2')] } });
    expect([announced, address.reason]).toEqual([true, 'by-bgp']);
    expect(address.message).toBe(
      'advertised by BGP, from n1 (tor), n2 (tor); not by layer 2: none of 2 nodes can announce it',
    );
  });

  test('an address of another Service under the same name counts for nothing', () => {
    const { address } = explained({ bgp: { statuses: [said('n1', ['tor'], '198.51.100.99')] } });
    expect(address.reason).toBe('bgp-nobody-told');
  });
});

describe('of a Service with two addresses', () => {
  const BOTH: Given = {
    service: { ingress: [{ ip: VIP }, { ip: VIP6 }], ipFamilies: ['ipv4', 'ipv6'], ipFamilyPolicy: 'RequireDualStack' },
  };

  test('each is told apart: a session over IPv4 carries the one', () => {
    const { announced, addresses, advice } = explained({
      ...BOTH,
      bgp: { statuses: [said('n1', ['tor'])] },
    });
    expect(announced).toBe(false);
    expect(addresses.map(({ reason }) => reason)).toEqual(['by-bgp', 'no-candidate-node']);
    expect(addresses[1]?.bgp?.[0]?.peers).toEqual([
      {
        peer: 'tor',
        standing: 'not-meant',
        prefixes: [],
        reason: 'family-not-carried',
        session: 'established',
        message: 'the session with it carries no IPv6 routes',
      },
    ]);
    expect(advice).toContain('add a BGPPeer with the router’s IPv6 address, or set spec.dualStackAddressFamily of tor');
  });

  test('a speaker that does not say which addresses: the session’s prefixes say it', () => {
    const { addresses } = explained({
      ...BOTH,
      config: { bgpPeers: [bgpPeer('tor', { dualStackAddressFamily: true })] },
      bgp: { statuses: [said('n1', ['tor'], '')] },
    });
    expect(addresses.map(({ reason }) => reason)).toEqual(['by-bgp', 'bgp-nobody-told']);
  });

  test('a router that does not speak the family is named', () => {
    const given: Given = {
      ...BOTH,
      config: { bgpPeers: [bgpPeer('tor', { dualStackAddressFamily: true })] },
      bgp: {
        statuses: NODES.map((name) => said(name, ['tor'])),
        sessions: NODES.map((name) =>
          session(name, 'tor', { notAdvertised: ['ipv6 unicast: the router does not speak it'] }),
        ),
      },
    };
    const { addresses, advice } = explained(given);
    expect(addresses[1]?.bgp?.[0]?.peers[0]?.message).toBe(
      'is to be told of 2001:db8::20/128; session established; ipv6 unicast: the router does not speak it',
    );
    expect(advice).toEqual(['let the router of tor take the address family on its sessions with n1, n2']);
  });
});

describe('an address that no router was told of', () => {
  test.each<{ name: string; given: Given; reason: string; message: RegExp; line: string; advice: RegExp }>([
    {
      name: 'the sessions are down',
      given: { bgp: { ...NOBODY, sessions: NODES.map(DOWN) } },
      reason: 'bgp-nobody-told',
      message: /^nodes are to advertise it by BGP, and no speaker says that it has told a router$/,
      line: 'n1 tor not-told: is to be told of 198.51.100.20/32; session active: the router refuses the connection',
      advice: /^bring up the sessions of n1, n2 with tor/,
    },
    {
      name: 'the speakers say nothing of their sessions',
      given: { bgp: { ...NOBODY, sessions: [] } },
      reason: 'bgp-nobody-told',
      message: /by BGP/,
      line: "n1 tor not-told: is to be told of 198.51.100.20/32; session unknown: the node's speaker lives, and says nothing of it",
      advice: /^bring up the sessions of n1, n2 with tor/,
    },
    {
      name: 'a session that went down since the speaker said that it told',
      given: { bgp: { sessions: NODES.map(DOWN) } },
      reason: 'bgp-nobody-told',
      message: /by BGP/,
      line: 'n1 tor not-told: is to be told of 198.51.100.20/32; session active: the router refuses the connection',
      advice: /^bring up/,
    },
    {
      name: 'the sessions stand, and the speakers have not said that they told',
      given: { bgp: NOBODY },
      reason: 'bgp-nobody-told',
      message: /by BGP/,
      line: 'n1 tor not-told: is to be told of 198.51.100.20/32; session established; its speaker does not say yet that it was',
      advice: /^look again in some seconds; .* speakers of n1, n2 say: kubectl logs/,
    },
    {
      name: 'no pods',
      given: { bgp: NOBODY, layer2: { endpoints: new Map() } },
      reason: 'no-serving-endpoint',
      message: /^the Service has no pods behind it$/,
      line: 'n1 cannot no-serving-endpoint: the Service has no pods behind it',
      advice: /kubectl get endpointslices -n default/,
    },
    {
      name: 'policy Local, and the pod is on a node without a speaker',
      given: {
        service: { externalTrafficPolicy: 'Local' },
        bgp: NOBODY,
        layer2: {
          endpoints: new Map([['default/web', [{ nodeName: 'n2', serving: true }]]]),
          speakers: [speaker('n1')],
        },
      },
      reason: 'no-candidate-node',
      message: /^none of 2 nodes can announce it$/,
      line: 'n1 cannot no-serving-endpoint-on-node: with externalTrafficPolicy Local it needs a ready pod of the Service, and has none',
      advice: /^run a pod of the Service on n1/,
    },
    {
      name: 'nodes that are excluded',
      given: { bgp: NOBODY, layer2: { nodes: NODES.map((name) => node(name, { labels: { [EXCLUDE_LABEL]: '' } })) } },
      reason: 'no-candidate-node',
      message: /^none of 2 nodes/,
      line: `n1 cannot node-excluded-by-label: its label ${EXCLUDE_LABEL} keeps it out of load balancing`,
      advice: /^take the label off n1, n2/,
    },
    {
      name: 'nodes without a network',
      given: { bgp: NOBODY, layer2: { nodes: NODES.map((name) => node(name, { networkUnavailable: true })) } },
      reason: 'no-candidate-node',
      message: /^none of 2 nodes/,
      line: 'n1 cannot node-network-unavailable: the pods’ network does not reach it (condition NetworkUnavailable)',
      advice: /^repair the pods’ network on n1, n2/,
    },
    {
      name: 'advertisements for other nodes',
      given: {
        bgp: NOBODY,
        config: { bgpAdvertisements: [bgpAdvertisement('edge', { nodeSelectors: [{ matchLabels: { rack: '9' } }] })] },
      },
      reason: 'no-candidate-node',
      message: /^none of 2 nodes/,
      line: 'n1 cannot no-advertisement-for-node: spec.nodeSelectors of BGPAdvertisement "edge" leave it out',
      advice: /^let spec\.nodeSelectors of BGPAdvertisement "edge" select n1, n2/,
    },
    {
      name: 'advertisements that name other peers',
      given: { bgp: NOBODY, config: { bgpAdvertisements: [bgpAdvertisement('edge', { peers: ['core'] })] } },
      reason: 'no-candidate-node',
      message: /^none of 2 nodes/,
      line: 'n1 tor not-meant: spec.peers of BGPAdvertisement "edge" do not name it',
      advice: /^name tor in spec\.peers of BGPAdvertisement "edge", or leave spec\.peers out/,
    },
    {
      name: 'no BGPPeer for the nodes',
      given: { bgp: NOBODY, config: { bgpPeers: [] } },
      reason: 'no-candidate-node',
      message: /^none of 2 nodes/,
      line: 'n1 cannot no-peer-for-node: no BGPPeer in force chooses the node (spec.nodeSelectors)',
      advice: /^let spec\.nodeSelectors of a BGPPeer choose n1, n2, or create a BGPPeer/,
    },
    {
      name: 'advertisements that contradict each other',
      given: {
        bgp: NOBODY,
        config: {
          bgpAdvertisements: [bgpAdvertisement('a', { localPref: 1 }), bgpAdvertisement('b', { localPref: 2 })],
        },
      },
      reason: 'no-candidate-node',
      message: /^none of 2 nodes/,
      line: 'n1 cannot conflicting-local-preferences: BGPAdvertisement "a", BGPAdvertisement "b" give one route to one peer different spec.localPref',
      advice: /^give BGPAdvertisement "a", BGPAdvertisement "b" one spec\.localPref/,
    },
    {
      name: 'speakers that are silent, whatever they said last',
      given: { layer2: { speakers: NODES.map((name) => speaker(name, { alive: false, silentSeconds: 42 })) } },
      reason: 'no-candidate-node',
      message: /^none of 2 nodes/,
      line: 'n1 cannot speaker-not-alive: its speaker has not been heard of for 42 s',
      advice: /^look at the speakers of n1, n2: kubectl get pods/,
    },
  ])('$name: $reason', ({ given, reason, message, line, advice }) => {
    const found = explained(given);
    expect({ announced: found.announced, asAsked: found.asAsked, reason: found.address.reason }).toEqual({
      announced: false,
      asAsked: false,
      reason,
    });
    expect(found.address.message).toMatch(message);
    expect(lines(given)[0]).toBe(line);
    expect(found.advice[0]).toMatch(advice);
    expect(explainProblems(world(given)).map((problem) => problem.reason)).toEqual([reason]);
  });

  test('where layer 2 has a say as well, BGP’s nodes are those that are nearest to announcing it', () => {
    const { address } = explained({
      config: { l2Advertisements: [l2Advertisement('l2')] },
      bgp: { ...NOBODY, sessions: NODES.map(DOWN) },
    });
    expect([address.reason, address.message]).toEqual([
      'bgp-nobody-told',
      'nodes are to advertise it by BGP, and no speaker says that it has told a router; not by layer 2: none of 2 nodes can announce it',
    ]);
  });

  test('of an address that BGP does not cover nothing is said by BGP', () => {
    const { address, advice } = explained({ config: { bgpAdvertisements: [] }, bgp: NOBODY });
    expect([address.reason, address.bgp]).toEqual(['no-advertisement-for-pool', undefined]);
    expect(advice).toEqual([
      'create an L2Advertisement, or a BGPAdvertisement, that covers pool "default" (spec.ipAddressPools: [default])',
    ]);
  });

  test('one that covers the pool for other Services is named', () => {
    const bgpAdvertisements = [bgpAdvertisement('edge', { serviceSelectors: [{ matchLabels: { tier: 'edge' } }] })];
    expect(explained({ config: { bgpAdvertisements }, bgp: NOBODY }).advice[0]).toBe(
      'let spec.serviceSelectors of BGPAdvertisement "edge" match the labels of the Service',
    );
  });
});

describe('what is told and not planned', () => {
  test('by a node that cannot: said, with why, and not disputed', () => {
    const given: Given = { layer2: { nodes: [node('n1', { labels: { [EXCLUDE_LABEL]: '' } }), node('n2')] } };
    const { announced, address } = explained(given);
    expect(announced).toBe(true);
    const first = address.bgp?.find(({ node: name }) => name === 'n1');
    expect([first?.standing, first?.reason]).toEqual(['advertises', 'node-excluded-by-label']);
    expect(lines(given)[0]).toBe(
      `n1 tor told-unplanned: was told, although its label ${EXCLUDE_LABEL} keeps it out of load balancing: a change is under way, or the speaker knows something newer; session established`,
    );
  });

  test('to a peer that is not to hear of it', () => {
    const bgpAdvertisements = [bgpAdvertisement('edge', { peers: ['core'] })];
    expect(lines({ config: { bgpAdvertisements } })[0]).toMatch(
      /^n1 tor told-unplanned: was told, although spec\.peers of BGPAdvertisement "edge" do not name it: /,
    );
  });

  test('to a peer that is none any more', () => {
    expect(lines({ config: { bgpPeers: [bgpPeer('new')] }, bgp: { statuses: [said('n1', ['tor'])] } })).toContain(
      'n1 tor told-unplanned: was told, although no BGPPeer of that name chooses the node: a change is under way, or the speaker knows something newer; session established, and about to end',
    );
  });
});

test('a Service that shares the address lends its advertisement and its pods', () => {
  const other = service('other', { ingress: [{ ip: VIP }], labels: { tier: 'edge' } });
  const { address } = explained({
    others: [other],
    config: {
      bgpAdvertisements: [bgpAdvertisement('edge', { serviceSelectors: [{ matchLabels: { tier: 'edge' } }] })],
    },
    layer2: { endpoints: new Map([['default/other', [{ nodeName: 'n1', serving: true }]]]) },
    service: { annotations: { 'metallb.io/allow-shared-ip': 'k' } },
  });
  expect(address.bgp?.map(({ standing }) => standing)).toEqual(['advertises', 'advertises']);
});

test('with policy Local the pods of each node are counted', () => {
  const { address } = explained({
    service: { externalTrafficPolicy: 'Local' },
    bgp: { statuses: [said('n1', ['tor'])] },
  });
  expect(address.bgp?.map(({ node: name, standing, endpoints }) => [name, standing, endpoints])).toEqual([
    ['n1', 'advertises', 1],
    ['n2', 'cannot', 0],
  ]);
});

test('one aggregate: the prefix is the one that the router hears', () => {
  const bgpAdvertisements = [bgpAdvertisement('all', { aggregationLength: 24 })];
  expect(lines({ config: { bgpAdvertisements } })[0]).toBe('n1 tor told: 198.51.100.0/24; session established');
});
