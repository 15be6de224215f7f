import { expect, test } from '@jest/globals';
import { refusalSummary } from '../../../../src/runtime/decide/announcing/refusal-summary.ts';
import { ip } from '../../../support/views.ts';

const of = (refused: readonly (readonly [node: string, reason: string])[], reason = 'no-candidate-node') =>
  refusalSummary({
    ip: ip('10.0.0.1'),
    protocol: 'layer2',
    reason,
    refused: refused.map(([node, own]) => ({ node, reason: own })),
  });

test('nodes with the same reason stand together, the most first', () => {
  expect(
    of([
      ['n1', 'node-excluded-by-label'],
      ['n2', 'speaker-not-alive'],
      ['n3', 'speaker-not-alive'],
    ]),
  ).toBe(
    'no node announces "10.0.0.1" with protocol "layer2": no-candidate-node (speaker-not-alive: n2, n3; node-excluded-by-label: n1)',
  );
});

test('where no node is asked there is only the reason', () => {
  expect(of([], 'no-advertisement-for-pool')).toBe(
    'no node announces "10.0.0.1" with protocol "layer2": no-advertisement-for-pool',
  );
});

test('a thousand nodes are counted, not listed', () => {
  const many = Array.from({ length: 1000 }, (_, i) => [`n${i}`, 'speaker-not-alive'] as const);
  expect(of(many)).toContain('n7 and 992 more');
});

test('it never becomes longer than an Event may be', () => {
  const long = Array.from({ length: 40 }, (_, i) => [`${'n'.repeat(250)}${i}`, `reason-${i % 5}`] as const);
  expect(of(long).length).toBeLessThanOrEqual(1000);
});
