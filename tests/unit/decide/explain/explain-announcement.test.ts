import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { EXCLUDE_LABEL } from '../../../../src/runtime/decide/announcing/node-fitness.ts';
import type { ExplainWorld } from '../../../../src/runtime/decide/explain/case.ts';
import { explainProblems, explainService } from '../../../../src/runtime/decide/explain/explain.ts';
import type { Layer2World, SpeakerStanding } from '../../../../src/runtime/decide/explain/layer2-world.ts';
import type { Config } from '../../../../src/runtime/model/config.ts';
import type { LanConflict } from '../../../../src/runtime/model/conflict.ts';
import type { Mac } from '../../../../src/runtime/model/mac.ts';
import type { ServiceView } from '../../../../src/runtime/model/service.ts';
import type { ServiceL2StatusView } from '../../../../src/runtime/model/service-status.ts';
import { config, ip, l2Advertisement, node, pool, range, service } from '../../../support/views.ts';
import { worldOf } from './explain-world.ts';

const LAN = '10.6.204.0/24';
const VIP = ip('10.6.204.20');
const POOL = pool('default', ['10.6.204.20-10.6.204.22']);

function standing(nodeName: string, given: Partial<SpeakerStanding> = {}): SpeakerStanding {
  return { nodeName, interfaces: [{ name: 'eth0', subnets: [range(LAN)] }], alive: true, silentSeconds: 1, ...given };
}

/** "n1" says that it announces it. */
function status(nodeName: string, addresses = ''): ServiceL2StatusView {
  return {
    namespace: 'metallb-system',
    name: `l2-${nodeName}`,
    uid: nodeName,
    resourceVersion: '1',
    labels: {},
    addresses,
    ownerUids: [],
    node: nodeName,
    serviceName: 'web',
    serviceNamespace: 'default',
    interfaces: [],
  };
}

interface Given {
  readonly layer2?: Partial<Layer2World>;
  readonly service?: Partial<ServiceView>;
  readonly config?: Partial<Config>;
}

function world(given: Given = {}): ExplainWorld {
  const web = service('web', {
    ingress: [{ ip: VIP }],
    annotations: { 'metallb.io/ip-allocated-from-pool': 'default' },
    ...given.service,
  });
  return worldOf(config({ pools: [POOL], l2Advertisements: [l2Advertisement('l2')], ...given.config }), [web], {
    layer2: {
      nodes: ['n1', 'n2', 'n3'].map((name) => node(name)),
      endpoints: new Map([['default/web', [{ nodeName: 'n1', serving: true }]]]),
      speakers: ['n1', 'n2', 'n3'].map((name) => standing(name)),
      statuses: [status('n2')],
      excludedNodes: 'skip',
      election: 'spread',
      conflicts: [],
      sha256Hex: (text) => createHash('sha256').update(text).digest('hex'),
      ...given.layer2,
    },
    bgp: { statuses: [], sessions: [], faultyPeers: [], nowMs: 0 },
  });
}

function explained(given: Given = {}) {
  const { announcement, asAsked } = explainService(world(given), 'default/web');
  if (announcement === undefined) throw new Error('nothing is said of who announces');
  const [address] = announcement.addresses;
  if (address === undefined) throw new Error('nothing is said of the address');
  return { ...announcement, asAsked, address };
}

/** Seen by n2. */
const CONFLICT: LanConflict = { ip: VIP, mac: '02:00:00:00:00:09' as Mac, interface: 'eth0', sinceMs: 0, node: 'n2' };

