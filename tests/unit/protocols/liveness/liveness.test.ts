/** Whole stories in a simulated world: who is found dead, when, by whom, and who answers for the addresses meanwhile. */
import { describe, expect, test } from '@jest/globals';
import { parseIp } from '../../../../src/runtime/model/ip.ts';
import { playElsewhere } from '../../../support/liveness-runs.ts';
import { LivenessWorld, nodeNames } from '../../../support/liveness-world.ts';

const ADDRESSES = Array.from({ length: 12 }, (_, index) => {
  const ip = parseIp(index % 3 === 0 ? `2001:db8::${index + 1}` : `192.0.2.${index + 1}`);
  if (!ip.ok) throw new Error(ip.error);
  return ip.value;
});

/** Long enough for everybody to be trusted to be punctual. */
const SETTLE_MS = 20_000;

function settled(seed: number, count: number): LivenessWorld {
  const world = new LivenessWorld(seed, nodeNames(count));
  return world.run(SETTLE_MS);
}

function withAddresses(seed: number, count: number): LivenessWorld {
  const world = new LivenessWorld(seed, nodeNames(count));
  world.run(1000);
  world.addresses = ADDRESSES;
  world.poke();
  return world.run(15_000);
}

/** The owner of each address by each living speaker's word. */
function owners(world: LivenessWorld): string[][] {
  const living = [...world.speakers.values()].filter(({ alive }) => alive);
  return world.addresses.map((ip) => [...new Set(living.map(({ machine }) => machine.owner(ip)?.node ?? 'nobody'))]);
}

