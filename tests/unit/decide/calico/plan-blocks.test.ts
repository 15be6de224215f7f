import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { recordOf } from '../../../../src/runtime/decide/calico/block-record.ts';
import { coveringBlock, planBlocks, wantedBlocks } from '../../../../src/runtime/decide/calico/plan-blocks.ts';
import type { CalicoBgpConfiguration } from '../../../../src/runtime/model/calico.ts';
import type { Pool } from '../../../../src/runtime/model/config.ts';
import { type IpPrefix, parseIpPrefix } from '../../../../src/runtime/model/ip-prefix.ts';
import { parseAddressRange } from '../../../../src/runtime/model/range.ts';

const pool = (name: string, ...addresses: readonly string[]): Pool => ({
  name,
  ranges: addresses.map((text) => {
    const range = parseAddressRange(text);
    if (!range.ok) throw new Error(range.error);
    return range.value;
  }),
  autoAssign: true,
  avoidBuggyIps: false,
});

const prefixes = (...texts: readonly string[]): readonly IpPrefix[] =>
  texts.map((text) => {
    const prefix = parseIpPrefix(text);
    if (!prefix.ok) throw new Error(prefix.error);
    return prefix.value;
  });

/** BGPConfiguration with these blocks, of which those recorded are ours. */
const object = (cidrs: readonly string[], recorded: readonly string[] = []): CalicoBgpConfiguration => {
  const record = recordOf(prefixes(...recorded), {})['metallb.io/calico-blocks'];
  return {
    resourceVersion: '7',
    annotations: record ? { 'metallb.io/calico-blocks': record } : {},
    blocks: cidrs.map((cidr) => ({ cidr })),
  };
};

const cidrs = (blocks: readonly { readonly cidr: string }[]): string => blocks.map(({ cidr }) => cidr).join(' ');

describe('wantedBlocks', () => {
  test('ranges become the fewest CIDRs, in the order of the pools; each once', () => {
    const pools = [pool('b', '10.0.1.0/24', 'fd00::/64'), pool('a', '10.0.0.250-10.0.1.1'), pool('c', '10.0.1.0/24')];
    expect(wantedBlocks(pools)).toEqual(['10.0.1.0/24', 'fd00::/64', '10.0.0.250/31', '10.0.0.252/30', '10.0.1.0/31']);
  });

  test('what a pool leaves out when it gives out is advertised with the rest', () => {
    const [range] = pool('x', '10.0.0.5-10.0.0.5').ranges;
    const drained: Pool = {
      ...pool('a', '10.0.0.0/24'),
      avoidBuggyIps: true,
      drain: 'MoveServices',
      frozen: true,
      excludeAddresses: range === undefined ? [] : [range],
    };
    expect(wantedBlocks([drained])).toEqual(['10.0.0.0/24']);
  });
});