describe('an address that is announced', () => {
  test('who does, why that node, and that the others would take over', () => {
    const { announced, asAsked, address, advice } = explained();
    expect({ announced, asAsked, advice }).toEqual({ announced: true, asAsked: true, advice: [] });
    expect(address).toMatchObject({
      reason: 'announced',
      announcedBy: ['n2'],
      owner: 'n2',
      why: 'holder',
      message: 'n2 announces it: it has the address already, and an owner that works is not displaced',
    });
    expect(address.nodes.map(({ node: name, standing: own, message }) => [name, own, message])).toEqual([
      ['n2', 'announces', 'announces it'],
      ['n1', 'could', 'would take over if it had to'],
      ['n3', 'could', 'would take over if it had to'],
    ]);
  });

  test('with MetalLB’s election, by the hash', () => {
    const { address } = explained({ layer2: { election: 'metallb', statuses: [] } });
    const other = explained({ layer2: { election: 'metallb', statuses: [status(address.owner ?? '')] } });
    expect(other.address.message).toContain('MetalLB’s order (SHA-256 of "node#address")');
  });

  test('by a node that cannot, as far as the API shows: said, and not disputed', () => {
    const { announced, address } = explained({
      layer2: {
        nodes: [node('n1'), node('n2', { networkUnavailable: true })],
        speakers: [standing('n1'), standing('n2')],
      },
    });
    expect(announced).toBe(true);
    expect(address.message).toBe(
      'n2 says that it announces it; by what the API shows n1 is to: a move is under way, or the speakers know something newer',
    );
    expect(address.nodes[0]).toEqual({
      node: 'n2',
      standing: 'announces',
      reason: 'node-network-unavailable',
      message: 'says that it announces it, although the pods’ network does not reach it (condition NetworkUnavailable)',
    });
  });

  test('by two: announced, with what to look at', () => {
    const { announced, address, advice } = explained({ layer2: { statuses: [status('n1'), status('n3')] } });
    expect([announced, address.reason, address.announcedBy]).toEqual([true, 'announced-twice', ['n1', 'n3']]);
    expect(advice[0]).toContain('UDP');
  });

  test('several addresses on several nodes: each by the node that names it', () => {
    const second = ip('10.6.204.21');
    const { announced, addresses } = explained({
      service: { ingress: [{ ip: VIP }, { ip: second }], annotations: { 'metallb.io/address-count': '2' } },
      layer2: { statuses: [status('n1', VIP), status('n3', second)] },
    });
    expect(announced).toBe(true);
    expect(addresses.map(({ ip: own, announcedBy }) => [own, ...announcedBy])).toEqual([
      [VIP, 'n1'],
      [second, 'n3'],
    ]);
  });
});

const NOBODY = { statuses: [] };

describe('where Calico advertises', () => {
  const calico = (...cidrs: readonly string[]): Partial<Layer2World> => ({
    statuses: [],
    speakers: [],
    calicoBlocks: cidrs.map((cidr) => ({ cidr })),
  });

  test('a block of its list covers the address: it is announced, and no node’s standing on the link matters', () => {
    const { announced, asAsked, address, advice } = explained({ layer2: calico('192.0.2.0/24', '10.6.204.16/28') });
    expect({ announced, asAsked, advice, nodes: address.nodes }).toEqual({
      announced: true,
      asAsked: true,
      advice: [],
      nodes: [],
    });
    expect([address.reason, address.message]).toEqual([
      'by-calico',
      'Calico advertises it: 10.6.204.16/28 is in spec.serviceLoadBalancerIPs of its BGPConfiguration default',
    ]);
  });

  test('with externalTrafficPolicy Local it says from where the address itself goes out', () => {
    const given: Given = { service: { externalTrafficPolicy: 'Local' }, layer2: calico('10.6.204.16/28') };
    expect(explained(given).address.message).toMatch(/; externalTrafficPolicy is Local, .* nodes with pods only$/);
  });

  test('no block does: nobody announces it, and the controller knows why', () => {
    const { announced, address, advice } = explained({ layer2: calico('10.6.205.0/24') });
    expect([announced, address.reason]).toEqual([false, 'calico-not-told']);
    expect(advice).toEqual([expect.stringContaining('kubectl get configurationstate controller')]);
  });

  test('an address of no pool is no matter of Calico’s', () => {
    const given = { config: { pools: [] }, layer2: calico('10.6.204.16/28') };
    expect(explained(given).address.reason).toBe('address-not-in-any-pool');
  });
});

