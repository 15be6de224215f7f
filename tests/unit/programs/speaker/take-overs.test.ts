import { beforeEach, describe, expect, test } from '@jest/globals';
import type { PeerState } from '../../../../src/runtime/adapters/observe/layer2-metrics.ts';
import { instant } from '../../../../src/runtime/model/time.ts';
import { LastHolders, TakeOverCounts, TakeOverTimer } from '../../../../src/runtime/programs/speaker/take-overs.ts';
import { ip } from '../../../support/views.ts';

const IP = ip('10.0.0.1');

describe('how often this node took an address over', () => {
  /** The owners one after the other; "": nobody, "-": the address is in no plan. */
  function count(...owners: readonly string[]): number | undefined {
    const counts = new TakeOverCounts('n1');
    for (const owner of owners) counts.tell(owner === '-' ? [] : [{ ip: IP, ...(owner === '' ? {} : { owner }) }]);
    return counts.list().find(({ ip }) => ip === IP)?.count;
  }

  test.each([
    { name: 'it had it from the beginning', owners: ['n1', 'n1'], want: undefined },
    { name: 'another had it', owners: ['n2', 'n1'], want: 1 },
    { name: 'others took it', owners: ['n1', 'n2', 'n3'], want: undefined },
    { name: 'back and forth', owners: ['n2', 'n1', 'n2', 'n1', 'n1'], want: 2 },
    { name: 'nobody had it in between', owners: ['n2', '', 'n1'], want: 1 },
    { name: 'it lost it for a while, and nobody else had it', owners: ['n1', '', 'n1'], want: undefined },
    { name: 'the address went and came', owners: ['n2', 'n1', '-', 'n1'], want: undefined },
  ])('$name', ({ owners, want }) => {
    expect(count(...owners)).toBe(want);
  });
});

describe('whom an address is taken over from', () => {
  /** The holders by the claims, plan by plan, and whom it is taken over from after that; "": nobody, "-": in no plan. */
  function from(...holders: readonly string[]): string | undefined {
    const last = new LastHolders('n1');
    for (const holder of holders) {
      const plan = { ip: IP, owner: 'n1', ...(holder === '' ? {} : { holder }) };
      last.tell(holder === '-' ? [] : [plan], 'claims');
    }
    return last.other({ ip: IP });
  }

  test.each([
    { name: 'nobody ever claimed it, whoever was planned to', holders: [''], want: undefined },
    { name: 'another claims it', holders: ['n2'], want: 'n2' },
    { name: 'another claimed it, whose claim does not count any more', holders: ['n2', '', ''], want: 'n2' },
    { name: 'it had it itself', holders: ['n2', 'n1', ''], want: undefined },
    { name: 'the address went and came', holders: ['n2', '-', ''], want: undefined },
  ])('$name', ({ holders, want }) => {
    expect(from(...holders)).toBe(want);
  });

  test('from whom the claims name now, before all who had it earlier', () => {
    const last = new LastHolders('n1');
    last.tell([{ ip: IP, holder: 'n2' }], 'claims');
    expect(last.other({ ip: IP, holder: 'n3' })).toBe('n3');
    expect(last.other({ ip: IP, holder: 'n1' })).toBeUndefined();
  });

  test('without claims from whom the plan before it named', () => {
    const last = new LastHolders('n1');
    last.tell([{ ip: IP, owner: 'n2' }], 'plan');
    last.tell([{ ip: IP }], 'plan');
    expect(last.other({ ip: IP })).toBe('n2');
  });
});

describe('how long it took', () => {
  const at = instant;
  const FROM_N2 = new Map([[IP, 'n2']]);
  let timer: TakeOverTimer;
  beforeEach(() => {
    timer = new TakeOverTimer();
  });

  test('from the verdict over the node that had it to the first announcement', () => {
    timer.peer('n2', 'dead', at(1_000));
    timer.begin(FROM_N2, at(1_050));
    expect(timer.announced(IP, at(1_060))).toEqual({ seconds: 0.06, cause: 'failure' });
    // It announces itself some times more.
    expect(timer.announced(IP, at(2_100))).toBeUndefined();
  });

  test.each<{ name: string; peers: readonly (readonly [string, PeerState, number])[] }>([
    { name: 'no verdict', peers: [] },
    { name: 'one of long ago', peers: [['n2', 'dead', 50_000]] },
    { name: 'one over another node', peers: [['n3', 'dead', 59_900]] },
    {
      name: 'one that was wrong',
      peers: [
        ['n2', 'dead', 59_900],
        ['n2', 'alive', 59_950],
      ],
    },
  ])('with $name it was planned, and counts from the table', ({ peers }) => {
    for (const [node, state, when] of peers) timer.peer(node, state, at(when));
    timer.begin(FROM_N2, at(60_000));
    expect(timer.announced(IP, at(60_005))).toEqual({ seconds: 0.005, cause: 'planned' });
  });

  test('until it is really announced, however many tables come meanwhile', () => {
    timer.begin(FROM_N2, at(0));
    timer.keep([IP]);
    timer.begin(new Map(), at(1_000));
    timer.keep([IP, ip('10.0.0.2')]);
    expect(timer.announced(IP, at(2_000))).toEqual({ seconds: 2, cause: 'planned' });
  });

  test('what nobody had before is no take-over, whoever died', () => {
    timer.peer('n2', 'dead', at(0));
    timer.begin(new Map(), at(10));
    timer.keep([IP]);
    expect(timer.announced(IP, at(20))).toBeUndefined();
  });

  test('what left the table before it was announced is not waited for', () => {
    timer.begin(FROM_N2, at(10));
    timer.keep([]);
    timer.keep([IP]);
    expect(timer.announced(IP, at(30))).toBeUndefined();
  });
});
