import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { rankCandidates } from '../../../../src/runtime/decide/layer2/elect-layer2.ts';
import type { Layer2Facts } from '../../../../src/runtime/decide/layer2/layer2-facts.ts';
import { cluster, plan, services, sha256Hex } from '../../../support/layer2-facts.ts';
import { config, ip, l2Advertisement, pool, service, speaker } from '../../../support/views.ts';

const ANYWHERE = {
  config: config({ pools: [pool('default', ['0.0.0.0/0', '::/0'])], l2Advertisements: [l2Advertisement('a')] }),
};

/** Nodes with an interface in every subnet, and one Service with these addresses. */
function world(nodes: readonly string[], ...addresses: readonly string[]): Partial<Layer2Facts> {
  const one = service('one', { ingress: addresses.map((address) => ({ ip: ip(address) })) });
  return {
    ...ANYWHERE,
    ...cluster(nodes, [one]),
    speakers: nodes.map((name) => speaker(name, '0.0.0.0/0', '::/0')),
    election: 'metallb',
  };
}

// Winners of MetalLB's own election, from its published tests and recomputed by hand with sha256sum.
test.each([
  { nodes: ['node-a', 'node-b', 'node-c'], address: '10.0.0.1', want: 'node-b' },
  { nodes: ['node-a', 'node-c'], address: '10.0.0.1', want: 'node-a' },
  { nodes: ['node-a', 'node-c'], address: '10.0.0.2', want: 'node-c' },
  { nodes: ['edge-a', 'edge-b', 'worker-a', 'worker-b'], address: '10.20.30.1', want: 'edge-b' },
  { nodes: ['edge-a', 'worker-a', 'worker-b'], address: '10.20.30.1', want: 'worker-a' },
  { nodes: ['iris1', 'iris2'], address: '10.20.30.1', want: 'iris2' },
])('$address among $nodes is $want’s', ({ nodes, address, want }) => {
  expect(plan(world(nodes, address))).toMatchObject([{ owner: want, why: 'hash' }]);
});

describe('the first address of a Service decides for all of them', () => {
  test('v4 first', () => {
    const owners = plan(world(['node-a', 'node-c'], '10.0.0.2', '10.0.0.1', 'fd00::1')).map(({ owner }) => owner);
    expect(owners).toEqual(['node-c', 'node-c', 'node-c']);
  });

  test('v6 first, by its canonical text', () => {
    const nodes = ['node-a', 'node-b', 'node-c'];
    const owners = plan(world(nodes, 'FD00:0::1', '10.0.0.1')).map(({ owner }) => owner);
    const [first] = rankCandidates(ip('fd00::1'), nodes, sha256Hex);
    expect(owners).toEqual([first, first]);
  });

  test('where its winner has no interface for another address, the next in the same order has it', () => {
    const nodes = ['node-a', 'node-b', 'node-c'];
    const given = world(nodes, '10.0.0.2', 'fd00::1');
    const speakers = nodes.map((name) => speaker(name, '0.0.0.0/0', ...(name === 'node-b' ? [] : ['::/0'])));
    expect(plan({ ...given, speakers }).map(({ owner }) => owner)).toEqual(['node-b', 'node-c']);
  });
});

test('a node that is preferred more comes first, whatever its hash', () => {
  const preference = { matchLabels: { 'kubernetes.io/hostname': 'node-c' } };
  const given = world(['node-a', 'node-b', 'node-c'], '10.0.0.1');
  const preferring = l2Advertisement('a', { preferredNodeSelectors: [{ weight: 1, preference }] });
  expect(plan({ ...given, config: { ...ANYWHERE.config, l2Advertisements: [preferring] } })).toMatchObject([
    { owner: 'node-c', why: 'hash' },
  ]);
});

test('claims and hand-backs change nothing', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 2 }), { minLength: 12, maxLength: 12 }), (owners) => {
      const given = { ...cluster(['a', 'b', 'c'], services(...owners.map(() => 1))), election: 'metallb' as const };
      const claims = owners.map((owner, index) => ({
        ip: ip(`10.6.204.${index + 1}`),
        node: ['a', 'b', 'c'][owner] ?? 'a',
        epoch: index,
      }));
      const ownersOf = (extra: Partial<Layer2Facts>) => plan({ ...given, ...extra }).map(({ owner }) => owner);
      expect(ownersOf({ claims, handBack: 'allowed' })).toEqual(ownersOf({}));
    }),
  );
});
