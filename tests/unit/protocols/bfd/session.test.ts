import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { instant } from '../../../../src/runtime/model/time.ts';
import { type BfdPacket, decodeBfdPacket } from '../../../../src/runtime/protocols/bfd/codec.ts';
import { BFD_STATES, type BfdState } from '../../../../src/runtime/protocols/bfd/iana.ts';
import type { BfdInput, BfdOutput, BfdSessionOptions } from '../../../../src/runtime/protocols/bfd/interface.ts';
import { BfdSession } from '../../../../src/runtime/protocols/bfd/session.ts';
import { BfdLink, bfdOptions } from '../../../support/bfd-link.ts';
import { bfdPacket } from '../../../support/bfd-packets.ts';

const at = instant;

/** A session on its own, in the given state at time 0. */
function sessionIn(state: BfdState, options: Partial<BfdSessionOptions> = {}): BfdSession {
  const session = new BfdSession(bfdOptions(options), at(0));
  const hears = (heard: BfdState) => session.handle({ kind: 'packet', packet: bfdPacket({ state: heard }) }, at(0));
  if (state === 'init') hears('down');
  if (state === 'up') hears('init');
  if (state === 'admin-down') session.handle({ kind: 'disable', because: 'administratively-down' }, at(0));
  expect(session.snapshot().state).toBe(state);
  return session;
}

function packetsIn(outputs: readonly BfdOutput[]): BfdPacket[] {
  return outputs.flatMap((output) => {
    if (output.kind !== 'send') return [];
    const decoded = decodeBfdPacket(output.payload);
    return decoded.ok ? [decoded.value] : [];
  });
}

function packet(fields: Partial<BfdPacket>): BfdInput {
  return { kind: 'packet', packet: bfdPacket(fields) };
}

/** Both up, polls answered. */
function upLink(a: Partial<BfdSessionOptions> = {}, b: Partial<BfdSessionOptions> = {}): BfdLink {
  const link = new BfdLink().start('a', a).start('b', b).pass(3000);
  expect(link.states()).toBe('up up');
  return link;
}

describe('RFC 5880 §6.8.6: the state table', () => {
  const table: readonly [BfdState, BfdState, BfdState, number][] = [
    // in, heard, then, diagnostic
    ['down', 'admin-down', 'down', 0],
    ['down', 'down', 'init', 0],
    ['down', 'init', 'up', 0],
    ['down', 'up', 'down', 0],
    ['init', 'admin-down', 'down', 3],
    ['init', 'down', 'init', 0],
    ['init', 'init', 'up', 0],
    ['init', 'up', 'up', 0],
    ['up', 'admin-down', 'down', 3],
    ['up', 'down', 'down', 3],
    ['up', 'init', 'up', 0],
    ['up', 'up', 'up', 0],
    ['admin-down', 'admin-down', 'admin-down', 7],
    ['admin-down', 'down', 'admin-down', 7],
    ['admin-down', 'init', 'admin-down', 7],
    ['admin-down', 'up', 'admin-down', 7],
  ];

  test.each(table)('in %s, hearing %s: %s, diagnostic %i', (state, heard, then, diagnostic) => {
    const session = sessionIn(state);
    const outputs = session.handle(packet({ state: heard, diagnostic: 6 }), at(5));
    expect(session.snapshot()).toMatchObject({ state: then, diagnostic, remoteState: heard, remoteDiagnostic: 6 });
    const changes = outputs.filter(({ kind }) => kind === 'changed');
    const told = { kind: 'changed', from: state, to: then, diagnostic, remoteState: heard, remoteDiagnostic: 6 };
    expect(changes).toEqual(state === then ? [] : [told]);
    // §6.8.7: a change is told at once.
    expect(packetsIn(outputs).map((sent) => sent.state)).toEqual(state === then ? [] : [then]);
  });

  test('it is complete', () => {
    expect(new Set(table.map(([state, heard]) => `${state} ${heard}`)).size).toBe(BFD_STATES.length ** 2);
  });

  test.each([
    { state: 'down', want: 'down', diagnostic: 0 },
    { state: 'init', want: 'down', diagnostic: 1 },
    { state: 'up', want: 'down', diagnostic: 1 },
    { state: 'admin-down', want: 'admin-down', diagnostic: 7 },
  ] as const)('§6.8.4, §6.8.1: silence in $state: $want, and the discriminator is forgotten', (row) => {
    const session = sessionIn(row.state);
    if (row.state === 'down' || row.state === 'admin-down') session.handle(packet({ state: 'up' }), at(0));
    expect(session.snapshot().remoteDiscriminator).toBe(9);
    expect(session.handle({ kind: 'timer' }, at(900))).toContainEqual({ kind: 'drain' });
    session.handle({ kind: 'drained' }, at(900));
    expect(session.snapshot()).toMatchObject({ state: row.want, diagnostic: row.diagnostic, remoteDiscriminator: 0 });
  });
});

