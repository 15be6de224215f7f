/** Single statements of docs/liveness-protocol.md, each by the part that carries it out. */
import { describe, expect, test } from '@jest/globals';
import { type Instant, instant } from '../../../../src/runtime/model/time.ts';
import { decodeMessage, encodeMessage } from '../../../../src/runtime/protocols/liveness/codec.ts';
import type { LivenessOutput } from '../../../../src/runtime/protocols/liveness/interface.ts';
import { Liveness } from '../../../../src/runtime/protocols/liveness/liveness.ts';
import type { Message, MessageKind, Status } from '../../../../src/runtime/protocols/liveness/messages.ts';
import { Outbox } from '../../../../src/runtime/protocols/liveness/outbox.ts';
import { nodeId } from '../../../../src/runtime/protocols/liveness/ring.ts';
import { Roster } from '../../../../src/runtime/protocols/liveness/roster.ts';
import { timeoutMs } from '../../../../src/runtime/protocols/liveness/timings.ts';
import { nodeNames, sha256Hex } from '../../../support/liveness-world.ts';

const BOOT = '00000000000000aa';
const STATUS: Status = { latenessMs: 0, leaving: false, incarnation: 0, epoch: 0, version: 0, digest: 0 };
const identities = (names: readonly string[]) => names.map((node) => ({ node, boot: BOOT }));

describe('§2 the ring', () => {
  const names = nodeNames(7);
  const order = [...names].sort((a, b) => (nodeId(a, sha256Hex) < nodeId(b, sha256Hex) ? -1 : 1));
  const next = (name: string, count: number): string[] =>
    Array.from({ length: count }, (_, step) => order[(order.indexOf(name) + 1 + step) % order.length] ?? '');

  /** As the speaker sees it, all others alive but these. */
  function roster(self: string, dead: readonly string[] = []): Roster {
    const made = new Roster(self, sha256Hex);
    made.replace(identities(names), instant(0));
    for (const peer of made.all()) made.setCondition(peer, dead.includes(peer.node) ? 'dead' : 'alive');
    return made;
  }

  test('the next three in the order of the ids watch a speaker, and each of them knows that it does', () => {
    for (const name of names) {
      const watchers = roster(name)
        .watchers()
        .map(({ node }) => node);
      expect(watchers).toEqual(next(name, 3));
      for (const watcher of watchers) {
        expect(
          roster(watcher)
            .watched()
            .map(({ node }) => node),
        ).toContain(name);
      }
    }
  });

  test('the dead are passed over', () => {
    const [first = '', second = '', third = '', fourth = ''] = next('node-001', 4);
    expect(
      roster('node-001', [second])
        .watchers()
        .map(({ node }) => node),
    ).toEqual([first, third, fourth]);
  });
});

describe('§3 what goes to all', () => {
  const names = nodeNames(250);
  const message: Message = { kind: 'goodbye', incarnation: 0 };

  test('is sent three times, at 0, 40 and 120 ms', () => {
    const outbox = new Outbox();
    outbox.broadcast(['b', 'c'], message, instant(1000));
    const sentAt: number[] = [];
    for (let at: Instant | undefined = instant(1000); at !== undefined; at = outbox.deadline()) {
      for (const { to } of outbox.drain(at)) if (to.length === 2) sentAt.push(at - 1000);
    }
    expect(sentAt).toEqual([0, 40, 120]);
  });

  test('goes in bursts of 100 datagrams every 2 ms; what goes to one does not wait behind it', () => {
    const outbox = new Outbox();
    outbox.broadcast(names, message, instant(0));
    const sizes = (at: number): number[] => outbox.drain(instant(at)).map(({ to }) => to.length);
    expect(sizes(0)).toEqual([100]);
    outbox.send(['b'], message);
    expect(sizes(1)).toEqual([1]);
    expect(outbox.deadline()).toBe(2);
    expect([sizes(2), sizes(4)]).toEqual([[100], [50]]);
  });
});

describe('§5 the timeout', () => {
  test.each([
    { name: 'nobody late', given: { subjectMs: 10, ownMs: 10, roundTripMs: 10 }, want: 170 },
    { name: 'less than allowed counts as none', given: { subjectMs: 0, ownMs: 0, roundTripMs: 0 }, want: 170 },
    { name: 'a late subject', given: { subjectMs: 110, ownMs: 0, roundTripMs: 0 }, want: 290 },
    { name: 'a late watcher', given: { subjectMs: 0, ownMs: 110, roundTripMs: 0 }, want: 210 },
    { name: 'a long way', given: { subjectMs: 0, ownMs: 0, roundTripMs: 60 }, want: 270 },
    {
      name: 'everything at once, up to the ceiling',
      given: { subjectMs: 900, ownMs: 900, roundTripMs: 90 },
      want: 1200,
    },
  ])('$name', ({ given, want }) => {
    expect(timeoutMs(given)).toBeCloseTo(want);
  });
});

