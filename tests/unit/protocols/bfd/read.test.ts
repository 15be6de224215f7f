import { describe, expect, test } from '@jest/globals';
import { encodeBfdPacket } from '../../../../src/runtime/protocols/bfd/codec.ts';
import { type SessionEntry, sessionTable } from '../../../../src/runtime/protocols/bfd/demultiplex.ts';
import { BFD_DROP_REASONS, type BfdArrival, readBfd } from '../../../../src/runtime/protocols/bfd/read.ts';
import { bfdPacket, readBfdVectors } from '../../../support/bfd-packets.ts';
import { seededDice } from '../../../support/dice.ts';
import { ip } from '../../../support/views.ts';

const near = { hops: 'single', interface: 'eth0', peer: ip('192.0.2.1') } as const;
const nearer = { hops: 'single', interface: 'eth1', peer: ip('192.0.2.1') } as const;
const far = { hops: 'multiple', local: ip('192.0.2.9'), peer: ip('203.0.113.1') } as const;
const table = sessionTable([
  { session: 'near', discriminator: 7, path: near, minimumTtl: 255 },
  { session: 'nearer', discriminator: 8, path: nearer, minimumTtl: 255 },
  { session: 'far', discriminator: 10, path: far, minimumTtl: 250 },
]);

const good = encodeBfdPacket(bfdPacket());
const begun = encodeBfdPacket(bfdPacket({ state: 'down', yourDiscriminator: 0 }));

function arrival(payload: Uint8Array, more: Partial<{ ttl: number }> = {}): BfdArrival {
  return { ...near, payload, ttl: 255, ...more };
}

function changed(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at] = value;
  return copy;
}

const refused: readonly { name: string; given: BfdArrival; want: string }[] = [
  { name: 'nothing', given: arrival(new Uint8Array()), want: 'truncated' },
  { name: '23 bytes', given: arrival(good.subarray(0, 23)), want: 'truncated' },
  { name: 'version 0', given: arrival(changed(good, 0, 0x00)), want: 'unsupported-version' },
  { name: 'version 2', given: arrival(changed(good, 0, 0x40)), want: 'unsupported-version' },
  { name: 'length 23', given: arrival(changed(good, 3, 23)), want: 'length-too-short' },
  {
    name: 'length 25 with authentication',
    given: arrival(changed(changed(good, 3, 25), 1, 0xc4)),
    want: 'length-too-short',
  },
  { name: 'length 25 of 24', given: arrival(changed(good, 3, 25)), want: 'length-beyond-payload' },
  { name: 'multiplier 0', given: arrival(changed(good, 2, 0)), want: 'detect-multiplier-zero' },
  { name: 'multipoint', given: arrival(changed(good, 1, 0xc1)), want: 'multipoint' },
  {
    name: 'my discriminator 0',
    given: arrival(encodeBfdPacket(bfdPacket({ myDiscriminator: 0 }))),
    want: 'my-discriminator-zero',
  },
  {
    name: 'your discriminator 0 in Init',
    given: arrival(encodeBfdPacket(bfdPacket({ state: 'init', yourDiscriminator: 0 }))),
    want: 'your-discriminator-zero',
  },
  {
    name: 'your discriminator 0 in Up',
    given: arrival(encodeBfdPacket(bfdPacket({ yourDiscriminator: 0 }))),
    want: 'your-discriminator-zero',
  },
  {
    name: 'a discriminator that no session has',
    given: arrival(encodeBfdPacket(bfdPacket({ yourDiscriminator: 99 }))),
    want: 'no-session',
  },
  {
    name: 'a neighbour that no session has',
    given: { ...arrival(begun), ...near, peer: ip('192.0.2.77') },
    want: 'no-session',
  },
  {
    name: 'the neighbour by another interface',
    given: { ...arrival(begun), ...near, interface: 'eth7' },
    want: 'no-session',
  },
  {
    name: 'the neighbour of a session over one hop, by the port for several',
    given: { payload: begun, ttl: 255, hops: 'multiple', local: ip('192.0.2.9'), peer: near.peer },
    want: 'no-session',
  },
  { name: 'RFC 5881 §5: TTL 254 over one hop', given: arrival(good, { ttl: 254 }), want: 'ttl-too-low' },
  {
    name: 'TTL 254 for a session over one hop, by the port for several',
    given: { payload: good, ttl: 254, ...far },
    want: 'ttl-too-low',
  },
  {
    name: 'RFC 5883 §5: TTL 249 where 250 is the lowest',
    given: { payload: begun, ttl: 249, ...far },
    want: 'ttl-too-low',
  },
];