describe('RFC 5880 §6.2: two sides', () => {
  test('come up by three packets, and know each other', () => {
    const link = new BfdLink().start('a').start('b', { role: 'passive' }).pass(10);
    expect(link.changes).toEqual(['1 b: down → init', '2 a: down → up', '3 b: init → up']);
    expect(link.session('a').snapshot()).toMatchObject({ localDiscriminator: 7, remoteDiscriminator: 9 });
    expect(link.session('b').snapshot()).toMatchObject({ localDiscriminator: 9, remoteDiscriminator: 7 });
  });

  test('§6.1: two passive ones wait for ever', () => {
    const link = new BfdLink().start('a', { role: 'passive' }).start('b', { role: 'passive' }).pass(60_000);
    expect(link.sent).toEqual([]);
    expect(link.session('a').deadline()).toBeUndefined();
  });

  test('§6.8.4: whose neighbour is gone goes down after its multiplier of intervals, once', () => {
    const link = upLink();
    const last = link.packetsOf('b').at(-1)?.at ?? 0;
    link.kill('b').pass(60_000);
    expect(link.changes.slice(-1)).toEqual([`${Math.round(last + 1 + 900)} a: up → down`]);
    expect(link.session('a').snapshot()).toMatchObject({ diagnostic: 1, downs: 1, detectionTimeMs: undefined });
  });

  test('when a is cut off one way only, both are down soon, each with its own reason', () => {
    const link = upLink();
    link.isLost = ({ from }) => from === 'b';
    link.pass(2000);
    expect(link.session('a').snapshot()).toMatchObject({ state: 'down', diagnostic: 1 });
    // It still hears a, which is down: init, and not up.
    expect(link.session('b').snapshot()).toMatchObject({ state: 'init', diagnostic: 3, remoteDiagnostic: 1 });
    link.isLost = () => false;
    expect(link.pass(2000).states()).toBe('up up');
  });

  test('a neighbour that begins anew, with another discriminator, is down and up again at once', () => {
    const link = upLink();
    link.start('b', { localDiscriminator: 1000 }).pass(1100);
    expect(link.states()).toBe('up up');
    expect(link.session('a').snapshot()).toMatchObject({ remoteDiscriminator: 1000, ups: 2, downs: 1, diagnostic: 3 });
  });

  test('one packet in three lost at random: no flap in ten minutes at a multiplier of 20', () => {
    const link = upLink({ detectMultiplier: 20 }, { detectMultiplier: 20 });
    let lot = 1;
    link.isLost = () => {
      lot = (lot * 48_271) % 2_147_483_647;
      return lot % 3 === 0;
    };
    link.pass(600_000);
    expect([link.session('a').snapshot().downs, link.session('b').snapshot().downs]).toEqual([0, 0]);
  });

  test('two lost in a row are no failure at a multiplier of 3', () => {
    const link = upLink();
    for (let round = 0; round < 50; round++) {
      let lost = 0;
      link.isLost = ({ from }) => from === 'b' && lost++ < 2;
      link.pass(2000);
    }
    expect(link.session('a').snapshot().downs).toBe(0);
  });
});