describe('an address that nobody announces', () => {
  test.each<{ name: string; given: Given; reason: string; message: string | RegExp; advice: RegExp }>([
    {
      name: 'a node is to, and does not say so',
      given: { layer2: NOBODY },
      reason: 'nobody-says-so',
      message: /^n\d is to announce it \(nobody had the address, .*\), and no speaker says that it does$/,
      advice: /^look at the speaker of n\d: kubectl logs/,
    },
    {
      name: 'the node that said so has gone',
      given: {
        layer2: {
          speakers: [standing('n1'), standing('n2', { alive: false, silentSeconds: 42 })],
          nodes: [node('n1'), node('n2')],
        },
      },
      reason: 'nobody-says-so',
      message: /; n2 said so, but its speaker is not heard of any more$/,
      advice: /^look at the speaker of n1/,
    },
    {
      name: 'no advertisement',
      given: { layer2: NOBODY, config: { l2Advertisements: [] } },
      reason: 'no-advertisement-for-pool',
      message: 'no L2Advertisement and no BGPAdvertisement covers pool "default" for this Service',
      advice: /^create an L2Advertisement that covers pool "default"/,
    },
    {
      name: 'an advertisement for other Services',
      given: {
        layer2: NOBODY,
        config: {
          l2Advertisements: [l2Advertisement('edge', { serviceSelectors: [{ matchLabels: { tier: 'edge' } }] })],
        },
      },
      reason: 'no-advertisement-for-pool',
      message: 'no L2Advertisement and no BGPAdvertisement covers pool "default" for this Service',
      advice: /^let spec\.serviceSelectors of L2Advertisement "edge" match/,
    },
    {
      name: 'no pods',
      given: { layer2: { ...NOBODY, endpoints: new Map() } },
      reason: 'no-serving-endpoint',
      message: 'the Service has no pods behind it',
      advice: /kubectl get endpointslices -n default -l kubernetes\.io\/service-name=web/,
    },
    {
      name: 'pods that are not ready',
      given: { layer2: { ...NOBODY, endpoints: new Map([['default/web', [{ serving: false }, { serving: false }]]]) } },
      reason: 'no-serving-endpoint',
      message: 'the Service has 2 pods, none of them ready',
      advice: /are ready/,
    },
    {
      name: 'another host has it',
      given: { layer2: { ...NOBODY, conflicts: [CONFLICT] } },
      reason: 'address-in-use-on-lan',
      message: 'another host of the network holds the address: 02:00:00:00:00:09, as n2 heard on eth0',
      advice: /^take 10\.6\.204\.20 off that host/,
    },
    {
      name: 'no node can',
      given: { layer2: { ...NOBODY, speakers: [] } },
      reason: 'no-candidate-node',
      message: 'none of 3 nodes can announce it',
      advice: /^look at the speakers of n1, n2, n3: kubectl get pods/,
    },
  ])('$name: $reason', ({ given, reason, message, advice }) => {
    const found = explained(given);
    expect(found.announced).toBe(false);
    expect(found.asAsked).toBe(false);
    expect(found.address.reason).toBe(reason);
    if (typeof message === 'string') expect(found.address.message).toBe(message);
    else expect(found.address.message).toMatch(message);
    expect(found.advice[0]).toMatch(advice);
  });

  test('is a line of the list of problems', () => {
    expect(explainProblems(world({ layer2: { ...NOBODY, endpoints: new Map() } }))).toEqual([
      {
        service: { namespace: 'default', name: 'web' },
        reason: 'no-serving-endpoint',
        addresses: [VIP],
        message: `${VIP} is not announced: the Service has no pods behind it`,
      },
    ]);
    expect(explainProblems(world())).toEqual([]);
  });
});

