import { describe, expect, test } from '@jest/globals';
import { parseSpeakerConflicts } from '../../../../src/runtime/decide/lan-facts.ts';
import { conflictPolicies, conflictsInForce } from '../../../../src/runtime/decide/layer2/lan-conflicts.ts';
import { config, ip, pool } from '../../../support/views.ts';

const pools = config({
  pools: [
    pool('keep', ['10.0.0.0/24']),
    pool('move', ['10.0.1.0/24'], { onConflict: 'Reallocate' }),
    pool('hold', ['10.0.2.0/24'], { onConflict: 'Defend' }),
  ],
});

/** "n1 10.0.0.1 1000": by the node, the address, since when. */
const seen = (...rows: readonly string[]) =>
  rows.flatMap((row) => {
    const [node = '', address, since] = row.split(' ');
    const told = [{ ip: address, mac: '52:54:00:00:00:99', interface: 'eth0', sinceMs: Number(since) }];
    return parseSpeakerConflicts(node, JSON.stringify(told));
  });

describe('what is not announced', () => {
  test('every address that somebody foreign holds, but for pools that defend theirs', () => {
    const inForce = conflictsInForce(seen('n1 10.0.0.1 1', 'n1 10.0.1.1 1', 'n1 10.0.2.1 1', 'n1 192.0.2.1 1'), pools);
    expect([...inForce.keys()]).toEqual(['10.0.0.1', '10.0.1.1', '192.0.2.1']);
  });

  test('of what several speakers see, the first counts, whoever is read first', () => {
    const rows = ['n3 10.0.0.1 2000', 'n2 10.0.0.1 1000', 'n1 10.0.0.1 1000'];
    for (const order of [rows, [...rows].reverse()]) {
      expect(conflictsInForce(seen(...order), pools).get(ip('10.0.0.1'))).toMatchObject({ node: 'n1', sinceMs: 1000 });
    }
  });
});

test.each([
  ['10.0.0.1', 'yield'],
  ['10.0.1.1', 'yield'],
  ['10.0.2.1', 'defend'],
  ['192.0.2.1', 'yield'],
])('%s: %s', (address, want) => {
  expect(conflictPolicies(pools)(ip(address))).toBe(want);
});