describe('RFC 5880 §6.8.3: intervals', () => {
  test('while not up it sends no more often than once a second', () => {
    const link = new BfdLink().start('a', { desiredMinTxMs: 50 }).pass(20_000);
    const sent = link.packetsOf('a');
    expect(sent.length).toBeGreaterThanOrEqual(20);
    expect(sent.length).toBeLessThanOrEqual(27);
    expect(sent.every(({ packet: { desiredMinTxMicroseconds: us } }) => us === 1_000_000)).toBe(true);
  });

  test('§6.8.2: once up each sends by the slower of its own wish and the other one’s', () => {
    const link = upLink({ desiredMinTxMs: 50, requiredMinRxMs: 100 }, { desiredMinTxMs: 60, requiredMinRxMs: 200 });
    expect(link.session('a').snapshot()).toMatchObject({ transmitIntervalMs: 200, detectionTimeMs: 300 });
    expect(link.session('b').snapshot()).toMatchObject({ transmitIntervalMs: 100, detectionTimeMs: 600 });
  });

  test('§6.5: coming up is told by a poll, which ends with its answer; an answer is no poll', () => {
    const link = upLink();
    for (const end of ['a', 'b'] as const) {
      const other = end === 'a' ? 'b' : 'a';
      expect(link.packetsOf(end).some((sent) => sent.packet.poll)).toBe(true);
      expect(link.packetsOf(other).some((sent) => sent.packet.final)).toBe(true);
      expect(link.session(end).snapshot().isPolling).toBe(false);
    }
    expect(link.sent.filter((sent) => sent.packet.poll && sent.packet.final)).toEqual([]);
  });

  test('a poll goes on until it is answered', () => {
    const link = upLink();
    link.isLost = ({ packet: { final } }) => final;
    const begun = link.now;
    link.tell('a', { kind: 'intervals', desiredMinTxMs: 200, requiredMinRxMs: 300, detectMultiplier: 3 }).pass(2000);
    expect(link.packetsOf('a', begun).every((sent) => sent.packet.poll)).toBe(true);
    link.isLost = () => false;
    link.pass(500);
    expect(link.session('a').snapshot().isPolling).toBe(false);
  });

  test('a longer transmit interval counts from the answer on, a shorter one at once', () => {
    const session = sessionIn('up');
    session.handle(packet({ final: true, requiredMinRxMicroseconds: 1000 }), at(1));
    const wish = { kind: 'intervals', requiredMinRxMs: 300, detectMultiplier: 3 } as const;
    session.handle({ ...wish, desiredMinTxMs: 500 }, at(2));
    expect(session.snapshot()).toMatchObject({ transmitIntervalMs: 300, isPolling: true });
    session.handle(packet({ final: true, requiredMinRxMicroseconds: 1000 }), at(3));
    expect(session.snapshot()).toMatchObject({ transmitIntervalMs: 500, isPolling: false });
    const [told] = packetsIn(session.handle({ ...wish, desiredMinTxMs: 50 }, at(4)));
    expect(told).toMatchObject({ poll: true, desiredMinTxMicroseconds: 50_000 });
    expect(session.snapshot()).toMatchObject({ transmitIntervalMs: 50, isPolling: true });
  });

  test('a shorter receive interval counts for silence from the answer on, a longer one at once', () => {
    const session = sessionIn('up');
    const quick = { final: true, desiredMinTxMicroseconds: 1000 };
    session.handle(packet(quick), at(1));
    const wish = { kind: 'intervals', desiredMinTxMs: 300, detectMultiplier: 3 } as const;
    session.handle({ ...wish, requiredMinRxMs: 50 }, at(2));
    expect(session.snapshot().detectionTimeMs).toBe(900);
    session.handle(packet(quick), at(3));
    expect(session.snapshot().detectionTimeMs).toBe(150);
    session.handle({ ...wish, requiredMinRxMs: 400 }, at(4));
    expect(session.snapshot().detectionTimeMs).toBe(1200);
  });

  test('a change during a poll waits for an answer of its own', () => {
    const session = sessionIn('up');
    session.handle(packet({ final: true, requiredMinRxMicroseconds: 1000 }), at(1));
    const wish = { kind: 'intervals', requiredMinRxMs: 300, detectMultiplier: 3 } as const;
    session.handle({ ...wish, desiredMinTxMs: 400 }, at(2));
    session.handle({ ...wish, desiredMinTxMs: 500 }, at(3));
    session.handle(packet({ final: true, requiredMinRxMicroseconds: 1000 }), at(4));
    expect(session.snapshot()).toMatchObject({ transmitIntervalMs: 300, isPolling: true });
    session.handle(packet({ final: true, requiredMinRxMicroseconds: 1000 }), at(5));
    expect(session.snapshot()).toMatchObject({ transmitIntervalMs: 500, isPolling: false });
  });

  test('intervals that change back and forth while up: no flap', () => {
    const link = upLink();
    for (let round = 0; round < 40; round++) {
      const ms = round % 2 === 0 ? 20 : 900;
      const end = round % 4 < 2 ? 'a' : 'b';
      link.tell(end, { kind: 'intervals', desiredMinTxMs: ms, requiredMinRxMs: ms, detectMultiplier: 3 }).pass(700);
    }
    expect([link.session('a').snapshot().downs, link.session('b').snapshot().downs]).toEqual([0, 0]);
  });

  test('the same intervals again are no news, another multiplier is, without a poll', () => {
    const session = sessionIn('up');
    session.handle(packet({ final: true }), at(1));
    const same = { kind: 'intervals', desiredMinTxMs: 300, requiredMinRxMs: 300, detectMultiplier: 3 } as const;
    expect(session.handle(same, at(2))).toEqual([]);
    const [told] = packetsIn(session.handle({ ...same, detectMultiplier: 5 }, at(3)));
    expect(told).toMatchObject({ detectMultiplier: 5, poll: false });
  });
});