describe('why a node cannot', () => {
  const only = (given: Given, name = 'n3') => explained(given).address.nodes.find((each) => each.node === name);
  const others = ['n1', 'n2'].map((name) => node(name));
  const live = ['n1', 'n2'].map((name) => standing(name));

  test.each<{ name: string; given: Given; reason: string; message: string }>([
    {
      name: 'no speaker',
      given: { layer2: { speakers: live } },
      reason: 'speaker-not-alive',
      message: 'no speaker runs there',
    },
    {
      name: 'a speaker that fell silent',
      given: { layer2: { speakers: [...live, standing('n3', { alive: false, silentSeconds: 300 })] } },
      reason: 'speaker-not-alive',
      message: 'its speaker has not been heard of for 5 min',
    },
    {
      name: 'the label',
      given: { layer2: { nodes: [...others, node('n3', { labels: { [EXCLUDE_LABEL]: '' } })] } },
      reason: 'node-excluded-by-label',
      message: `its label ${EXCLUDE_LABEL} keeps it out of load balancing`,
    },
    {
      name: 'a taint',
      given: {
        layer2: {
          nodes: [
            ...others,
            node('n3', { taints: [{ key: 'node.kubernetes.io/out-of-service', value: '', effect: 'NoExecute' }] }),
          ],
        },
      },
      reason: 'node-out-of-service',
      message: 'it is tainted as out of service',
    },
    {
      name: 'the advertisement',
      given: {
        config: {
          l2Advertisements: [
            l2Advertisement('l2', {
              nodeSelectors: [
                { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'NotIn', values: ['n3'] }] },
              ],
            }),
          ],
        },
      },
      reason: 'no-advertisement-for-node',
      message: 'spec.nodeSelectors of L2Advertisement "l2" leave it out',
    },
    {
      name: 'a subnet of its own',
      given: {
        layer2: {
          speakers: [...live, standing('n3', { interfaces: [{ name: 'eth0', subnets: [range('10.9.0.0/16')] }] })],
        },
      },
      reason: 'no-interface-in-subnet',
      message: 'none of its interfaces has an address in the subnet of 10.6.204.20 (it has eth0 10.9.0.0/16)',
    },
    {
      name: 'a cable',
      given: {
        layer2: {
          speakers: [...live, standing('n3', { interfaces: [{ name: 'eth0', down: true, subnets: [range(LAN)] }] })],
        },
      },
      reason: 'interface-down',
      message: `the interface is down or has no carrier (it has eth0 down ${LAN})`,
    },
    {
      name: 'an interface that only others have',
      given: {
        config: { l2Advertisements: [l2Advertisement('l2', { interfaces: ['eth0'] })] },
        layer2: { speakers: [...live, standing('n3', { interfaces: [{ name: 'bond0', subnets: [range(LAN)] }] })] },
      },
      reason: 'interface-missing',
      message: `it has none of the interfaces that L2Advertisement "l2" name (it has bond0 ${LAN})`,
    },
  ])('$name: $reason', ({ given, reason, message }) => {
    expect(only(given)).toEqual({ node: 'n3', standing: 'cannot', reason, message });
  });

  test('externalTrafficPolicy Local: the pods of each node are told', () => {
    const given: Given = {
      service: { externalTrafficPolicy: 'Local' },
      layer2: {
        endpoints: new Map([
          [
            'default/web',
            [
              { nodeName: 'n2', serving: true },
              { nodeName: 'n2', serving: true },
              { nodeName: 'n1', serving: false },
            ],
          ],
        ]),
      },
    };
    expect(only(given, 'n2')).toMatchObject({ standing: 'announces', endpoints: 2 });
    expect(only(given, 'n1')).toEqual({
      node: 'n1',
      standing: 'cannot',
      reason: 'no-serving-endpoint-on-node',
      message: 'with externalTrafficPolicy Local it needs a ready pod of the Service, and has none',
      endpoints: 0,
    });
  });

  test('what most nodes lack is advised first', () => {
    const { advice } = explained({
      layer2: {
        statuses: [],
        nodes: [node('n1', { labels: { [EXCLUDE_LABEL]: '' } }), node('n2'), node('n3')],
        speakers: [standing('n1')],
      },
    });
    expect(advice).toEqual([
      expect.stringContaining('look at the speakers of n2, n3'),
      expect.stringContaining('take the label off n1'),
    ]);
  });
});

test('a Service that is not ours, or has no address, is not looked at', () => {
  expect(
    explainService(world({ service: { loadBalancerClass: 'other' } }), 'default/web').announcement,
  ).toBeUndefined();
  expect(explainService(world({ service: { ingress: [] } }), 'default/web').announcement).toBeUndefined();
});
