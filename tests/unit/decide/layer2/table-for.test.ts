import { describe, expect, test } from '@jest/globals';
import type { Layer2Facts } from '../../../../src/runtime/decide/layer2/layer2-facts.ts';
import { tableFor } from '../../../../src/runtime/decide/layer2/table-for.ts';
import type { Claim } from '../../../../src/runtime/model/claim.ts';
import { cluster, plan, services, VIP } from '../../../support/layer2-facts.ts';
import { ip, service } from '../../../support/views.ts';

const claim = (node: string, epoch: number): Claim => ({ ip: VIP, node, epoch });
const one = cluster(['a', 'b'], [service('nginx', { ingress: [{ ip: VIP }] })]);

interface Row {
  readonly name: string;
  readonly given: Partial<Layer2Facts>;
  /** By node. */
  readonly want: Readonly<Record<string, string>>;
}

describe('who answers, and as what', () => {
  const rows: Row[] = [
    { name: 'nobody held it: the owner claims', given: { leaving: new Set(['b']) }, want: { a: 'to-claim' } },
    { name: 'the holder keeps it', given: { claims: [claim('b', 1)] }, want: { b: 'held' } },
    {
      name: 'the holder is dead: the owner claims',
      given: { claims: [claim('x', 1)], leaving: new Set(['a']) },
      want: { b: 'to-claim' },
    },
    {
      name: 'the holder leaves: it answers until the owner has claimed',
      given: { claims: [claim('b', 1)], leaving: new Set(['b']) },
      want: { a: 'to-claim', b: 'yielding' },
    },
    {
      name: 'and no longer',
      given: { claims: [claim('b', 1), claim('a', 2)], leaving: new Set(['b']) },
      want: { a: 'held' },
    },
    {
      name: 'nobody may announce it: its holder stops as well',
      given: { claims: [claim('a', 1)], conflicts: new Map([[VIP, {}]]) },
      want: {},
    },
    {
      name: 'nobody is left to announce it',
      given: { claims: [claim('a', 1)], endpoints: new Map() },
      want: {},
    },
  ];
  test.each(rows)('$name', ({ given, want }) => {
    const plans = plan({ ...one, ...given });
    const standings = ['a', 'b'].flatMap((name) => tableFor(name, plans).map(({ standing }) => [name, standing]));
    expect(Object.fromEntries(standings)).toEqual(want);
  });

  test('a hand-back is a planned move like any other', () => {
    const two = cluster(['a', 'b'], services(1, 1));
    const claims = [1, 2].map((last) => ({ ip: ip(`10.6.204.${last}`), node: 'a', epoch: last }));
    const plans = plan({ ...two, claims, handBack: 'allowed' });
    expect(tableFor('a', plans).map(({ standing }) => standing)).toEqual(['yielding', 'held']);
    expect(tableFor('b', plans)).toMatchObject([{ ip: '10.6.204.1', interfaces: 'in-subnet', standing: 'to-claim' }]);
  });
});