describe('RFC 5880 §6.8.7: sending', () => {
  test.each([
    { detectMultiplier: 3, least: 0.75, most: 1 },
    { detectMultiplier: 1, least: 0.75, most: 0.9 },
  ])('jitter at a multiplier of $detectMultiplier: $least to $most of the interval', (row) => {
    const { detectMultiplier, least, most } = row;
    const link = upLink({ detectMultiplier });
    const start = link.now;
    link.pass(300_000);
    const times = link.packetsOf('a', start).map((sent) => sent.at);
    const shares = times.slice(1).map((time, i) => (time - (times[i] ?? 0)) / 300);
    expect(shares.length).toBeGreaterThan(900);
    expect(Math.min(...shares)).toBeGreaterThanOrEqual(least - 1e-9);
    expect(Math.max(...shares)).toBeLessThanOrEqual(most + 1e-9);
    // All of the range is used.
    expect(Math.min(...shares)).toBeLessThan(least + 0.01);
    expect(Math.max(...shares)).toBeGreaterThan(most - 0.01);
  });

  test('a poll is answered at once, and periodic packets keep their time', () => {
    const session = sessionIn('up');
    const due = session.deadline();
    const outputs = session.handle(packet({ poll: true }), at(1));
    expect(packetsIn(outputs)).toMatchObject([{ final: true, poll: false, yourDiscriminator: 9 }]);
    expect(session.deadline()).toBe(due);
  });

  test('a neighbour that receives nothing is sent nothing, but its polls are answered', () => {
    const session = sessionIn('up');
    session.handle(packet({ requiredMinRxMicroseconds: 0, final: true }), at(1));
    expect(session.snapshot().transmitIntervalMs).toBeUndefined();
    expect(session.handle({ kind: 'timer' }, at(800))).toEqual([]);
    const poll = packet({ requiredMinRxMicroseconds: 0, poll: true });
    expect(packetsIn(session.handle(poll, at(801)))).toMatchObject([{ final: true }]);
  });

  test('Deviation: once it is silent it may begin anew, so it is spoken to again', () => {
    const session = sessionIn('up');
    session.handle(packet({ requiredMinRxMicroseconds: 0, final: true }), at(1));
    session.handle({ kind: 'timer' }, at(901));
    session.handle({ kind: 'drained' }, at(901));
    expect(session.snapshot().transmitIntervalMs).toBe(1000);
  });

  test('§6.6: a neighbour that demands is sent nothing once both are up, but its polls are answered', () => {
    const session = sessionIn('up');
    session.handle(packet({ demand: true, final: true }), at(1));
    expect(session.snapshot().transmitIntervalMs).toBeUndefined();
    expect(packetsIn(session.handle(packet({ demand: true, poll: true }), at(2)))).toMatchObject([{ final: true }]);
    session.handle(packet({ demand: false }), at(3));
    expect(session.snapshot().transmitIntervalMs).toBe(300);
  });

  test('§6.6: not before both are up, and an own poll goes on', () => {
    const session = sessionIn('init');
    session.handle(packet({ state: 'init', demand: true }), at(1));
    expect(session.snapshot()).toMatchObject({ state: 'up', transmitIntervalMs: 300 });
    session.handle(packet({ state: 'up', demand: true }), at(2));
    expect(session.snapshot()).toMatchObject({ isPolling: true, transmitIntervalMs: 300 });
    session.handle(packet({ state: 'up', demand: true, final: true }), at(3));
    expect(session.snapshot()).toMatchObject({ isPolling: false, transmitIntervalMs: undefined });
  });

  test('what it offers for echoes is told as it is', () => {
    const [none] = packetsIn(new BfdSession(bfdOptions(), at(0)).handle({ kind: 'timer' }, at(0)));
    const [some] = packetsIn(
      new BfdSession(bfdOptions({ requiredMinEchoRxMs: 50 }), at(0)).handle({ kind: 'timer' }, at(0)),
    );
    expect(none?.requiredMinEchoRxMicroseconds).toBe(0);
    expect(some?.requiredMinEchoRxMicroseconds).toBe(50_000);
  });
});

