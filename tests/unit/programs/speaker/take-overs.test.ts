import { describe, expect, test } from '@jest/globals';
import { instant } from '../../../../src/runtime/model/time.ts';
import { TakeOverCounts, TakeOverTimer } from '../../../../src/runtime/programs/speaker/take-overs.ts';

const IP = '10.0.0.1';

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

describe('how long it took', () => {
  const at = instant;

  test('from the verdict to the announcement', () => {
    const timer = new TakeOverTimer();
    timer.table([], at(0));
    timer.verdict(at(1_000));
    timer.table([IP], at(1_050));
    expect(timer.announced(IP, at(1_060))).toEqual({ seconds: 0.06, cause: 'failure' });
    // It announces itself some times more.
    expect(timer.announced(IP, at(2_100))).toBeUndefined();
  });

  test('without a verdict it was planned, and counts from the table', () => {
    const timer = new TakeOverTimer();
    timer.verdict(at(0));
    timer.table([], at(0));
    timer.table([IP], at(60_000));
    expect(timer.announced(IP, at(60_005))).toEqual({ seconds: 0.005, cause: 'planned' });
  });

  test('the first table is no take-over', () => {
    const timer = new TakeOverTimer();
    timer.table([IP], at(0));
    expect(timer.announced(IP, at(5))).toBeUndefined();
  });

  test('what left the table before it was announced is not waited for', () => {
    const timer = new TakeOverTimer();
    timer.table([], at(0));
    timer.table([IP], at(10));
    timer.table([], at(20));
    expect(timer.announced(IP, at(30))).toBeUndefined();
  });
});
