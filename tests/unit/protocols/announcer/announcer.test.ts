/** The announcer on a clock that moves only here: what is sent when, told as lines of a transcript. */
import { describe, expect, test } from '@jest/globals';
import { after, type Instant, instant } from '../../../../src/runtime/model/time.ts';
import { Announcer, type AnnouncerOutput, type Outlet } from '../../../../src/runtime/protocols/announcer/announcer.ts';
import { REFRESH_JITTER, REFRESH_MS, refreshTurn } from '../../../../src/runtime/protocols/announcer/timings.ts';
import { type Ipv4Bits, ipv4FromBits } from '../../../../src/runtime/protocols/ip/ipv4.ts';
import { ipv4, mac } from '../../../support/arp-vectors.ts';
import { seededDice } from '../../../support/dice.ts';

function on(name: string, addresses: readonly string[], change: Partial<Outlet<Ipv4Bits>> = {}): Outlet<Ipv4Bits> {
  return { name, index: 2, mac: mac('02:00:00:00:00:0b'), addresses: addresses.map(ipv4), ...change };
}

/** Drives one announcer, firing its timer at every deadline. */
class Driver {
  readonly announcer: Announcer<Ipv4Bits>;
  readonly lines: string[] = [];
  #now: Instant = instant(1000);

  constructor(random: () => number = () => 0.5) {
    this.announcer = new Announcer({ random });
  }

  set(...outlets: Outlet<Ipv4Bits>[]): this {
    this.#tell(this.announcer.handle({ kind: 'set', outlets }, this.#now));
    return this;
  }

  again(...addresses: readonly string[]): this {
    this.#tell(this.announcer.handle({ kind: 'again', addresses: addresses.map(ipv4) }, this.#now));
    return this;
  }