/** A speaker whose only peer, b, has been heard at 1,000. */
function withPeer(): Liveness {
  const liveness = new Liveness({ node: 'a', boot: BOOT, sha256Hex, seed: 1 });
  liveness.handle({ kind: 'peers', peers: identities(['b']) }, instant(1000));
  hear(liveness, { kind: 'heartbeat', sequence: 1, status: STATUS }, 1000);
  liveness.handle({ kind: 'timer' }, instant(1000));
  return liveness;
}

function hear(liveness: Liveness, message: Message, now: number): LivenessOutput[] {
  return liveness.handle({ kind: 'datagram', from: 'b', bytes: encodeMessage(message) }, instant(now));
}

const said = (outputs: readonly LivenessOutput[], kind: MessageKind): Message[] =>
  outputs.flatMap((output) => {
    const message = output.kind === 'send' ? decodeMessage(output.bytes) : undefined;
    return message?.ok === true && message.value.kind === kind ? [message.value] : [];
  });

describe('§5 doubt', () => {
  /** It wakes so late that it doubts, and has sent its probes. */
  function late(liveness: Liveness, lateMs: number): LivenessOutput[] {
    return liveness.handle({ kind: 'timer' }, instant((liveness.deadline() ?? 0) + lateMs));
  }

  test('who comes 120 ms late doubts, and asks its watchers; who comes 119 ms late does not', () => {
    const doubting = late(withPeer(), 120);
    expect(doubting).toContainEqual({ kind: 'doubt', lateMs: expect.closeTo(120) });
    expect(said(doubting, 'probe').length).toBeGreaterThan(0);
    expect(late(withPeer(), 119).some(({ kind }) => kind === 'doubt')).toBe(false);
  });

  test('the first answer ends it', () => {
    const liveness = withPeer();
    const [probe] = said(late(liveness, 200), 'probe');
    if (probe?.kind !== 'probe') throw new Error('no probe');
    const answered = hear(liveness, { kind: 'ack', id: probe.id, status: STATUS }, 1260);
    expect(answered).toContainEqual({ kind: 'assured', by: 'a peer' });
  });

  test('without one it ends after 300 ms', () => {
    const liveness = withPeer();
    const wokeAt = (liveness.deadline() ?? 0) + 200;
    late(liveness, 200);
    let assuredAt: number | undefined;
    for (
      let now: number = wokeAt;
      assuredAt === undefined && now < wokeAt + 1000;
      now = liveness.deadline() ?? Infinity
    ) {
      const outputs = liveness.handle({ kind: 'timer' }, instant(now));
      if (outputs.some((output) => output.kind === 'assured' && output.by === 'nobody answers')) assuredAt = now;
    }
    expect(assuredAt).toBeCloseTo(wokeAt + 300);
  });
});

describe('§6.4 dead, and speaking', () => {
  const id = nodeId('c', sha256Hex);

  test('is told that it is dead and who has its addresses, and again until it has given them up', () => {
    const liveness = new Liveness({ node: 'a', boot: BOOT, sha256Hex, seed: 1 });
    liveness.handle({ kind: 'peers', peers: identities(['b', 'c']) }, instant(0));
    const ips = ['192.0.2.1', '192.0.2.2'] as unknown as Extract<Message, { kind: 'change' }>['released'];
    hear(liveness, { kind: 'change', version: 1, claimed: [{ epoch: 1, ips }], released: [] }, 0);
    hear(liveness, { kind: 'goodbye', incarnation: 0 }, 10);
    const [first] = ips;
    if (first === undefined) throw new Error('no address');
    const bytes = encodeMessage({ kind: 'change', version: 1, claimed: [{ epoch: 5, ips: [first] }], released: [] });
    liveness.handle({ kind: 'datagram', from: 'c', bytes }, instant(20));

    const owners = [{ node: id, claims: { epoch: 5, ips: [first] } }];
    const dead = hear(liveness, { kind: 'news', status: STATUS }, 100);
    expect(said(dead, 'owners')).toEqual([{ kind: 'owners', owners }]);
    expect(said(dead, 'pronounced')).toEqual([{ kind: 'pronounced', incarnation: 0 }]);
    const alive = { ...STATUS, incarnation: 1, version: 1 };
    expect(said(hear(liveness, { kind: 'news', status: alive }, 140), 'owners')).toEqual([{ kind: 'owners', owners }]);
    hear(liveness, { kind: 'change', version: 2, claimed: [], released: [first] }, 150);
    expect(said(hear(liveness, { kind: 'news', status: { ...alive, version: 2 } }, 180), 'owners')).toEqual([]);
  });
});