describe('planBlocks', () => {
  test.each([
    {
      name: 'there is no object: it is to be made',
      current: undefined,
      wanted: ['10.0.0.0/24'],
      want: { blocks: '10.0.0.0/24', ours: '10.0.0.0/24', added: '10.0.0.0/24', removed: '', isChange: true },
    },
    {
      name: 'nothing is wanted and nothing is there',
      current: undefined,
      wanted: [],
      want: { blocks: '', ours: '', added: '', removed: '', isChange: false },
    },
    {
      name: 'it is in step',
      current: object(['192.0.2.0/24', '10.0.0.0/24'], ['10.0.0.0/24']),
      wanted: ['10.0.0.0/24'],
      want: { blocks: '192.0.2.0/24 10.0.0.0/24', ours: '10.0.0.0/24', added: '', removed: '', isChange: false },
    },
    {
      name: 'a pool came, another went; what others put in stays in its place',
      current: object(['10.0.0.0/24', '192.0.2.0/24'], ['10.0.0.0/24']),
      wanted: ['10.0.1.0/24'],
      want: {
        blocks: '192.0.2.0/24 10.0.1.0/24',
        ours: '10.0.1.0/24',
        added: '10.0.1.0/24',
        removed: '10.0.0.0/24',
        isChange: true,
      },
    },
    {
      name: 'somebody had put the pool’s CIDR in before: it is not ours',
      current: object(['10.0.0.9/24']),
      wanted: ['10.0.0.0/24'],
      want: { blocks: '10.0.0.9/24', ours: '', added: '', removed: '', isChange: false },
    },
    {
      name: 'a larger block of somebody covers it',
      current: object(['10.0.0.0/8', 'not a cidr']),
      wanted: ['10.0.0.0/24', 'fd00::/64'],
      want: {
        blocks: '10.0.0.0/8 not a cidr fd00::/64',
        ours: 'fd00::/64',
        added: 'fd00::/64',
        removed: '',
        isChange: true,
      },
    },
    {
      name: 'the larger block came after ours: ours stays, no route goes',
      current: object(['10.0.0.0/24', '10.0.0.0/8'], ['10.0.0.0/24']),
      wanted: ['10.0.0.0/24'],
      want: { blocks: '10.0.0.0/24 10.0.0.0/8', ours: '10.0.0.0/24', added: '', removed: '', isChange: false },
    },
    {
      name: 'the mode ends: ours go, the others stay, and of two that say the same one stays',
      current: object(['10.0.0.0/24', '192.0.2.0/24', '10.0.0.0/24'], ['10.0.0.0/24']),
      wanted: [],
      want: { blocks: '10.0.0.0/24 192.0.2.0/24', ours: '', added: '', removed: '10.0.0.0/24', isChange: true },
    },
    {
      name: 'somebody took ours out: it comes back',
      current: object(['192.0.2.0/24'], ['10.0.0.0/24']),
      wanted: ['10.0.0.0/24'],
      want: {
        blocks: '192.0.2.0/24 10.0.0.0/24',
        ours: '10.0.0.0/24',
        added: '10.0.0.0/24',
        removed: '',
        isChange: true,
      },
    },
    {
      name: 'somebody took ours out, and it is not wanted any more: only the record is put right',
      current: object(['192.0.2.0/24'], ['10.0.0.0/24']),
      wanted: [],
      want: { blocks: '192.0.2.0/24', ours: '', added: '', removed: '', isChange: true },
    },
  ])('$name', ({ current, wanted, want }) => {
    const { blocks, ours, added, removed, isChange } = planBlocks(current, prefixes(...wanted));
    expect({
      blocks: cidrs(blocks),
      ours: ours.join(' '),
      added: added.join(' '),
      removed: removed.join(' '),
      isChange,
    }).toEqual(want);
  });

  test('fields of an entry that are not known here are kept', () => {
    const current = { ...object([]), blocks: [{ cidr: '192.0.2.0/24', aggregation: 'Disabled' }] };
    expect(planBlocks(current, prefixes('10.0.0.0/24')).blocks).toEqual([
      { cidr: '192.0.2.0/24', aggregation: 'Disabled' },
      { cidr: '10.0.0.0/24' },
    ]);
  });

  test('whatever happens, others’ entries stay, all that is wanted is covered, and a second look changes nothing', () => {
    const block = fc.constantFrom('10.0.0.0/8', '10.0.0.0/24', '10.0.1.0/24', '10.0.0.128/25', 'fd00::/64', 'odd');
    const good = fc.constantFrom<string>('10.0.0.0/24', '10.0.1.0/24', '10.0.0.128/25', 'fd00::/64');
    fc.assert(
      fc.property(
        fc.array(block, { maxLength: 5 }),
        fc.uniqueArray(good),
        fc.uniqueArray(good),
        (there, ours, wanted) => {
          const before = object(there, ours);
          const plan = planBlocks(before, prefixes(...wanted));
          const counts = (list: readonly { readonly cidr: string }[], cidr: string): number =>
            list.filter((entry) => entry.cidr === cidr).length;
          for (const cidr of there) {
            const lost = counts(before.blocks, cidr) - counts(plan.blocks, cidr);
            expect(lost).toBeLessThanOrEqual(ours.includes(cidr) && !wanted.includes(cidr) ? 1 : 0);
          }
          for (const prefix of prefixes(...wanted)) expect(coveringBlock(prefix, plan.blocks)).toBeDefined();
          const after = { ...object([], plan.ours), blocks: plan.blocks };
          expect(planBlocks(after, prefixes(...wanted)).isChange).toBe(false);
          const end = planBlocks(after, []);
          expect(planBlocks({ ...object([], end.ours), blocks: end.blocks }, [])).toMatchObject({ isChange: false });
        },
      ),
    );
  });
});
