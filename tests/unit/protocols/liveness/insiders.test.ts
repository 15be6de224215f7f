/** What somebody who has the secret may say, and what must not come of it: no crash, and nothing that grows for ever. */
import { describe, expect, test } from '@jest/globals';
import { type Ip, parseIp } from '../../../../src/runtime/model/ip.ts';
import { instant } from '../../../../src/runtime/model/time.ts';
import { ClaimBook, MOST_CLAIMS } from '../../../../src/runtime/protocols/liveness/claim-book.ts';
import { decodeMessage, encodeMessage } from '../../../../src/runtime/protocols/liveness/codec.ts';
import { Liveness } from '../../../../src/runtime/protocols/liveness/liveness.ts';
import type { Message } from '../../../../src/runtime/protocols/liveness/messages.ts';
import { nodeId } from '../../../../src/runtime/protocols/liveness/ring.ts';
import { fuzzMachine } from '../../../support/liveness-fuzz.ts';
import { sha256Hex } from '../../../support/liveness-world.ts';

const NOW = instant(1000);
const BOOT = '00000000000000aa';
const PEERS = ['b', 'c'].map((node) => ({ node, boot: `00000000000000${node}${node}` }));

function ip(index: number): Ip {
  const parsed = parseIp(`10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

function machine(): Liveness {
  const made = new Liveness({ node: 'a', boot: BOOT, sha256Hex, seed: 1 });
  made.handle({ kind: 'peers', peers: PEERS }, NOW);
  return made;
}

function hear(liveness: Liveness, message: Message, from = 'b'): ReturnType<Liveness['handle']> {
  return liveness.handle({ kind: 'datagram', from, bytes: encodeMessage(message) }, NOW);
}

test('60,000 random and mutated messages of proven senders: none breaks the machine, and what cannot be read does nothing', () => {
  const { refused, read } = fuzzMachine({ messages: 60_000, seed: 5 });
  expect(refused + read).toBe(60_000);
  expect(Math.min(refused, read)).toBeGreaterThan(15_000);
});

describe('§7 what is kept of claims', () => {
  test('who owns addresses that this speaker does not claim is not kept on a third speaker’s word', () => {
    const liveness = machine();
    liveness.handle({ kind: 'claim', ips: [ip(0)] }, NOW);
    for (let first = 0; first < 100_000; first += 100) {
      const ips = Array.from({ length: 100 }, (_, index) => ip(first + index));
      hear(liveness, { kind: 'owners', owners: [{ node: nodeId('c', sha256Hex), claims: { epoch: 9, ips } }] });
    }
    expect(liveness.claims()).toEqual([{ ip: ip(0), node: 'c', epoch: 9 }]);
  });

  test('of one speaker no more than a node can answer for', () => {
    const book = new ClaimBook('a', () => true);
    let version = 0;
    for (let first = 0; first < MOST_CLAIMS + 1000; first += 200) {
      version += 1;
      const ips = Array.from({ length: 200 }, (_, index) => ip(first + index));
      book.step('b', { version, claimed: [{ epoch: 1, ips }], released: [] });
    }
    expect(book.addresses('b')).toHaveLength(MOST_CLAIMS);
    // Its later steps are followed all the same.
    expect(book.version('b')).toBe(version);
    book.step('b', { version: version + 1, claimed: [{ epoch: 2, ips: [ip(0)] }], released: [ip(1)] });
    expect([book.owner(ip(0))?.epoch, book.owner(ip(1))]).toEqual([2, undefined]);
  });
});

describe('§6.4 incarnations', () => {
  const heardOf = (outputs: ReturnType<Liveness['handle']>): string[] =>
    outputs.flatMap((output) => {
      const message = output.kind === 'send' ? decodeMessage(output.bytes) : undefined;
      return message?.ok === true ? [message.value.kind] : [];
    });

  test('an accusation is answered by the next incarnation, once', () => {
    const liveness = machine();
    hear(liveness, { kind: 'pronounced', incarnation: 4 });
    expect(liveness.snapshot(NOW).incarnation).toBe(5);
    expect(heardOf(hear(liveness, { kind: 'pronounced', incarnation: 4 }))).toEqual([]);
  });

  test('at the last there is none, and they do not begin anew', () => {
    const liveness = machine();
    hear(liveness, { kind: 'pronounced', incarnation: 2 ** 32 - 2 });
    expect(liveness.snapshot(NOW).incarnation).toBe(2 ** 32 - 1);
    expect(heardOf(hear(liveness, { kind: 'pronounced', incarnation: 2 ** 32 - 1 }))).toEqual([]);
    expect(liveness.snapshot(NOW).incarnation).toBe(2 ** 32 - 1);
  });
});
