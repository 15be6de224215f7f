/** Envelopes between speakers: who can open what, and what is refused, by which reason. */
import { describe, expect, test } from '@jest/globals';
import { DatagramSeal, SEAL_BYTES } from '../../../../src/runtime/adapters/host/datagram-seal.ts';
import { ReplayWindow, WINDOW } from '../../../../src/runtime/adapters/host/replay-window.ts';
import { seededDice } from '../../../support/dice.ts';

const OLD = Buffer.from('an old secret of enough length');
const NEW = Buffer.from('a new secret of enough length!');
const MESSAGE = Buffer.from('heartbeat');
const BOOTS = { a: '00000000000000aa', b: '00000000000000bb', c: '00000000000000cc' } as const;

type Name = keyof typeof BOOTS;

function speaker(name: Name, secrets: readonly Uint8Array[], plain: 'refused' | 'accepted' = 'refused'): DatagramSeal {
  const seal = new DatagramSeal(BOOTS[name]);
  seal.setKeys({ secrets, plain });
  seal.setPeers(
    (['a', 'b', 'c'] as const).filter((other) => other !== name).map((node) => ({ node, boot: BOOTS[node] })),
  );
  return seal;
}

function sealed(from: DatagramSeal, to: Name): Uint8Array {
  const datagram = from.seal(to, MESSAGE);
  if (datagram === undefined) throw new Error(`no peer ${to}`);
  return datagram;
}

const told = (opened: ReturnType<DatagramSeal['open']>): string => (opened.ok ? `from ${opened.node}` : opened.refusal);

describe('with one secret', () => {
  test('the receiver learns who sent it, and what; nobody else can read it', () => {
    const [a, b] = [speaker('a', [NEW]), speaker('b', [NEW])];
    const datagram = sealed(a, 'b');
    expect(datagram.length).toBe(MESSAGE.length + SEAL_BYTES);
    expect(Buffer.from(datagram).includes(MESSAGE)).toBe(false);
    const opened = b.open(datagram);
    expect(told(opened)).toBe('from a');
    expect(opened.ok && Buffer.from(opened.message).equals(MESSAGE)).toBe(true);
  });

  test('sent again by somebody else, it is refused; to whom it was not sent, it is worth nothing', () => {
    const [a, b, c] = [speaker('a', [NEW]), speaker('b', [NEW]), speaker('c', [NEW])];
    const datagram = sealed(a, 'b');
    expect(told(b.open(datagram))).toBe('from a');
    expect(told(b.open(datagram))).toBe('replayed');
    expect(told(c.open(datagram))).toBe('stale-boot');
    const redirected = Buffer.from(datagram);
    redirected.set(Buffer.from(BOOTS.c, 'hex'), 12);
    expect(told(c.open(redirected))).toBe('bad-tag');
    const reflected = Buffer.from(datagram);
    reflected.set(Buffer.from(BOOTS.b, 'hex'), 4);
    reflected.set(Buffer.from(BOOTS.a, 'hex'), 12);
    expect(told(a.open(reflected))).toBe('bad-tag');
  });

  test('of a process that another has followed it is refused, and so it is from strangers', () => {
    const [a, b] = [speaker('a', [NEW]), speaker('b', [NEW])];
    const recorded = sealed(a, 'b');
    b.setPeers([{ node: 'a', boot: '0000000000000a0a' }]);
    expect(told(b.open(recorded))).toBe('stale-boot');
    const stranger = new DatagramSeal('1111111111111111');
    stranger.setKeys({ secrets: [NEW], plain: 'refused' });
    stranger.setPeers([{ node: 'b', boot: BOOTS.b }]);
    expect(told(b.open(sealed(stranger, 'b')))).toBe('unknown-sender');
  });

  test('what was sent to the process before is refused by the one that followed it', () => {
    const a = speaker('a', [NEW]);
    const recorded = sealed(a, 'b');
    const restarted = new DatagramSeal('0000000000000b0b');
    restarted.setKeys({ secrets: [NEW], plain: 'refused' });
    restarted.setPeers([{ node: 'a', boot: BOOTS.a }]);
    expect(told(restarted.open(recorded))).toBe('stale-boot');
  });

  test('every changed bit is noticed, and a refused datagram does not spend the number of the right one', () => {
    const [a, b] = [speaker('a', [NEW]), speaker('b', [NEW])];
    const datagram = sealed(a, 'b');
    for (let bit = 0; bit < datagram.length * 8; bit++) {
      const changed = Buffer.from(datagram);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(b.open(changed).ok).toBe(false);
    }
    expect(told(b.open(datagram))).toBe('from a');
  });

  test('20,000 random and mutated datagrams: none is taken, none throws', () => {
    const [a, b] = [speaker('a', [NEW]), speaker('b', [NEW])];
    const roll = seededDice(9);
    for (let count = 0; count < 20_000; count++) {
      const bytes = Buffer.from(
        count % 2 === 0 ? sealed(a, 'b') : Uint8Array.from({ length: roll(90) }, () => roll(256)),
      );
      if (bytes.length === 0) continue;
      const at = roll(bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 + roll(255));
      if (b.open(bytes.subarray(0, bytes.length - roll(3))).ok) throw new Error(bytes.toString('hex'));
    }
  });
});

