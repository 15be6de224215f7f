/** The messages' bytes: each kind both ways, what is refused, and hundreds of thousands of broken ones. */
import { describe, expect, test } from '@jest/globals';
import {
  decodeMessage,
  encodeMessage,
  MAX_SUMMARY_ROWS,
  splitClaims,
} from '../../../../src/runtime/protocols/liveness/codec.ts';
import { MAX_MESSAGE_BYTES, type Message } from '../../../../src/runtime/protocols/liveness/messages.ts';
import { bytesFromHex } from '../../../support/arp-vectors.ts';
import { seededDice } from '../../../support/dice.ts';
import { ip } from '../../../support/views.ts';

const node = '00112233445566ff';
const boot = 'fedcba9876543210';
const about = { node, boot, incarnation: 7 };
const status = { latenessMs: 12, leaving: true, incarnation: 3, epoch: 2 ** 40, version: 9, digest: 0xdeadbeef };

const messages: readonly Message[] = [
  { kind: 'heartbeat', sequence: 0xffffffff, status },
  { kind: 'news', status: { ...status, leaving: false } },
  { kind: 'probe', id: 1, status },
  { kind: 'ack', id: 1, status },
  { kind: 'question', about },
  { kind: 'answer', about, heardMsAgo: 30 },
  { kind: 'verdict', about },
  { kind: 'pronounced', incarnation: 4 },
  { kind: 'goodbye', incarnation: 4 },
  { kind: 'change', version: 2, claimed: [{ epoch: 5, ips: [ip('192.0.2.1'), ip('2001:db8::1')] }], released: [] },
  { kind: 'change', version: 3, claimed: [], released: [ip('192.0.2.1')] },
  { kind: 'list', node, boot, version: 3, index: 1, total: 2, claims: [{ epoch: 5, ips: [ip('192.0.2.1')] }] },
  { kind: 'pull', node, boot, version: 3, parts: [0, 1, 2047] },
  { kind: 'summary', purpose: 'question', rows: [{ ...about, version: 1, dead: true }] },
  { kind: 'summary', purpose: 'answer', rows: [] },
  { kind: 'owners', owners: [{ node, claims: { epoch: 8, ips: [ip('192.0.2.1')] } }] },
];

describe('each kind', () => {
  test.each(messages.map((message) => ({ name: message.kind, message })))(
    '$name is read as it was written',
    ({ message }) => {
      expect(decodeMessage(encodeMessage(message))).toEqual({ ok: true, value: message });
    },
  );

  test('is as its document has it, byte for byte', () => {
    const [heartbeat, , , , question] = messages;
    if (heartbeat === undefined || question === undefined) throw new Error('no messages');
    expect(encodeMessage(heartbeat)).toEqual(
      bytesFromHex('01 01 ffffffff 000c 01 00000003 010000000000 00000009 deadbeef'),
    );
    expect(encodeMessage(question)).toEqual(bytesFromHex('01 05 00112233445566ff fedcba9876543210 00000007'));
  });
});

describe('refused', () => {
  test.each([
    { name: 'nothing', hex: '', reason: '1 bytes wanted, 0 left' },
    { name: 'another version', hex: '02 01', reason: 'version 2' },
    { name: 'kind 0', hex: '01 00', reason: 'kind 0' },
    { name: 'a kind nobody knows', hex: '01 0f', reason: 'kind 15' },
    { name: 'less than it says', hex: '01 08 000000', reason: '4 bytes wanted, 3 left' },
    { name: 'more than it says', hex: '01 08 00000001 00', reason: '1 bytes too many' },
    { name: 'flags nobody knows', hex: '01 0d 02 00', reason: 'flags 2' },
    { name: 'an address of five bytes', hex: '01 0a 00000001 00 01 05 0102030405', reason: 'an address of 5 bytes' },
    {
      name: 'a part beyond the last',
      hex: `01 0b ${node} ${boot} 00000001 0002 0002 00`,
      reason: 'part 2 of 2',
    },
    { name: 'a list without parts', hex: `01 0b ${node} ${boot} 00000001 0000 0000 00`, reason: 'part 0 of 0' },
    { name: 'a pull of too much', hex: `01 0c ${node} ${boot} 00000001 ff`, reason: '255 parts in one pull' },
    { name: 'more than a datagram', hex: '01 '.repeat(1151), reason: 'longer than 1150 bytes' },
  ])('$name', ({ hex, reason }) => {
    expect(decodeMessage(bytesFromHex(hex))).toMatchObject({ ok: false, error: { reason } });
  });

  test('at every length short of the whole', () => {
    for (const message of messages) {
      const bytes = encodeMessage(message);
      for (let length = 0; length < bytes.length; length++) {
        expect(decodeMessage(bytes.subarray(0, length)).ok).toBe(false);
      }
    }
  });
});

describe('what fits', () => {
  test('a summary of as many rows as one may have', () => {
    const rows = Array.from({ length: MAX_SUMMARY_ROWS }, () => ({ ...about, version: 1, dead: false }));
    expect(encodeMessage({ kind: 'summary', purpose: 'question', rows }).length).toBeLessThanOrEqual(MAX_MESSAGE_BYTES);
  });

  test('5,000 addresses are split into parts of which each fits, in their order, none lost', () => {
    const ips = Array.from({ length: 5000 }, (_, i) => ip(`10.1.${i >> 8}.${i & 255}`));
    const groups = [
      { epoch: 1, ips: ips.slice(0, 1234) },
      { epoch: 2, ips: ips.slice(1234) },
    ];
    const parts = splitClaims(groups, MAX_MESSAGE_BYTES - 27);
    for (const claims of parts) {
      encodeMessage({ kind: 'list', node, boot, version: 1, index: 0, total: parts.length, claims });
    }
    expect(parts.length).toBeLessThan(25);
    expect(parts.flat().flatMap((group) => group.ips)).toEqual(ips);
  });
});

test('200,000 random and mutated messages: none throws, and what is read is read the same again', () => {
  const roll = seededDice(5);
  const whole = messages.map((message) => encodeMessage(message));
  let read = 0;
  for (let count = 0; count < 200_000; count++) {
    const bytes = count % 4 === 0 ? randomBytes(roll) : mutated(whole[roll(whole.length)] ?? new Uint8Array(), roll);
    const decoded = decodeMessage(bytes);
    if (!decoded.ok) continue;
    read += 1;
    const again = decodeMessage(encodeMessage(decoded.value));
    if (JSON.stringify(again) !== JSON.stringify(decoded)) throw new Error(Buffer.from(bytes).toString('hex'));
  }
  // Both sides of the decision must have been exercised.
  expect(read).toBeGreaterThan(20_000);
  expect(read).toBeLessThan(180_000);
});

function randomBytes(roll: (sides: number) => number): Uint8Array {
  const bytes = Uint8Array.from({ length: roll(120) }, () => roll(256));
  if (bytes.length > 1 && roll(2) === 0) bytes.set([1, roll(16)]);
  return bytes;
}

function mutated(bytes: Uint8Array, roll: (sides: number) => number): Uint8Array {
  const copy = bytes.slice();
  for (let times = roll(3); times > 0 && copy.length > 0; times--) copy[roll(copy.length)] = roll(256);
  if (roll(4) === 0) return copy.subarray(0, roll(copy.length + 1));
  if (roll(8) === 0) return Uint8Array.from([...copy, roll(256)]);
  return copy;
}
