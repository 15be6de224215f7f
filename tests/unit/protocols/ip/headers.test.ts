import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compareIps, ipFromValue, parseIp } from '../../../../src/runtime/model/ip.ts';
import { macFromBits } from '../../../../src/runtime/protocols/ethernet/codec.ts';
import { fillChecksum, onesComplementSum } from '../../../../src/runtime/protocols/ip/checksum.ts';
import { decodeIpv4Header, encodeIpv4Header, isIpv4HostAddress } from '../../../../src/runtime/protocols/ip/ipv4.ts';
import {
  ALL_NODES,
  decodeIpv6Header,
  ethernetGroup,
  ipv6FromKey,
  ipv6KeyBytes,
  ipv6KeyOf,
  ipv6ToKey,
  isChecksumRight,
  isIpv6Multicast,
  solicitedNodeGroup,
  UNSPECIFIED,
} from '../../../../src/runtime/protocols/ip/ipv6.ts';
import { bytesFromHex, ipv4 } from '../../../support/arp-vectors.ts';
import { ipv6, readEchoVectors } from '../../../support/ndp-vectors.ts';

const vectors = readEchoVectors();

function vector(name: string): Uint8Array {
  const frame = vectors.get(name);
  if (frame === undefined) throw new Error(`no vector ${name}`);
  return frame;
}

const anyIpv6 = fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }).map((value) => ipFromValue('ipv6', value));

describe('IPv6 addresses as keys', () => {
  test('they name what the text names, and compare as the addresses do', () => {
    fc.assert(
      fc.property(anyIpv6, anyIpv6, (a, b) => {
        const [x, y] = [ipv6ToKey(a), ipv6ToKey(b)];
        expect(ipv6FromKey(x)).toBe(a);
        expect(ipv6KeyOf(ipv6KeyBytes(x))).toBe(x);
        expect(x < y).toBe(compareIps(a, b) < 0);
        expect(x === y).toBe(a === b);
      }),
      { numRuns: 1000 },
    );
  });

  test('an IPv4 address is a bug', () => {
    const ip = parseIp('192.0.2.1');
    expect(() => ip.ok && ipv6ToKey(ip.value)).toThrow('not an IPv6 address');
  });

  test.each([
    { address: '2001:db8::7', group: 'ff02::1:ff00:7', link: '33:33:ff:00:00:07' },
    { address: '4037::1:800:200e:8c6c', group: 'ff02::1:ff0e:8c6c', link: '33:33:ff:0e:8c:6c' },
    { address: 'fe80::abcd:ef01', group: 'ff02::1:ffcd:ef01', link: '33:33:ff:cd:ef:01' },
  ])('RFC 4291 §2.7.1, RFC 2464 §7: $address is solicited by $group, $link', ({ address, group, link }) => {
    expect(ipv6FromKey(solicitedNodeGroup(ipv6(address)))).toBe(group);
    expect(macFromBits(ethernetGroup(ipv6(group)))).toBe(link);
  });

  test('the well-known ones', () => {
    expect(ipv6FromKey(UNSPECIFIED)).toBe('::');
    expect(ipv6FromKey(ALL_NODES)).toBe('ff02::1');
    expect(['ff02::1', 'ff00::', 'fe80::1', '2001:db8::1', '::'].map((text) => isIpv6Multicast(ipv6(text)))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});

describe('the Internet checksum', () => {
  test('RFC 1071 §3: the example’s bytes', () => {
    expect(onesComplementSum(bytesFromHex('0001 f203 f4f5 f6f7'))).toBe(0xddf2);
  });

  test('an odd last byte counts as the upper half of a word', () => {
    expect(onesComplementSum(bytesFromHex('0001 f2'))).toBe(0xf201);
    expect(onesComplementSum(new Uint8Array(0))).toBe(0);
  });

  test('filled in, everything sums to 0xffff', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 2000 }), (bytes) => {
        bytes.set([0, 0], 2);
        fillChecksum(bytes, 2, onesComplementSum(bytes));
        expect([0xffff, 0]).toContain(onesComplementSum(bytes));
      }),
    );
  });
});

