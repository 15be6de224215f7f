/**
 * Hundreds of thousands of random and mutated frames against the responder: none makes it throw, and it answers a frame
 * only if an independent, byte-by-byte reading of RFC 826 says that it is a request to be answered. The frames come from
 * a fixed seed, so a failure repeats.
 */
import { expect, test } from '@jest/globals';
import { type ArpTable, respondArp } from '../../../../src/runtime/protocols/arp/responder.ts';
import { ipv4, mac, readArpVectors } from '../../../support/arp-vectors.ts';
import { seededDice } from '../../../support/dice.ts';

const ours = { name: 'eth0', mac: mac('02:00:00:00:00:0b') };
const table: ArpTable = new Map([
  [ipv4('192.0.2.2'), new Set(['eth0'])],
  [ipv4('192.0.2.3'), new Set(['eth1'])],
]);

/** What a request must look like, as a pattern over hex text. */
const REQUEST = new RegExp(
  [
    '^(ffffffffffff|02000000000b)', // to all, or to us
    '[0-9a-f]{12}0806',
    '0001080006040001', // Ethernet, IPv4, 6, 4, request
    '(?!02000000000b|000000000000)[0-9a-f][02468ace][0-9a-f]{10}', // a sender that is one station, and not us
    '[0-9a-f]{8}[0-9a-f]{12}c0000202', // 192.0.2.2
  ].join(''),
);

function check(frame: Uint8Array): boolean {
  const answer = respondArp(frame, table, ours);
  const hex = Buffer.from(frame).toString('hex');
  if ((answer.kind === 'reply') !== REQUEST.test(hex)) throw new Error(`${JSON.stringify(answer)} to ${hex}`);
  if (answer.kind === 'drop') return false;
  const reply = Buffer.from(answer.frame).toString('hex');
  const [senderMac, senderIp] = [hex.slice(44, 56), hex.slice(56, 64)];
  const want = `${senderMac}02000000000b0806000108000604000202000000000bc0000202${senderMac}${senderIp}`;
  if (reply !== want) throw new Error(`${reply} to ${hex}, not ${want}`);
  return true;
}

test('100,000 random frames', () => {
  const roll = seededDice(1);
  for (let count = 0; count < 100_000; count++) {
    const frame = Uint8Array.from({ length: roll(80) }, () => roll(256));
    if (roll(2) === 0 && frame.length >= 14) frame.set([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 8, 6]);
    check(frame);
  }
});

test('300,000 mutations of recorded frames', () => {
  const roll = seededDice(2);
  const seeds = readArpVectors().map(({ frame }) => frame);
  let answered = 0;
  for (let count = 0; count < 300_000; count++) {
    let frame = Uint8Array.from(seeds[roll(seeds.length)] ?? []);
    for (let mutations = roll(4); mutations > 0; mutations--) {
      const at = roll(frame.length + 1);
      switch (roll(4)) {
        case 0:
          frame = frame.slice(0, at);
          break;
        case 1:
          frame[at] = roll(256);
          break;
        case 2:
          frame[at] = (frame[at] ?? 0) ^ (1 << roll(8));
          break;
        default:
          frame = Uint8Array.from([...frame.subarray(0, at), roll(256), ...frame.subarray(at)]);
      }
    }
    if (check(frame)) answered += 1;
  }
  // Both sides of the decision must have been exercised.
  expect(answered).toBeGreaterThan(10_000);
  expect(answered).toBeLessThan(290_000);
});
