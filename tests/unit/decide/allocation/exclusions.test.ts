import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type ExclusionFacts, exclusionsOf } from '../../../../src/runtime/decide/allocation/exclusions.ts';
import { parseSpeakerConflicts } from '../../../../src/runtime/decide/lan-facts.ts';
import { formatRange } from '../../../../src/runtime/model/range.ts';
import { ip, range } from '../../../support/views.ts';

const NOTHING: ExclusionFacts = { nodes: [], speakers: [], serviceCidrs: [], serviceNetworks: [], podNetworks: [] };
const node = (name: string, addresses: readonly string[], podNetworks: readonly string[] = []) => ({
  name,
  addresses: addresses.map(ip),
  podNetworks: podNetworks.map(range),
});
const speaker = (
  nodeName: string,
  addresses: readonly string[],
  gateways: readonly string[] = [],
  conflicts: readonly string[] = [],
) => ({
  nodeName,
  addresses: addresses.map(ip),
  gateways: gateways.map(ip),
  conflicts: parseSpeakerConflicts(nodeName, JSON.stringify(conflicts.map(heard))),
});
/** "10.0.0.1 52:54:00:00:00:99" as a speaker tells it. */
const heard = (text: string) => ({ ip: text.split(' ')[0], mac: text.split(' ')[1], interface: 'eth0', sinceMs: 1000 });
const told = (given: Partial<ExclusionFacts>) =>
  exclusionsOf({ ...NOTHING, ...given }).map((one) => `${formatRange(one.range)} ${one.reason} ${one.detail}`.trim());

describe('whose an address is', () => {
  test.each<{ name: string; given: Partial<ExclusionFacts>; want: readonly string[] }>([
    { name: 'nothing is known', given: {}, want: [] },
    {
      name: 'a Node’s own addresses and its pods’',
      given: { nodes: [node('master', ['10.6.204.1', 'fd00::1'], ['172.20.0.0/24', 'fd00:20::/64'])] },
      want: [
        '10.6.204.1/32 NodeAddress node master',
        '172.20.0.0/24 PodNetwork node master',
        'fd00::1/128 NodeAddress node master',
        'fd00:20::/64 PodNetwork node master',
      ],
    },
    {
      name: 'what the speaker finds, which the Node tells too',
      given: {
        nodes: [node('master', ['10.6.204.1'])],
        speakers: [speaker('master', ['10.6.204.1', '10.6.204.100'], ['10.6.204.254'])],
      },
      want: [
        '10.6.204.1/32 NodeAddress node master',
        '10.6.204.100/32 NodeAddress node master',
        '10.6.204.254/32 Gateway node master',
      ],
    },
    {
      name: 'a gateway of several nodes, in the order of their names',
      given: { speakers: [speaker('n2', [], ['10.6.204.254']), speaker('n1', [], ['10.6.204.254'])] },
      want: ['10.6.204.254/32 Gateway nodes n1, n2'],
    },
    {
      name: 'a gateway of very many nodes',
      given: {
        speakers: Array.from({ length: 500 }, (_, n) => speaker(`n${String(n).padStart(3, '0')}`, [], ['10.0.0.1'])),
      },
      want: ['10.0.0.1/32 Gateway nodes n000, n001, n002, n003, n004 and 495 more'],
    },
    {
      name: 'a node that routes for the others',
      given: { speakers: [speaker('n1', ['10.0.0.1']), speaker('n2', ['10.0.0.2'], ['10.0.0.1'])] },
      want: ['10.0.0.1/32 Gateway node n2', '10.0.0.1/32 NodeAddress node n1', '10.0.0.2/32 NodeAddress node n2'],
    },
    {
      name: 'what foreign hosts hold, each with its MAC and who saw it',
      given: {
        speakers: [
          speaker('n2', [], [], ['10.0.0.9 52:54:00:00:00:99', 'fd00::9 52:54:00:00:00:99']),
          speaker('n1', [], [], ['10.0.0.9 52:54:00:00:00:99']),
          speaker('n3', [], [], ['10.0.0.9 52:54:00:00:00:98']),
        ],
      },
      want: [
        '10.0.0.9/32 InUseOnLan host 52:54:00:00:00:98, seen by node n3; host 52:54:00:00:00:99, seen by nodes n1, n2',
        'fd00::9/128 InUseOnLan host 52:54:00:00:00:99, seen by node n2',
      ],
    },
    {
      name: 'networks of ClusterIPs',
      given: {
        serviceCidrs: [{ name: 'kubernetes', networks: [range('10.68.0.0/16')] }],
        serviceNetworks: [range('10.68.0.0/16'), range('10.69.0.0/16')],
      },
      want: [
        '10.68.0.0/16 ServiceNetwork --service-networks; ServiceCIDR kubernetes',
        '10.69.0.0/16 ServiceNetwork --service-networks',
      ],
    },
    {
      name: 'a configured pod network stands for the nodes’ parts of it',
      given: {
        nodes: [node('n1', [], ['172.20.1.0/24']), node('n2', [], ['10.9.0.0/24'])],
        podNetworks: [range('172.20.0.0/16')],
      },
      want: ['10.9.0.0/24 PodNetwork node n2', '172.20.0.0/16 PodNetwork --pod-networks'],
    },
  ])('$name', ({ given, want }) => {
    expect(told(given)).toEqual(want);
  });
});

test('the order in which things come does not matter', () => {
  const address = fc.nat(5).map((n) => `10.0.0.${n}`);
  const names = fc.nat(3).map((n) => `n${n}`);
  const speakers = fc.array(
    fc.record({ nodeName: names, addresses: fc.array(address, { maxLength: 3 }), gateways: fc.array(address) }),
    { maxLength: 6 },
  );
  fc.assert(
    fc.property(speakers, fc.nat(100), (all, turn) => {
      const facts = all.map(({ nodeName, addresses, gateways }) => speaker(nodeName, addresses, gateways));
      const nodes = all.map(({ nodeName, addresses }) => node(nodeName, addresses));
      const rotate = <T>(list: readonly T[]): T[] => {
        const at = list.length === 0 ? 0 : turn % list.length;
        return [...list.slice(at), ...list.slice(0, at)];
      };
      expect(exclusionsOf({ ...NOTHING, nodes: rotate(nodes), speakers: rotate(facts).reverse() })).toEqual(
        exclusionsOf({ ...NOTHING, nodes, speakers: facts }),
      );
    }),
  );
});