describe('IPv4 headers', () => {
  test('of a packet that Linux made', () => {
    expect(decodeIpv4Header(vector('ICMP echo request').subarray(14))).toEqual({
      ok: true,
      value: {
        headerBytes: 20,
        trafficClass: 0,
        totalBytes: 40,
        fragment: 'whole',
        timeToLive: 64,
        protocol: 1,
        source: ipv4('192.0.2.1'),
        destination: ipv4('192.0.2.2'),
      },
    });
  });

  test('encoded, they are what Linux makes of the same, but for the identification', () => {
    const theirs = vector('ICMP echo request').slice(14, 34);
    const ours = encodeIpv4Header({
      trafficClass: 0,
      timeToLive: 64,
      protocol: 1,
      source: ipv4('192.0.2.1'),
      destination: ipv4('192.0.2.2'),
      payloadBytes: 20,
    });
    expect(onesComplementSum(ours)).toBe(0xffff);
    for (const bytes of [theirs, ours]) bytes.fill(0, 4, 6).fill(0, 10, 12);
    expect(ours).toEqual(theirs);
  });

  const good = '45000028 1f7d4000 40019754 c0000201 c0000202';
  test.each([
    { name: 'empty', packet: '', kind: 'truncated' },
    { name: 'one byte short', packet: good.slice(0, -2), kind: 'truncated' },
    { name: 'version 6', packet: good.replace('45', '65'), kind: 'unsupported' },
    { name: 'a header of 16 bytes', packet: good.replace('45', '44'), kind: 'malformed' },
    { name: 'shorter in all than its header', packet: good.replace('0028', '0013'), kind: 'malformed' },
    { name: 'a wrong checksum', packet: good.replace('9754', '9755'), kind: 'malformed' },
    { name: 'options that are cut off', packet: good.replace('45', '46'), kind: 'truncated' },
  ])('$name: $kind', ({ packet, kind }) => {
    const decoded = decodeIpv4Header(bytesFromHex(packet));
    expect(decoded.ok ? undefined : decoded.error.kind).toBe(kind);
  });

  test('which addresses are hosts’', () => {
    const told = ['0.0.0.0', '0.1.2.3', '127.0.0.1', '192.0.2.1', '223.255.255.255', '224.0.0.1', '255.255.255.255'];
    expect(told.map((text) => isIpv4HostAddress(ipv4(text)))).toEqual([false, false, false, true, true, false, false]);
  });
});

describe('IPv6 headers', () => {
  test('of a packet that Linux made, and its payload’s checksum', () => {
    const packet = vector('ICMPv6 echo request').subarray(14);
    const header = decodeIpv6Header(packet);
    if (!header.ok) throw new Error(header.error.reason);
    expect(header.value).toEqual({
      trafficClass: 0,
      payloadBytes: 20,
      nextHeader: 58,
      hopLimit: 64,
      source: ipv6('2001:db8::1'),
      destination: ipv6('2001:db8::2'),
    });
    expect(isChecksumRight(header.value, packet.subarray(40))).toBe(true);
    expect(isChecksumRight({ ...header.value, source: ipv6('2001:db8::3') }, packet.subarray(40))).toBe(false);
  });

  test.each([
    { name: 'empty', bytes: 0, first: 0x60, kind: 'truncated' },
    { name: 'one byte short', bytes: 39, first: 0x60, kind: 'truncated' },
    { name: 'version 4', bytes: 40, first: 0x45, kind: 'unsupported' },
  ])('$name: $kind', ({ bytes, first, kind }) => {
    const packet = new Uint8Array(bytes);
    packet[0] = first;
    const decoded = decodeIpv6Header(packet);
    expect(decoded.ok ? undefined : decoded.error.kind).toBe(kind);
  });
});
