import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type BfdPacket, decodeBfdPacket, encodeBfdPacket } from '../../../../src/runtime/protocols/bfd/codec.ts';
import { BFD_STATES, describeDiagnostic } from '../../../../src/runtime/protocols/bfd/iana.ts';
import { bfdPacket, readBfdVectors } from '../../../support/bfd-packets.ts';

const vectors = readBfdVectors();

describe(`${vectors.length} packets made by others`, () => {
  test.each(vectors)('decodes $name', ({ payload, value }) => {
    expect(decodeBfdPacket(payload)).toEqual({ ok: true, value });
  });

  const plain = vectors.filter(({ value }) => !value.authenticationPresent);
  test.each(plain)('encodes $name byte for byte', ({ payload, value }) => {
    expect(encodeBfdPacket(value)).toEqual(payload);
  });
  test('some of them have no authentication', () => expect(plain.length).toBeGreaterThanOrEqual(2));
});

test.each([
  { name: 'poll', packet: bfdPacket({ poll: true }), second: 0xe0 },
  { name: 'final', packet: bfdPacket({ final: true }), second: 0xd0 },
  { name: 'control plane independent', packet: bfdPacket({ controlPlaneIndependent: true }), second: 0xc8 },
  { name: 'demand', packet: bfdPacket({ demand: true }), second: 0xc2 },
  { name: 'AdminDown', packet: bfdPacket({ state: 'admin-down' }), second: 0x00 },
  { name: 'Down', packet: bfdPacket({ state: 'down' }), second: 0x40 },
  { name: 'Init', packet: bfdPacket({ state: 'init' }), second: 0x80 },
  { name: 'Up', packet: bfdPacket(), second: 0xc0 },
])('RFC 5880 §4.1: $name is $second in the second byte', ({ packet, second }) => {
  const bytes = encodeBfdPacket(packet);
  expect(bytes[1]).toBe(second);
  expect(decodeBfdPacket(bytes)).toMatchObject({ ok: true, value: packet });
});

test('a packet that is cut off is truncated, wherever that is', () => {
  const bytes = encodeBfdPacket(bfdPacket());
  for (let length = 0; length < bytes.length; length++) {
    const decoded = decodeBfdPacket(bytes.subarray(0, length));
    expect(decoded.ok ? undefined : decoded.error.kind).toBe('truncated');
  }
});

const u32 = fc.nat(0xffffffff);
const anyPacket: fc.Arbitrary<BfdPacket> = fc.record({
  diagnostic: fc.nat(31),
  state: fc.constantFrom(...BFD_STATES),
  poll: fc.boolean(),
  final: fc.boolean(),
  controlPlaneIndependent: fc.boolean(),
  demand: fc.boolean(),
  detectMultiplier: fc.nat(255),
  myDiscriminator: u32,
  yourDiscriminator: u32,
  desiredMinTxMicroseconds: u32,
  requiredMinRxMicroseconds: u32,
  requiredMinEchoRxMicroseconds: u32,
});

test('decoding undoes encoding', () => {
  fc.assert(
    fc.property(anyPacket, (packet) => {
      const plain = { version: 1, authenticationPresent: false, multipoint: false, length: 24 };
      expect(decodeBfdPacket(encodeBfdPacket(packet))).toEqual({ ok: true, value: { ...packet, ...plain } });
    }),
    { numRuns: 1000 },
  );
});

test('diagnostics are told by the names of the registry', () => {
  expect([0, 1, 3, 7, 9, 10, 31].map(describeDiagnostic)).toEqual([
    'No Diagnostic',
    'Control Detection Time Expired',
    'Neighbor Signaled Session Down',
    'Administratively Down',
    'Mis-Connectivity Defect',
    'Diagnostic 10',
    'Diagnostic 31',
  ]);
});