  pass(milliseconds: number): this {
    const end = after(this.#now, milliseconds);
    for (let due = this.announcer.deadline(); due !== undefined && due <= end; due = this.announcer.deadline()) {
      if (due > this.#now) this.#now = due;
      this.#tell(this.announcer.handle({ kind: 'timer' }, this.#now));
    }
    this.#now = end;
    return this;
  }

  /** So many milliseconds pass in which no timer fires. */
  stall(milliseconds: number): this {
    this.#now = after(this.#now, milliseconds);
    return this;
  }

  /** "1100 eth0 192.0.2.7" */
  #tell(outputs: readonly AnnouncerOutput<Ipv4Bits>[]): void {
    for (const output of outputs) {
      this.lines.push(`${Math.round(this.#now - 1000)} ${output.outlet} ${ipv4FromBits(output.ip)}`);
    }
  }
}

describe('announced again', () => {
  test('wherever it is announced, in all rounds, and the refresh goes on after them', () => {
    const driver = new Driver().set(on('eth0', ['192.0.2.2', '192.0.2.3']), on('eth1', ['192.0.2.2'])).pass(10_000);
    driver.lines.length = 0;
    driver.again('192.0.2.2').pass(10_000);
    const again = ['10000', '10100', '11100', '12200', '13300', '14400'];
    expect(driver.lines).toEqual(again.flatMap((at) => [`${at} eth0 192.0.2.2`, `${at} eth1 192.0.2.2`]));
    expect(driver.announcer.snapshot()).toEqual({ announced: 3, pending: 0 });
    driver.lines.length = 0;
    driver.pass(150_000);
    expect(driver.lines.length).toBeGreaterThanOrEqual(3);
  });

  test('not while it goes through its rounds, and nothing that is not announced', () => {
    const driver = new Driver().set(on('eth0', ['192.0.2.2'])).pass(50);
    for (let turn = 0; turn < 40; turn++) driver.again('192.0.2.2', '192.0.2.9').pass(100);
    driver.pass(1000);
    expect(driver.lines).toHaveLength(6);
    driver.set().again('192.0.2.2').pass(1000);
    expect(driver.lines).toHaveLength(6);
  });
});

describe('the schedule', () => {
  const rounds = ['0', '100', '1100', '2200', '3300', '4400'].map((at) => `${at} eth0 192.0.2.2`);

  test('a new address is announced at once and five times more, then not for a minute', () => {
    const driver = new Driver().set(on('eth0', ['192.0.2.2'])).pass(60_000);
    expect(driver.lines).toEqual(rounds);
    expect(driver.announcer.snapshot()).toEqual({ announced: 1, pending: 0 });
  });

  test('telling the same set again changes nothing', () => {
    const driver = new Driver().set(on('eth0', ['192.0.2.2']));
    for (let turn = 0; turn < 100; turn++) driver.pass(50).set(on('eth0', ['192.0.2.2']));
    expect(driver.lines).toEqual(rounds);
  });

  test('each interface announces what is its own', () => {
    const driver = new Driver().set(on('eth0', ['192.0.2.2']), on('eth1', ['192.0.2.2', '192.0.2.3'])).pass(50);
    expect(driver.lines).toEqual(['0 eth0 192.0.2.2', '0 eth1 192.0.2.2', '0 eth1 192.0.2.3']);
  });

  test('nothing is sent for an address that goes, not even the rounds it had left', () => {
    const driver = new Driver()
      .set(on('eth0', ['192.0.2.2', '192.0.2.3']))
      .pass(500)
      .set(on('eth0', ['192.0.2.3']))
      .pass(900);
    expect(driver.lines.slice(4)).toEqual(['1100 eth0 192.0.2.3']);
    driver.set().pass(10_000);
    expect(driver.lines.slice(5)).toEqual([]);
    expect(driver.announcer.deadline()).toBeUndefined();
  });

  test('an address taken again starts anew', () => {
    const driver = new Driver()
      .set(on('eth0', ['192.0.2.2']))
      .pass(50)
      .set()
      .pass(50)
      .set(on('eth0', ['192.0.2.2']))
      .pass(1000);
    expect(driver.lines).toEqual(['0', '100', '200'].map((at) => `${at} eth0 192.0.2.2`));
  });

  test('an interface that comes back announces everything anew', () => {
    const driver = new Driver()
      .set(on('eth0', ['192.0.2.2']))
      .pass(60_000)
      .set()
      .pass(1000)
      .set(on('eth0', ['192.0.2.2']))
      .pass(50);
    expect(driver.lines.slice(6)).toEqual(['61000 eth0 192.0.2.2']);
  });

  test.each([
    { name: 'another MAC', change: { mac: mac('02:00:00:00:00:0c') } },
    { name: 'another interface of the same name', change: { index: 3 } },
  ])('$name announces everything anew, and the old rounds stop', ({ change }) => {
    const driver = new Driver()
      .set(on('eth0', ['192.0.2.2']))
      .pass(500)
      .set(on('eth0', ['192.0.2.2'], change))
      .pass(500);
    expect(driver.lines).toEqual(['0', '100', '500', '600'].map((at) => `${at} eth0 192.0.2.2`));
  });
});

describe('the rate', () => {
  const many = Array.from({ length: 5000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`);

  test('one call sends at most 100 announcements', () => {
    expect(new Driver().set(on('eth0', many)).lines).toHaveLength(100);
  });

  test('5,000 addresses are all announced once within a second, and six times in the end', () => {
    const driver = new Driver().set(on('eth0', many)).pass(1000);
    const first = new Map<string, number>();
    for (const line of driver.lines) {
      const [at = '', , ip = ''] = line.split(' ');
      if (!first.has(ip)) first.set(ip, Number(at));
    }
    expect(first.size).toBe(many.length);
    expect(driver.lines.length).toBeLessThanOrEqual(5100);
    driver.pass(10_000);
    expect(driver.announcer.snapshot()).toEqual({ announced: many.length, pending: 0 });
    expect(driver.lines.length).toBeGreaterThanOrEqual(6 * many.length);
  });

  test('at no time more than 5,000 in a second and the 100 at once', () => {
    const at = new Driver()
      .set(on('eth0', many))
      .pass(60_000)
      .lines.map((line) => Number(line.split(' ')[0]));
    const most = at.reduce((max, start, i) => Math.max(max, countUpTo(at, i, start + 1000)), 0);
    expect(most).toBeLessThanOrEqual(5150);
  });
});

describe('the refresh', () => {
  /** When each address was announced, in milliseconds. */
  function times(driver: Driver): ReadonlyMap<string, readonly number[]> {
    const byAddress = Map.groupBy(driver.lines, (line) => line.split(' ')[2] ?? '');
    return new Map([...byAddress].map(([ip, lines]) => [ip, lines.map((line) => Number(line.split(' ')[0]))]));
  }

  function gaps(moments: readonly number[]): number[] {
    return moments.slice(1).map((moment, i) => moment - (moments[i] ?? 0));
  }

  function dice(seed: number): () => number {
    const roll = seededDice(seed);
    return () => roll(1_000_000) / 1_000_000;
  }

  test('an address is announced for as long as it is held, every 60 to 90 s, never twice after the same time', () => {
    const driver = new Driver(dice(1)).set(on('eth0', ['192.0.2.2'])).pass(24 * 3_600_000);
    const refreshes = gaps(times(driver).get('192.0.2.2') ?? []).slice(5);
    expect(refreshes.length).toBeGreaterThan(1000);
    expect(Math.min(...refreshes)).toBeGreaterThanOrEqual(60_000);
    expect(Math.max(...refreshes)).toBeLessThanOrEqual(90_000);
    expect(new Set(refreshes).size).toBeGreaterThan(900);
  });

  test('within 300 s, after which switches forget, every one of 3,000 addresses is announced three times', () => {
    const ips = Array.from({ length: 3000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
    const driver = new Driver(dice(2)).set(on('eth0', ips)).pass(3_600_000);
    for (const [, moments] of times(driver)) {
      const threes = moments.slice(3).map((moment, i) => moment - (moments[i] ?? 0));
      expect(Math.max(...threes)).toBeLessThan(300_000);
    }
  });

  test('5,000 addresses taken at once are spread evenly: at most 70 in any second, about 50 in each', () => {
    const ips = Array.from({ length: 5000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
    const driver = new Driver(dice(3)).set(on('eth0', ips)).pass(1_000_000);
    const seconds = Map.groupBy(driver.lines, (line) => Math.floor(Number(line.split(' ')[0]) / 1000));
    const counts = [...seconds].filter(([second]) => second >= 12 && second < 1000).map(([, lines]) => lines.length);
    expect(counts.length).toBe(988);
    expect(Math.max(...counts)).toBeLessThanOrEqual(70);
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(30);
    // Each comes round every 100 s.
    const rings = [...times(driver).values()].map((moments) => Math.max(...gaps(moments.slice(6))));
    expect(Math.max(...rings)).toBeLessThan(110_000);
  });

  test('first rounds of a new address do not wait for the refreshes of thousands', () => {
    const ips = Array.from({ length: 5000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
    const driver = new Driver().set(on('eth0', ips)).pass(100_000);
    const before = driver.lines.length;
    driver.set(on('eth0', [...ips, '192.0.2.2']));
    expect(driver.lines.slice(before)).toContain('100000 eth0 192.0.2.2');
  });

  test('nothing is refreshed that is gone', () => {
    const driver = new Driver()
      .set(on('eth0', ['192.0.2.2', '192.0.2.3']))
      .pass(30_000)
      .set(on('eth0', ['192.0.2.3']))
      .pass(600_000);
    const after30s = driver.lines.slice(12);
    expect(after30s.length).toBeGreaterThanOrEqual(6);
    expect(after30s.every((line) => line.endsWith('192.0.2.3'))).toBe(true);
  });

  test('after a long stall each is refreshed in its turn, not all at once', () => {
    const ips = Array.from({ length: 300 }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
    const driver = new Driver().set(on('eth0', ips)).pass(10_000).stall(600_000);
    const before = driver.lines.length;
    driver.pass(1000);
    expect(driver.lines.length - before).toBeLessThanOrEqual(6);
  });

  test('the turns: the interval divided by how many there are, never more than 50 in a second, some 200 ms apart', () => {
    expect(refreshTurn(1, 0.5)).toEqual({ afterMs: REFRESH_MS, count: 1 });
    expect(refreshTurn(1, 0)).toEqual({ afterMs: REFRESH_MS * (1 - REFRESH_JITTER), count: 1 });
    expect(refreshTurn(100, 0.5)).toEqual({ afterMs: REFRESH_MS / 100, count: 1 });
    expect(refreshTurn(1000, 0.5)).toEqual({ afterMs: 225, count: 3 });
    expect(refreshTurn(100_000, 0.5)).toEqual({ afterMs: 200, count: 10 });
  });
});

/** How many of the ascending times from index `from` on lie before `end`. */
function countUpTo(times: readonly number[], from: number, end: number): number {
  let low = from;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) < end) low = middle + 1;
    else high = middle;
  }
  return low - from;
}