describe('RFC 5880 §6.8.5: echoes that fail', () => {
  test('echoes that fail take it down, and the neighbour hears why at once', () => {
    const session = sessionIn('up');
    const outputs = session.handle({ kind: 'echo-failed' }, at(100));
    expect(outputs).toContainEqual(expect.objectContaining({ kind: 'changed', from: 'up', to: 'down', diagnostic: 2 }));
    expect(packetsIn(outputs)).toMatchObject([{ state: 'down', diagnostic: 2 }]);
  });

  test.each(['down', 'init', 'admin-down'] as const)('in %s they mean nothing', (state) => {
    const session = sessionIn(state);
    expect(session.handle({ kind: 'echo-failed' }, at(100))).toEqual([]);
    expect(session.snapshot().state).toBe(state);
  });

  test('how often the neighbour takes them is what it said last', () => {
    const session = sessionIn('up');
    session.handle(packet({ state: 'up', requiredMinEchoRxMicroseconds: 80_000 }), at(1));
    expect(session.snapshot().remoteMinEchoRxMs).toBe(80);
  });
});

describe('RFC 5880 §6.8.16: switched off', () => {
  test.each([
    { because: 'administratively-down', diagnostic: 7 },
    { because: 'path-down', diagnostic: 5 },
  ] as const)('$because: both sides are down at once, and the other one is told why', ({ because, diagnostic }) => {
    const link = upLink();
    link.tell('a', { kind: 'disable', because }).pass(2);
    expect(link.states()).toBe('admin-down down');
    expect(link.session('b').snapshot()).toMatchObject({ remoteState: 'admin-down', remoteDiagnostic: diagnostic });
    link.pass(20_000);
    expect(link.states()).toBe('admin-down down');
    // It goes on saying so.
    expect(link.packetsOf('a', link.now - 2000).length).toBeGreaterThanOrEqual(2);
    expect(link.tell('a', { kind: 'enable' }).pass(2500).states()).toBe('up up');
  });

  test('polls are not answered, and enabling what is enabled is nothing', () => {
    expect(packetsIn(sessionIn('admin-down').handle(packet({ poll: true }), at(1)))).toEqual([]);
    expect(sessionIn('up').handle({ kind: 'enable' }, at(1))).toEqual([]);
  });
});