describe('RFC 5880 §6.8.6: refused', () => {
  test.each(refused)('$name: $want', ({ given, want }) => {
    expect(readBfd(given, table)).toEqual({ kind: 'drop', reason: want });
  });

  const authenticated = readBfdVectors().filter(({ value }) => value.authenticationPresent);
  test.each(authenticated)('$name: authentication-present', ({ payload }) => {
    expect(readBfd(arrival(payload), table)).toEqual({ kind: 'drop', reason: 'authentication-present' });
  });

  test('every reason is among them', () => {
    expect(authenticated.length).toBeGreaterThanOrEqual(3);
    expect(new Set([...refused.map(({ want }) => want), 'authentication-present'])).toEqual(new Set(BFD_DROP_REASONS));
  });
});

describe('RFC 5880 §6.3: which session a packet is for', () => {
  test.each([
    { name: 'the one it names', given: arrival(good), want: 'near' },
    {
      name: 'the one it names, from another address',
      given: { ...arrival(good), ...near, peer: ip('192.0.2.77') },
      want: 'near',
    },
    { name: 'the one it names, by another interface', given: { ...arrival(good), ...nearer }, want: 'near' },
    { name: 'while it names none, the one with its sender', given: arrival(begun), want: 'near' },
    { name: 'on that interface', given: { ...arrival(begun), ...nearer }, want: 'nearer' },
    { name: 'RFC 5883 §4.1: between both addresses', given: { payload: begun, ttl: 250, ...far }, want: 'far' },
  ])('$name: $want', ({ given, want }) => {
    expect(readBfd(given, table)).toMatchObject({ kind: 'packet', session: want });
  });

  test('what follows the packet is ignored', () => {
    expect(readBfd(arrival(Uint8Array.from([...good, 1, 2, 3])), table)).toMatchObject({ kind: 'packet' });
  });
});

test('sessions that cannot be told apart are refused', () => {
  const entry: SessionEntry = { session: 'near', discriminator: 7, path: near, minimumTtl: 255 };
  const both = 'BFD sessions near and other cannot be told apart';
  expect(() => sessionTable([entry, { ...entry, session: 'other', discriminator: 8 }])).toThrow(both);
  expect(() => sessionTable([entry, { ...entry, session: 'other', path: far }])).toThrow(both);
  expect(() => sessionTable([{ ...entry, discriminator: 0 }])).toThrow('BFD session near has discriminator 0');
});

/** What is heeded, as a pattern over hex text: version 1, no A and M, a multiplier, a length that fits, discriminators. */
const HEEDED =
  /^[23][0-9a-f][0-9a-f][028a](?!00)[0-9a-f]{2}(1[89a-f]|[2-9a-f][0-9a-f])(?!0{8})[0-9a-f]{8}(0000000[78]|0000000a|00000000)/;

test('300,000 mutated and random packets: heeded is only what a reading of its text says', () => {
  const roll = seededDice(3);
  const seeds = [good, begun, ...readBfdVectors().map(({ payload }) => payload)];
  const counts = { heeded: 0, dropped: 0 };
  for (let count = 0; count < 300_000; count++) {
    let payload: Uint8Array =
      roll(10) === 0 ? Uint8Array.from({ length: roll(60) }, () => roll(256)) : (seeds[roll(seeds.length)] ?? good);
    for (let mutations = roll(4); mutations > 0; mutations--) {
      const at = roll(payload.length + 1);
      if (roll(3) === 0) payload = payload.slice(0, at);
      else payload = changed(payload, Math.min(at, Math.max(0, payload.length - 1)), roll(256));
    }
    const hex = Buffer.from(payload).toString('hex');
    const reading = readBfd(arrival(payload), table);
    const length = payload[3] ?? 0;
    const state = (payload[1] ?? 0) >> 6;
    const isNameless = hex.slice(16, 24) === '00000000';
    const want = payload.length >= 24 && length <= payload.length && HEEDED.test(hex) && !(isNameless && state > 1);
    if ((reading.kind === 'packet') !== want) throw new Error(`${JSON.stringify(reading)} to ${hex}`);
    counts[reading.kind === 'packet' ? 'heeded' : 'dropped'] += 1;
  }
  expect(Math.min(counts.heeded, counts.dropped)).toBeGreaterThan(10_000);
});