describe('without a secret', () => {
  test('it is plain, and still taken once', () => {
    const [a, b] = [speaker('a', []), speaker('b', [])];
    const datagram = sealed(a, 'b');
    expect(told(b.open(datagram))).toBe('from a');
    expect(told(b.open(datagram))).toBe('replayed');
  });

  test('who has one does not take it, and cannot be read by who has none', () => {
    const [a, b] = [speaker('a', []), speaker('b', [NEW])];
    expect(told(b.open(sealed(a, 'b')))).toBe('unsealed');
    expect(told(a.open(sealed(b, 'a')))).toBe('no-key');
  });
});

describe('while the secret is replaced', () => {
  /** Both talk in turns, and everything must be understood. */
  function talk(a: DatagramSeal, b: DatagramSeal): string[] {
    const heard: string[] = [];
    for (let turn = 0; turn < 4; turn++) heard.push(told(b.open(sealed(a, 'b'))), told(a.open(sealed(b, 'a'))));
    return heard;
  }
  const understood = Array.from({ length: 4 }, () => ['from a', 'from b']).flat();

  test('whoever learns of it first, nothing is lost, and in the end both use the new one', () => {
    const [a, b] = [speaker('a', [OLD]), speaker('b', [OLD])];
    expect(talk(a, b)).toEqual(understood);
    a.setKeys({ secrets: [NEW, OLD], plain: 'refused' });
    expect(talk(a, b)).toEqual(understood);
    b.setKeys({ secrets: [NEW, OLD], plain: 'refused' });
    expect(talk(a, b)).toEqual(understood);
    a.setKeys({ secrets: [NEW], plain: 'refused' });
    expect(talk(a, b)).toEqual(understood);
    b.setKeys({ secrets: [NEW], plain: 'refused' });
    expect(talk(a, b)).toEqual(understood);
  });

  test('one that starts with both finds one that has only the old or only the new', () => {
    for (const secret of [OLD, NEW]) {
      const [a, b] = [speaker('a', [NEW, OLD]), speaker('b', [secret])];
      const tries = [told(b.open(sealed(a, 'b'))), told(b.open(sealed(a, 'b')))];
      expect(tries).toContain('from a');
      expect(told(a.open(sealed(b, 'a')))).toBe('from b');
      expect(talk(a, b)).toEqual(understood);
    }
  });

  test('the first secret ever: those who have it and those who do not yet understand each other for a while', () => {
    const [a, b] = [speaker('a', []), speaker('b', [])];
    expect(talk(a, b)).toEqual(understood);
    a.setKeys({ secrets: [NEW], plain: 'accepted' });
    expect(talk(a, b)).toEqual(understood);
    b.setKeys({ secrets: [NEW], plain: 'accepted' });
    expect(talk(a, b)).toEqual(understood);
    a.setKeys({ secrets: [NEW], plain: 'refused' });
    expect(talk(a, b)).toEqual(understood);
  });
});

describe('the window', () => {
  test('takes what comes out of order once, and nothing far behind', () => {
    const window = new ReplayWindow();
    const order = [3, 1, 2, 300, 299, 60];
    for (const number of order) {
      expect(window.isFresh(number)).toBe(true);
      window.take(number);
    }
    expect(order.map((number) => window.isFresh(number))).toEqual(order.map(() => false));
    expect([300 - WINDOW, 300 - WINDOW + 1, 0].map((number) => window.isFresh(number))).toEqual([false, true, false]);
  });
});
