import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { electOwner, rankCandidates } from '../../../../src/runtime/decide/layer2/elect-layer2.ts';
import { ip } from '../../../support/views.ts';

const sha256Hex = (text: string): string => createHash('sha256').update(text).digest('hex');

// Orders that MetalLB's own election gives, from its published tests and recomputed by hand with sha256sum.
describe('the order is MetalLB’s', () => {
  test.each([
    { address: '10.0.0.1', nodes: ['node-a', 'node-b', 'node-c'], want: ['node-b', 'node-a', 'node-c'] },
    { address: '10.0.0.2', nodes: ['node-a', 'node-b', 'node-c'], want: ['node-b', 'node-c', 'node-a'] },
    {
      address: '10.20.30.1',
      nodes: ['edge-a', 'edge-b', 'worker-a', 'worker-b'],
      want: ['edge-b', 'worker-a', 'edge-a', 'worker-b'],
    },
    { address: '10.20.30.1', nodes: ['iris1', 'iris2'], want: ['iris2', 'iris1'] },
  ])('$address over $nodes', ({ address, nodes, want }) => {
    expect(rankCandidates(ip(address), nodes, sha256Hex)).toEqual(want);
  });
});

const nodeNames = fc.uniqueArray(fc.stringMatching(/^[a-z][a-z0-9-]{0,12}$/), { minLength: 1, maxLength: 12 });

describe('one owner', () => {
  test('no candidates, no owner', () => {
    expect(electOwner(ip('10.0.0.1'), [], sha256Hex)).toBeUndefined();
  });

  test('all nodes elect alike, in whatever order they see the candidates', () => {
    fc.assert(
      fc.property(nodeNames, fc.nat(), (nodes, turn) => {
        const turned = nodes.map((_, i) => nodes[(i + turn) % nodes.length] ?? '');
        expect(electOwner(ip('10.0.0.1'), turned, sha256Hex)).toBe(electOwner(ip('10.0.0.1'), nodes, sha256Hex));
      }),
    );
  });

  test('losing a node that is not the owner changes nothing; losing the owner promotes its successor', () => {
    fc.assert(
      fc.property(nodeNames, fc.nat(), (nodes, pick) => {
        const ranked = rankCandidates(ip('10.0.0.1'), nodes, sha256Hex);
        const lost = ranked[pick % ranked.length];
        const owner = electOwner(
          ip('10.0.0.1'),
          nodes.filter((name) => name !== lost),
          sha256Hex,
        );
        expect(owner).toBe(lost === ranked[0] ? ranked[1] : ranked[0]);
      }),
    );
  });
});
