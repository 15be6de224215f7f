/** How layer 2 and BGP count together: an address that one of them announces is announced. */
import { expect, test } from '@jest/globals';
import type { AddressPlan } from '../../../../../src/runtime/decide/layer2/plan-layer2.ts';
import type { BgpCoverage } from '../../../../../src/runtime/programs/speaker/bgp/bgp-coverage.ts';
import { unannouncedOf, withoutThoseOfBgp } from '../../../../../src/runtime/programs/speaker/bgp/bgp-coverage.ts';
import { ip } from '../../../../support/views.ts';

const [A, B, C, D] = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'].map(ip);

function plan(given: Pick<AddressPlan, 'ip'> & Partial<AddressPlan>): AddressPlan {
  return { services: ['default/a'], candidates: [], refused: [], interfaces: 'in-subnet', ...given };
}

function coverage(covered: readonly (typeof A)[], unadvertised: readonly (typeof A)[] = []): BgpCoverage {
  return {
    covered: new Set(covered.flatMap((own) => own ?? [])),
    unadvertised: unadvertised.flatMap((own) =>
      own === undefined ? [] : { ip: own, services: [], reason: 'no-serving-endpoint' as const, refused: () => [] },
    ),
  };
}

const PLANS = [A, B, C, D].flatMap((own, i) => {
  if (own === undefined) return [];
  return i === 0 ? plan({ ip: own, owner: 'n1' }) : plan({ ip: own, reason: 'no-advertisement-for-pool' });
});

test('without BGP every address counts that layer 2 does not announce', () => {
  expect(withoutThoseOfBgp(PLANS, undefined)).toEqual(PLANS);
  expect(unannouncedOf(PLANS, undefined)).toEqual({ 'no-advertisement-for-pool': 3 });
});

test('of those that BGP covers, the ones count that no node may advertise, for BGP’s reason', () => {
  const bgp = coverage([B, C], [C]);
  const plans = withoutThoseOfBgp(PLANS, bgp);
  expect(plans.map(({ ip: own }) => own)).toEqual([A, D]);
  expect(unannouncedOf(plans, bgp)).toEqual({ 'no-advertisement-for-pool': 1, 'no-serving-endpoint': 1 });
});

test('covered by both, it is announced if one of them does, and counts once if neither does', () => {
  const plans = PLANS.map((own) => (own.owner === undefined ? { ...own, reason: 'no-candidate-node' as const } : own));
  expect(unannouncedOf(plans, coverage([A, B, C], [A, C]))).toEqual({ 'no-candidate-node': 2 });
});