function expectOneOwnerEach(world: LivenessWorld): void {
  for (const [index, ip] of world.addresses.entries()) {
    const announcers = world.announcers(ip);
    expect({ ip, announcers }).toEqual({ ip, announcers: [expect.any(String)] });
    expect(owners(world)[index]).toEqual(announcers);
  }
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

describe('§6 detection', () => {
  test.each([
    { speakers: 2, kills: 20, typicalMs: 240 },
    { speakers: 3, kills: 20, typicalMs: 190 },
    { speakers: 10, kills: 12, typicalMs: 190 },
    { speakers: 100, kills: 2, typicalMs: 190 },
  ])('with $speakers speakers and room on their CPUs everybody knows within 250 ms', async (given) => {
    const { speakers, kills, typicalMs } = given;
    const run = { seed: speakers, speakers, weather: 'idle', quietMs: 15_000, kills, restMs: 15_000 } as const;
    const { knownAfterMs, unknown, falseVerdicts } = await playElsewhere(run);
    expect(knownAfterMs).toHaveLength(kills * (speakers - 1));
    expect(percentile(knownAfterMs, 0.5)).toBeLessThan(typicalMs);
    expect(Math.max(...knownAfterMs)).toBeLessThanOrEqual(250);
    expect({ unknown, falseVerdicts }).toEqual({ unknown: 0, falseVerdicts: [] });
  });

  test('a node that is cut off is dead for the others, and itself accuses nobody', () => {
    const world = settled(4, 5);
    const [victim = '', ...others] = nodeNames(5);
    const since = world.now;
    world.partition([victim], others);
    world.run(5000);
    const reports = world.toldDead(victim, since);
    expect(reports.map(({ node }) => node).sort()).toEqual(others);
    expect(Math.max(...reports.map(({ afterMs }) => afterMs))).toBeLessThanOrEqual(250);
    expect(world.log.filter(({ node, output }) => node === victim && output.kind === 'peer').slice(-4)).toEqual(
      others.map(() => expect.objectContaining({ output: expect.objectContaining({ state: 'unknown' }) })),
    );
    expect(world.log.some(({ node, output }) => node === victim && output.kind === 'cut-off')).toBe(true);
  });

  test('a closed port is quick evidence, and still needs a second witness', () => {
    const world = settled(5, 4);
    world.kill('node-002');
    const since = world.now;
    world.run(70);
    for (const { name, alive } of world.speakers.values()) {
      if (alive) world.input(name, { kind: 'unreachable', node: 'node-002' });
    }
    world.run(20);
    expect(world.toldDead('node-002', since)).toHaveLength(3);

    const alone = settled(6, 4);
    alone.run(30);
    alone.input('node-001', { kind: 'unreachable', node: 'node-002' });
    alone.run(1000);
    expect(alone.verdicts()).toEqual([]);
  });

  test('a speaker and two of its watchers at once: the others find all three', () => {
    const world = settled(7, 8);
    const snapshot = world.speaker('node-001').machine.snapshot(world.clockOf('node-001'));
    const victims = ['node-001', ...snapshot.watchers.slice(0, 2)];
    const since = world.now;
    for (const victim of victims) world.kill(victim);
    world.run(1500);
    for (const victim of victims) {
      const reports = world.toldDead(victim, since).filter(({ node }) => !victims.includes(node));
      expect(reports).toHaveLength(5);
      expect(Math.max(...reports.map(({ afterMs }) => afterMs))).toBeLessThan(900);
    }
  });

  test('all three watchers at once: their ward is not forgotten', () => {
    const world = settled(8, 8);
    const snapshot = world.speaker('node-001').machine.snapshot(world.clockOf('node-001'));
    const victims = ['node-001', ...snapshot.watchers];
    const since = world.now;
    for (const victim of victims) world.kill(victim);
    world.run(2500);
    for (const victim of victims) {
      expect(world.toldDead(victim, since).filter(({ node }) => !victims.includes(node))).toHaveLength(4);
    }
  });

  test('a link that is broken between two is no death as long as others hear them', () => {
    const world = settled(9, 5);
    for (const [from, to] of [
      ['node-001', 'node-002'],
      ['node-001', 'node-003'],
      ['node-004', 'node-001'],
    ]) {
      const before = world.passes;
      world.passes = (a, b) => !(a === from && b === to) && before(a, b);
    }
    world.run(30_000);
    expect(world.verdicts()).toEqual([]);
  });
});

describe('§5 load', () => {
  test('5 % loss and lateness up to 400 ms everywhere for an hour: no false verdict, the dead are found in 1.5 s', async () => {
    const run = { seed: 11, speakers: 5, weather: 'busy', quietMs: 3_600_000, kills: 8, restMs: 30_000 } as const;
    const { delivered, knownAfterMs, unknown, falseVerdicts } = await playElsewhere(run);
    expect(delivered).toBeGreaterThan(800_000);
    expect({ unknown, falseVerdicts }).toEqual({ unknown: 0, falseVerdicts: [] });
    expect(percentile(knownAfterMs, 0.95)).toBeLessThanOrEqual(1500);
    expect(Math.max(...knownAfterMs)).toBeLessThanOrEqual(1700);
  });

  test('the load begins at once, on all: nobody is accused', () => {
    const world = settled(12, 5);
    world.weather = { ...world.weather, lostPercent: 5, lateness: (dice) => dice(120) };
    world.run(30_000);
    world.weather = { ...world.weather, lateness: (dice) => (dice(10) === 0 ? dice(400) : dice(150)) };
    world.run(120_000);
    expect(world.verdicts()).toEqual([]);
  });

  test('a machine that stood still holds nothing of that time against the other', () => {
    const world = settled(14, 2);
    world.weather = { ...world.weather, lostPercent: 20 };
    for (let round = 0; round < 30; round++) {
      world.freeze('node-001', 500 + world.dice(2000), 'machine');
      world.run(6000);
    }
    expect(world.verdicts().filter(({ node }) => node === 'node-001')).toEqual([]);
    expect(world.verdicts().filter(({ node }) => node === 'node-002').length).toBeGreaterThan(10);
  });

  test('a speaker that was stopped for seconds is watched as closely as before', () => {
    const world = settled(15, 4);
    world.freeze('node-002', 3000);
    world.run(20_000);
    const since = world.now;
    world.kill('node-002');
    world.run(1000);
    expect(Math.max(...world.toldDead('node-002', since).map(({ afterMs }) => afterMs))).toBeLessThan(250);
  });

  test('a speaker that was late accuses nobody', () => {
    const world = settled(13, 5);
    for (let round = 0; round < 20; round++) {
      world.freeze('node-003', 300 + world.dice(3000));
      world.run(5000);
    }
    expect(world.verdicts().filter(({ node }) => node === 'node-003')).toEqual([]);
  });
});

describe('a node is plugged in again, and its kernel resolves its neighbours only after a second', () => {
  const plugged = (seed: number) => {
    const world = withAddresses(seed, 4);
    const victim = owners(world).flat()[0] ?? '';
    world.passes = (from, to) => from !== victim && to !== victim;
    world.run(3000);
    world.heal();
    world.unresolvedUntil.set(victim, world.now + 1000);
    return { world, victim };
  };

  test('it hears at once that others have its addresses, and gives them up before it is heard', () => {
    for (const seed of [51, 52, 53]) {
      const { world, victim } = plugged(seed);
      expect(world.speaker(victim).announcing.size).toBeGreaterThan(0);
      world.run(200);
      expect(world.speaker(victim).announcing.size).toBe(0);
      expect(world.speaker('node-001').believes.get(victim)).not.toBe('alive');
      world.run(1500);
      expectOneOwnerEach(world);
    }
  });

  test('what comes all at once then is no lateness of its: it is watched as closely as before', () => {
    const { world, victim } = plugged(54);
    world.run(5000);
    const since = world.now;
    world.kill(victim);
    world.run(1000);
    const told = world.toldDead(victim, since).map(({ afterMs }) => afterMs);
    expect(told).toHaveLength(3);
    expect(Math.max(...told)).toBeLessThan(250);
  });

  test('of those that could call it out only its watchers do, with one datagram of owners at a time', () => {
    const world = withAddresses(55, 12);
    const victim = owners(world).flat()[0] ?? '';
    world.kill(victim);
    world.run(2000);
    const before = new Map([...world.speakers.values()].map(({ name, sent }) => [name, sent]));
    world.run(10_000);
    const extra = [...world.speakers.values()]
      .filter(({ alive }) => alive)
      .map(({ name, sent }) => (sent - (before.get(name) ?? 0)) / 10 - 3 * 25 - 2)
      .sort((a, b) => b - a);
    // A try every 80 ms at most, from everybody; two datagrams more from three.
    for (const more of extra.slice(0, 3)) expect(more).toBeGreaterThan(20);
    for (const more of extra.slice(3)) expect(more).toBeLessThan(14);
  });
});

describe('§4 traffic', () => {
  test.each([3, 10, 150])(
    'of %d speakers none sends more than three heartbeats every 40 ms and a few tries',
    async (speakers) => {
      const run = { seed: speakers, speakers, weather: 'idle', quietMs: 6000, kills: 0, restMs: 0 } as const;
      const { sentPerSecond } = await playElsewhere(run);
      expect(sentPerSecond).toBeGreaterThan(50);
      expect(sentPerSecond).toBeLessThanOrEqual(Math.min(3, speakers - 1) * 27 + 6);
    },
  );
});

describe('§7 claims', () => {
  test('every address has one owner, and all know the same', () => {
    expectOneOwnerEach(withAddresses(20, 6));
  });

  test('the owner dies: its addresses have one other owner each, the others stay where they are', () => {
    const world = withAddresses(21, 6);
    const before = owners(world).flat();
    const victim = before[0] ?? '';
    world.kill(victim);
    world.run(400);
    expectOneOwnerEach(world);
    const moved = owners(world)
      .flat()
      .filter((owner, index) => owner !== before[index]);
    expect(moved).toHaveLength(before.filter((owner) => owner === victim).length);
  });

  test('a partition heals: within a second exactly one owner each, known to all', () => {
    for (const seed of [22, 23]) {
      const world = withAddresses(seed, 7);
      const names = nodeNames(7);
      world.partition(names.slice(0, 3), names.slice(3));
      world.run(5000);
      world.heal();
      world.run(1000);
      expectOneOwnerEach(world);
      expect([...world.speakers.values()].flatMap(({ believes }) => [...believes.values()])).toEqual(
        Array.from({ length: 42 }, () => 'alive'),
      );
    }
  });

  test('two speakers, parted and together again: one owner each', () => {
    const world = withAddresses(26, 2);
    world.partition(['node-001'], ['node-002']);
    world.run(5000);
    for (const ip of world.addresses) expect(world.announcers(ip)).toHaveLength(2);
    world.heal();
    world.run(1000);
    expectOneOwnerEach(world);
  });

  test.each([{ lostPercent: 0 }, { lostPercent: 20 }])(
    'frozen, given up and thawed, a speaker stops at once ($lostPercent % lost)',
    ({ lostPercent }) => {
      for (const seed of [27, 28, 29]) {
        const world = withAddresses(seed, 5);
        world.weather = { ...world.weather, lostPercent };
        const victim = owners(world).flat()[0] ?? '';
        world.doubleMs.clear();
        world.freeze(victim, 3000);
        world.run(5000);
        expectOneOwnerEach(world);
        expect(owners(world).flat()).not.toContain(victim);
        // Doubt is the first thing that it has when it wakes.
        expect(Math.max(0, ...world.doubleMs.values())).toBeLessThan(lostPercent === 0 ? 1 : 250);
        expect(world.log.some(({ node, output }) => node === victim && output.kind === 'doubt')).toBe(true);
      }
    },
  );

  test('lost changes are made good within 300 ms', () => {
    const world = withAddresses(30, 6);
    const [ip] = ADDRESSES;
    if (ip === undefined) throw new Error('no address');
    const owner = world.speaker('node-002').machine.owner(ip)?.node ?? '';
    const deaf = nodeNames(6).find((name) => name !== owner) ?? '';
    const quiet = { ...world.weather, lostPercent: 0 };
    world.weather = quiet;
    world.passes = (from, to) => !(from === owner && to === deaf);
    world.addresses = [];
    world.input(owner, { kind: 'release', ips: [ip] });
    world.run(125);
    world.heal();
    world.run(300);
    expect(world.speaker(deaf).machine.owner(ip)).toBeUndefined();
  });

  test('what a broken link keeps from one comes by way of others', () => {
    const world = withAddresses(31, 6);
    const [ip] = ADDRESSES;
    if (ip === undefined) throw new Error('no address');
    world.addresses = [];
    const owner = world.speaker('node-002').machine.owner(ip)?.node ?? '';
    const deaf = nodeNames(6).find((name) => name !== owner) ?? '';
    world.passes = (from, to) => !(from === owner && to === deaf);
    world.input(owner, { kind: 'release', ips: [ip] });
    world.run(1500);
    expect(world.speaker(deaf).machine.owner(ip)).toBeUndefined();
    expect(world.verdicts()).toEqual([]);
  });

  test('5,000 addresses of one speaker reach one that comes late, with every fifth datagram lost', () => {
    const world = new LivenessWorld(32, nodeNames(3)).run(1000);
    const many = Array.from({ length: 5000 }, (_, i) => {
      const ip = parseIp(`10.1.${i >> 8}.${i & 255}`);
      if (!ip.ok) throw new Error(ip.error);
      return ip.value;
    });
    world.input('node-001', { kind: 'claim', ips: many });
    world.run(2000);
    world.weather = { ...world.weather, lostPercent: 20 };
    world.restart('node-003');
    world.run(3000);
    expect(world.speaker('node-003').machine.claims()).toHaveLength(5000);
  });

  test('a planned move: who leaves is told of, answers on, and is overtaken', () => {
    const world = withAddresses(33, 4);
    const victim = owners(world).flat()[0] ?? '';
    world.input(victim, { kind: 'leave' });
    world.run(10);
    const told = world.log.filter(({ output }) => output.kind === 'leaving' && output.node === victim);
    expect(told).toHaveLength(3);
    const [other = ''] = nodeNames(4).filter((name) => name !== victim);
    const held = [...world.speaker(victim).announcing];
    world.input(other, { kind: 'claim', ips: held });
    world.run(5);
    expect(world.speaker(victim).announcing.size).toBe(0);
    world.input(victim, { kind: 'goodbye' });
    world.run(5);
    expect(world.verdicts()).toHaveLength(3);
    // It says so again, and nothing else any more.
    world.run(1000);
    expect(world.verdicts().map(({ output }) => output)).toEqual(
      Array.from({ length: 3 }, () => ({ kind: 'peer', node: victim, state: 'dead', reason: 'said-goodbye' })),
    );
  });
});

describe('§8 who is believed', () => {
  test('what was never heard is said to be unknown, and nobody is accused of it', () => {
    const world = new LivenessWorld(40, nodeNames(4));
    world.passes = (from, to) => from !== 'node-004' && to !== 'node-004';
    world.run(20_000);
    expect(world.speaker('node-001').believes.get('node-004')).toBe('unknown');
    expect(world.verdicts()).toEqual([]);
  });

  test('another boot is another process: unknown first, and its claims are gone', () => {
    const world = withAddresses(41, 3);
    const victim = owners(world).flat()[0] ?? '';
    world.addresses = [];
    world.restart(victim);
    world.run(1);
    expect(world.log.filter(({ output }) => output.kind === 'peer' && output.reason === 'new-boot')).toHaveLength(2);
    world.run(500);
    const [other = ''] = nodeNames(3).filter((name) => name !== victim);
    expect(world.speaker(other).believes.get(victim)).toBe('alive');
    expect(
      world
        .speaker(other)
        .machine.claims()
        .filter(({ node }) => node === victim),
    ).toEqual([]);
  });
});
