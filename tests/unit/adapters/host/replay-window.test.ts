/** What was recorded on the network and is played back: by number, by secret, and across what a speaker lives through. */
import { describe, expect, test } from '@jest/globals';
import { DatagramSeal } from '../../../../src/runtime/adapters/host/datagram-seal.ts';
import { ReplayWindow, WINDOW } from '../../../../src/runtime/adapters/host/replay-window.ts';
import { seededDice } from '../../../support/dice.ts';

const OLD = Buffer.from('an old secret of enough length');
const NEW = Buffer.from('a new secret of enough length!');
const A = { node: 'a', boot: '00000000000000aa' };
const B = { node: 'b', boot: '00000000000000bb' };

function sealOf(self: typeof A, peer: typeof A, secrets: readonly Uint8Array[]): DatagramSeal {
  const seal = new DatagramSeal(self.boot);
  seal.setKeys({ secrets, plain: 'refused' });
  seal.setPeers([peer]);
  return seal;
}

function sealed(from: DatagramSeal): Uint8Array {
  const datagram = from.seal('b', Buffer.from('heartbeat'));
  if (datagram === undefined) throw new Error('no peer b');
  return datagram;
}

const told = (opened: ReturnType<DatagramSeal['open']>): string => (opened.ok ? `from ${opened.node}` : opened.refusal);

test('a number is used once, also with a process that was away in between: its key is the same', () => {
  const [a, b] = [sealOf(A, B, [NEW]), sealOf(B, A, [NEW])];
  const numberOf = (datagram: Uint8Array): string => Buffer.from(datagram).toString('hex', 20, 28);
  const before = [sealed(a), sealed(a)];
  a.setPeers([]);
  expect(a.seal('b', Buffer.from('heartbeat'))).toBeUndefined();
  a.setPeers([B]);
  const after = sealed(a);
  expect(before.map(numberOf)).not.toContain(numberOf(after));
  // Nor is it deaf to what comes: the numbers go on.
  expect(before.map((datagram) => told(b.open(datagram)))).toEqual(['from a', 'from a']);
  expect(told(b.open(after))).toBe('from a');
});

test('100,000 numbers in any order: none is taken twice, none far behind, and all others are', () => {
  const roll = seededDice(21);
  const window = new ReplayWindow();
  const seen = new Set<number>();
  let highest = 0;
  const counts = { fresh: 0, seen: 0, behind: 0 };
  for (let turn = 0; turn < 100_000; turn++) {
    // Mostly near the highest, now and then far ahead, up to what 48 bits hold.
    const ahead = roll(1000) === 0 ? roll(2 ** 31) * 16 : roll(40) - 20 - (roll(10) === 0 ? roll(2 * WINDOW) : 0);
    const number = Math.min(2 ** 48 - 1, highest + ahead);
    const isBehind = number <= 0 || number <= highest - WINDOW;
    const want = !isBehind && !seen.has(number);
    counts[isBehind ? 'behind' : want ? 'fresh' : 'seen'] += 1;
    if (window.isFresh(number) !== want) throw new Error(`${number} after ${highest}: ${want ? 'fresh' : 'not fresh'}`);
    if (!want) continue;
    window.take(number);
    seen.add(number);
    highest = Math.max(highest, number);
  }
  expect(Math.min(...Object.values(counts))).toBeGreaterThan(2000);
});

describe('a recorded datagram is refused', () => {
  test('when the membership is told again, as every renewal of a Lease does', () => {
    const [a, b] = [sealOf(A, B, [NEW]), sealOf(B, A, [NEW])];
    const recorded = sealed(a);
    expect(told(b.open(recorded))).toBe('from a');
    b.setPeers([{ ...A }]);
    expect(told(b.open(recorded))).toBe('replayed');
  });

  test('when the sender was away and is back as the same process', () => {
    const [a, b] = [sealOf(A, B, [NEW]), sealOf(B, A, [NEW])];
    const recorded = sealed(a);
    expect(told(b.open(recorded))).toBe('from a');
    b.setPeers([]);
    expect(told(b.open(recorded))).toBe('stale-boot');
    b.setPeers([A]);
    expect(told(b.open(recorded))).toBe('replayed');
    expect(told(b.open(sealed(a)))).toBe('from a');
  });

  test('while the secret is replaced, and after', () => {
    const [a, b] = [sealOf(A, B, [OLD]), sealOf(B, A, [OLD])];
    const [taken, kept] = [sealed(a), sealed(a)];
    expect(told(b.open(taken))).toBe('from a');
    b.setKeys({ secrets: [NEW, OLD], plain: 'refused' });
    expect(told(b.open(taken))).toBe('replayed');
    b.setKeys({ secrets: [NEW], plain: 'refused' });
    expect(told(b.open(taken))).toBe('replayed');
    // Kept from the receiver until the secret was worth nothing.
    expect(told(b.open(kept))).toBe('bad-tag');
  });

  test('and forged numbers do not keep the right ones from being taken', () => {
    const [a, b] = [sealOf(A, B, [NEW]), sealOf(B, A, [NEW])];
    const forged = Buffer.from(sealed(a));
    forged.writeUIntBE(2 ** 47, 22, 6);
    expect(told(b.open(forged))).toBe('bad-tag');
    expect(told(b.open(sealed(a)))).toBe('from a');
  });
});
