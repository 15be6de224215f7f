import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  decodeEthernetHeader,
  ETHER_TYPE_IPV6,
  type MacBits,
} from '../../../../src/runtime/protocols/ethernet/codec.ts';
import {
  decodeIpv6Header,
  ipv6KeyOf,
  isChecksumRight,
  isIpv6Multicast,
} from '../../../../src/runtime/protocols/ip/ipv6.ts';
import {
  type AdvertisementFlag,
  decodeNeighborMessage,
  encodeNdpFrame,
  type NdpEnvelope,
  type NeighborMessage,
} from '../../../../src/runtime/protocols/ndp/codec.ts';
import { bytesFromHex } from '../../../support/arp-vectors.ts';
import { ipv6, readNdpVectors } from '../../../support/ndp-vectors.ts';

const vectors = readNdpVectors();

function decode(frame: Uint8Array): { envelope: NdpEnvelope; hopLimit: number; message: NeighborMessage } {
  const link = decodeEthernetHeader(frame);
  const header = decodeIpv6Header(frame.subarray(14));
  const payload = frame.subarray(54);
  const message = decodeNeighborMessage(payload);
  if (!link.ok || !header.ok || !message.ok) throw new Error('not a neighbour discovery frame');
  expect(link.value.etherType).toBe(ETHER_TYPE_IPV6);
  expect(header.value).toMatchObject({ payloadBytes: payload.length, nextHeader: 58 });
  expect(isChecksumRight(header.value, payload)).toBe(true);
  const { source, destination } = link.value;
  return {
    envelope: { link: { destination, source }, source: header.value.source, destination: header.value.destination },
    hopLimit: header.value.hopLimit,
    message: message.value,
  };
}

describe(`${vectors.length} frames made by Linux`, () => {
  test.each(vectors)('decodes $name', ({ frame, envelope, message }) => {
    expect(decode(frame)).toEqual({ envelope, message, hopLimit: 255 });
  });

  test.each(vectors.filter(({ otherOptions }) => otherOptions.length === 0))(
    'encodes $name byte for byte',
    ({ frame, envelope, message }) => {
      expect(encodeNdpFrame(envelope, message)).toEqual(frame);
    },
  );
});

describe('bad messages', () => {
  const target = '20010db8000000000000000000000002';
  const head = `8700 0000 00000000 ${target}`;
  const option = '01 01 02000000000a';

  test.each([
    { name: 'nothing', message: '', kind: 'truncated', offset: 0 },
    { name: 'a target that is cut off', message: head.slice(0, -2), kind: 'truncated', offset: 8 },
    { name: 'a router solicitation', message: head.replace('87', '85'), kind: 'unsupported', offset: 0 },
    { name: 'code 1', message: head.replace('8700', '8701'), kind: 'malformed', offset: 1 },
    { name: 'a group as target', message: head.replace('2001', 'ff02'), kind: 'malformed', offset: 8 },
    { name: 'an option of length 0', message: `${head} 01 00 02000000000a`, kind: 'malformed', offset: 24 },
    { name: 'another option of length 0', message: `${head} 0e 00 02000000000a`, kind: 'malformed', offset: 24 },
    { name: 'a link address of 14 bytes', message: `${head} 01 02 ${'00'.repeat(14)}`, kind: 'malformed', offset: 24 },
    { name: 'an option that is cut off', message: `${head} 0e 02 000000000000`, kind: 'truncated', offset: 26 },
    { name: 'a second option that is cut off', message: `${head} ${option} 0e`, kind: 'truncated', offset: 33 },
  ])('RFC 4861 §7.1.1: $name: $kind at $offset', ({ message, kind, offset }) => {
    const decoded = decodeNeighborMessage(bytesFromHex(message));
    expect(decoded.ok ? undefined : decoded.error).toMatchObject({
      what: 'neighbour discovery message',
      kind,
      offset,
    });
  });

  test('unknown options are passed over, and of two link addresses the first counts', () => {
    const decoded = decodeNeighborMessage(bytesFromHex(`${head} 0e 01 000000000000 ${option} 01 01 02000000000c`));
    expect(decoded).toEqual({
      ok: true,
      value: { kind: 'solicitation', target: ipv6('2001:db8::2'), linkAddress: 0x02000000000a },
    });
  });

  test('reserved bits of an advertisement mean nothing', () => {
    const decoded = decodeNeighborMessage(bytesFromHex(`8800 0000 3fffffff ${target}`));
    expect(decoded).toEqual({
      ok: true,
      value: { kind: 'advertisement', target: ipv6('2001:db8::2'), flags: ['override'] },
    });
  });

  test('the other link address option is none of this message', () => {
    const decoded = decodeNeighborMessage(bytesFromHex(`${head} 02 01 02000000000a`));
    expect(decoded).toEqual({ ok: true, value: { kind: 'solicitation', target: ipv6('2001:db8::2') } });
  });
});

const macBits = fc.maxSafeNat().map((value) => (value % 2 ** 48) as MacBits);
const key = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(ipv6KeyOf);
const target = key.filter((value) => !isIpv6Multicast(value));
const link = fc.option(macBits, { nil: undefined }).map((bits) => (bits === undefined ? {} : { linkAddress: bits }));
const flags: fc.Arbitrary<readonly AdvertisementFlag[]> = fc.subarray(['router', 'solicited', 'override'] as const);
const message: fc.Arbitrary<NeighborMessage> = fc.oneof(
  fc.tuple(target, link).map(([to, at]) => ({ kind: 'solicitation' as const, target: to, ...at })),
  fc.tuple(target, link, flags).map(([of, at, set]) => ({
    kind: 'advertisement' as const,
    target: of,
    flags: set,
    ...at,
  })),
);

test('decoding undoes encoding', () => {
  fc.assert(
    fc.property(macBits, macBits, key, key, message, (destination, source, from, to, told) => {
      const envelope = { link: { destination, source }, source: from, destination: to };
      expect(decode(encodeNdpFrame(envelope, told))).toEqual({ envelope, message: told, hopLimit: 255 });
    }),
    { numRuns: 1000 },
  );
});
