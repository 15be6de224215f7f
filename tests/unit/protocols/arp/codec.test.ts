import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type ArpPacket, decodeArpPacket, encodeArpFrame } from '../../../../src/runtime/protocols/arp/codec.ts';
import {
  decodeEthernetHeader,
  ETHER_TYPE_ARP,
  ETHERNET_HEADER_BYTES,
  type MacBits,
} from '../../../../src/runtime/protocols/ethernet/codec.ts';
import { type Ipv4Bits, ipv4FromBits, ipv4ToBits } from '../../../../src/runtime/protocols/ip/ipv4.ts';
import { bytesFromHex, ipv4, readArpVectors } from '../../../support/arp-vectors.ts';

const vectors = readArpVectors();

describe(`${vectors.length} frames made by others`, () => {
  test.each(vectors)('decodes $name', ({ frame, link, packet }) => {
    expect(decodeEthernetHeader(frame)).toEqual({ ok: true, value: { ...link, etherType: ETHER_TYPE_ARP } });
    expect(decodeArpPacket(frame.subarray(ETHERNET_HEADER_BYTES))).toEqual({ ok: true, value: packet });
  });

  test.each(vectors)('encodes $name byte for byte, but for its padding', ({ frame, link, packet, paddingBytes }) => {
    expect(encodeArpFrame(link, packet)).toEqual(frame.slice(0, frame.length - paddingBytes));
  });
});

describe('bad packets', () => {
  const good = '0001 0800 06 04 0001 02000000000a c0000201 000000000000 c0000202';

  test.each([
    { name: 'empty', packet: '', kind: 'truncated', offset: 0 },
    { name: 'one byte short', packet: good.slice(0, -2), kind: 'truncated', offset: 24 },
    { name: 'cut off inside the sender', packet: '0001 0800 06 04 0001 0200', kind: 'truncated', offset: 8 },
    { name: 'hardware type IEEE 802', packet: `0006${good.slice(4)}`, kind: 'unsupported', offset: 2 },
    { name: 'protocol type IPv6', packet: good.replace('0800', '86dd'), kind: 'unsupported', offset: 4 },
    { name: 'hardware addresses of 8 bytes', packet: good.replace(' 06 ', ' 08 '), kind: 'unsupported', offset: 5 },
    { name: 'protocol addresses of 16 bytes', packet: good.replace(' 04 ', ' 10 '), kind: 'unsupported', offset: 6 },
  ])('$name: $kind at $offset', ({ packet, kind, offset }) => {
    const decoded = decodeArpPacket(bytesFromHex(packet));
    expect(decoded.ok ? undefined : decoded.error).toMatchObject({ what: 'ARP packet', kind, offset });
  });

  test('the reason names the field and both values', () => {
    const decoded = decodeArpPacket(bytesFromHex(`0006${good.slice(4)}`));
    expect(decoded.ok ? undefined : decoded.error.reason).toBe('hardware type 6, only 1 is spoken');
  });
});

const macBits = fc.maxSafeNat().map((value) => (value % 2 ** 48) as MacBits);
const ipBits = fc.nat(0xffffffff) as fc.Arbitrary<number> as fc.Arbitrary<Ipv4Bits>;
const arpPacket: fc.Arbitrary<ArpPacket> = fc.record({
  operation: fc.nat(0xffff),
  senderMac: macBits,
  senderIp: ipBits,
  targetMac: macBits,
  targetIp: ipBits,
});

test('decoding undoes encoding', () => {
  fc.assert(
    fc.property(macBits, macBits, arpPacket, (destination, source, packet) => {
      const frame = encodeArpFrame({ destination, source }, packet);
      expect(decodeEthernetHeader(frame)).toMatchObject({ ok: true, value: { destination, source } });
      expect(decodeArpPacket(frame.subarray(ETHERNET_HEADER_BYTES))).toEqual({ ok: true, value: packet });
    }),
    { numRuns: 1000 },
  );
});

test('an IPv4 address and its number name the same', () => {
  expect(ipv4('192.0.2.1')).toBe(0xc0000201);
  fc.assert(fc.property(ipBits, (bits) => expect(ipv4ToBits(ipv4FromBits(bits))).toBe(bits)));
});