describe('a process that slept', () => {
  const fast = { desiredMinTxMs: 50, requiredMinRxMs: 50 };

  test('finds the packets that came meanwhile, and stays up', () => {
    const link = upLink(fast, { ...fast, detectMultiplier: 3 });
    // b must not give a up meanwhile.
    link.tell('a', { kind: 'intervals', ...fast, detectMultiplier: 50 }).pass(500);
    link.sleep('a', 2000).pass(2500);
    expect(link.session('a').snapshot()).toMatchObject({ state: 'up', downs: 0, rescues: 1 });
    expect(link.states()).toBe('up up');
  });

  test('finds none, and goes down', () => {
    const link = upLink(fast, fast);
    link.kill('b').pass(20).sleep('a', 2000).pass(2000);
    expect(link.session('a').snapshot()).toMatchObject({ state: 'down', diagnostic: 1, rescues: 0 });
  });

  test('is not down before the socket was read, however often the timer comes; and asks once', () => {
    const session = sessionIn('up');
    expect(session.handle({ kind: 'timer' }, at(900))).toContainEqual({ kind: 'drain' });
    expect(session.handle({ kind: 'timer' }, at(5000))).not.toContainEqual({ kind: 'drain' });
    expect(session.snapshot().state).toBe('up');
    session.handle(packet({}), at(5001));
    session.handle({ kind: 'drained' }, at(5001));
    expect(session.snapshot()).toMatchObject({ state: 'up', rescues: 1 });
    expect(session.handle({ kind: 'drained' }, at(9999))).toEqual([]);
  });
});

const anyPacket = fc.record({
  diagnostic: fc.nat(31),
  state: fc.constantFrom(...BFD_STATES),
  poll: fc.boolean(),
  final: fc.boolean(),
  controlPlaneIndependent: fc.boolean(),
  demand: fc.boolean(),
  detectMultiplier: fc.integer({ min: 1, max: 255 }),
  myDiscriminator: fc.integer({ min: 1, max: 0xffffffff }),
  yourDiscriminator: fc.nat(0xffffffff),
  desiredMinTxMicroseconds: fc.nat(0xffffffff),
  requiredMinRxMicroseconds: fc.nat(0xffffffff),
  requiredMinEchoRxMicroseconds: fc.nat(0xffffffff),
});
const anyInput: fc.Arbitrary<BfdInput> = fc.oneof(
  anyPacket.map((each) => ({ kind: 'packet' as const, packet: each })),
  fc.constantFrom<BfdInput>({ kind: 'timer' }, { kind: 'drained' }, { kind: 'enable' }),
  fc.constantFrom<BfdInput>(
    { kind: 'disable', because: 'path-down' },
    { kind: 'disable', because: 'administratively-down' },
  ),
  fc.record({
    kind: fc.constant('intervals' as const),
    desiredMinTxMs: fc.integer({ min: 10, max: 60_000 }),
    requiredMinRxMs: fc.integer({ min: 10, max: 60_000 }),
    detectMultiplier: fc.integer({ min: 1, max: 255 }),
  }),
);

describe('any inputs at all', () => {
  test('nothing throws, the same inputs give the same outputs, and what is sent is in order', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anyInput, fc.nat(3000)), { maxLength: 80 }), (steps) => {
        const run = (): readonly BfdOutput[] => {
          const session = new BfdSession(bfdOptions(), at(0));
          let now = 0;
          return steps.flatMap(([input, afterMs]) => {
            now += afterMs;
            const outputs = session.handle(structuredClone(input), at(now));
            const { state, transmitIntervalMs } = session.snapshot();
            if (state !== 'up' && transmitIntervalMs !== undefined)
              expect(transmitIntervalMs).toBeGreaterThanOrEqual(1000);
            for (const sent of packetsIn(outputs)) {
              expect(sent.poll && sent.final).toBe(false);
              expect(sent).toMatchObject({ myDiscriminator: 7, demand: false });
              if (sent.state !== 'up') expect(sent.desiredMinTxMicroseconds).toBeGreaterThanOrEqual(1_000_000);
            }
            return outputs;
          });
        };
        expect(run()).toEqual(run());
      }),
    );
  });

  test('whatever is lost for a while, both are up again within three seconds after it', () => {
    const drops = fc.array(fc.boolean(), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(drops, fc.nat(20_000), fc.constantFrom('active' as const, 'passive' as const), (lost, ms, role) => {
        const link = new BfdLink().start('a').start('b', { role });
        let count = 0;
        link.isLost = () => lost[count++ % lost.length] ?? false;
        link.pass(ms);
        link.isLost = () => false;
        link.pass(3000);
        expect(link.states()).toBe('up up');
        const downs = link.session('a').snapshot().downs;
        link.pass(30_000);
        expect(link.session('a').snapshot().downs).toBe(downs);
      }),
      { numRuns: 50 },
    );
  });
});
