/** Both echo responders: what Linux answers they answer alike, and what they must not they drop with a reason. */
import { describe, expect, test } from '@jest/globals';
import { after, instant } from '../../../../src/runtime/model/time.ts';
import { ECHO_DROP_REASONS, type EchoDropReason } from '../../../../src/runtime/protocols/echo/answer.ts';
import { respondIcmpEcho } from '../../../../src/runtime/protocols/echo/icmp.ts';
import { respondIcmpv6Echo } from '../../../../src/runtime/protocols/echo/icmpv6.ts';
import { EchoRateLimit } from '../../../../src/runtime/protocols/echo/rate-limit.ts';
import { onesComplementSum } from '../../../../src/runtime/protocols/ip/checksum.ts';
import { ipv4, mac } from '../../../support/arp-vectors.ts';
import { ipv6, readEchoVectors } from '../../../support/ndp-vectors.ts';

const ours = { name: 'eth0', mac: mac('02:00:00:00:00:0b') };
const vectors = readEchoVectors();
const table4 = new Map([
  [ipv4('192.0.2.2'), new Set(['eth0'])],
  [ipv4('192.0.2.3'), new Set(['eth1'])],
]);
const table6 = new Map([
  [ipv6('2001:db8::2'), new Set(['eth0'])],
  [ipv6('2001:db8::3'), new Set(['eth1'])],
]);

function vector(name: string): Uint8Array {
  const frame = vectors.get(name);
  if (frame === undefined) throw new Error(`no vector ${name}`);
  return frame.slice();
}

function setSum(bytes: Uint8Array, at: number, sum: number): void {
  bytes[at] = (~sum >>> 8) & 0xff;
  bytes[at + 1] = ~sum & 0xff;
}

/** The frame with other bytes from `at` on, and all its checksums put right. */
function icmp(at: number, ...bytes: number[]): Uint8Array {
  const frame = vector('ICMP echo request');
  frame.set(bytes, at);
  setSum(frame.fill(0, 24, 26), 24, onesComplementSum(frame.subarray(14, 34)));
  setSum(frame.fill(0, 36, 38), 36, onesComplementSum(frame.subarray(34)));
  return frame;
}

function icmpv6(at: number, ...bytes: number[]): Uint8Array {
  const frame = vector('ICMPv6 echo request');
  frame.set(bytes, at);
  const pseudo = onesComplementSum(frame.subarray(22, 54), frame.length - 54 + 58);
  setSum(frame.fill(0, 56, 58), 56, onesComplementSum(frame.subarray(54), pseudo));
  return frame;
}

/** A request with so much data that the packet has so many bytes. */
function long(frame: Uint8Array, packetBytes: number): Uint8Array {
  const padded = new Uint8Array(14 + packetBytes);
  padded.set(frame);
  return padded;
}

describe('answers', () => {
  test('RFC 792: identifier, sequence number and data come back, as from Linux but for the header’s identification', () => {
    const answer = respondIcmpEcho(vector('ICMP echo request'), table4, ours);
    if (answer.kind !== 'reply') throw new Error(answer.reason);
    expect(answer.ip).toBe(ipv4('192.0.2.2'));
    expect(onesComplementSum(answer.frame.subarray(14, 34))).toBe(0xffff);
    const [got, want] = [answer.frame.slice(), vector('ICMP echo reply')];
    // Identification and "do not fragment", and the checksum over them.
    for (const frame of [got, want]) frame.fill(0, 18, 22).fill(0, 24, 26);
    expect(got).toEqual(want);
  });

  test('RFC 4443 §4.2: likewise, but for the flow label', () => {
    const answer = respondIcmpv6Echo(vector('ICMPv6 echo request'), table6, ours);
    if (answer.kind !== 'reply') throw new Error(answer.reason);
    expect(answer.ip).toBe(ipv6('2001:db8::2'));
    const [got, want] = [answer.frame.slice(), vector('ICMPv6 echo reply')];
    for (const frame of [got, want]) frame.fill(0, 15, 18);
    expect(got).toEqual(want);
  });

  test('the padding of a short frame is not taken for data', () => {
    const frame = Uint8Array.from([...vector('ICMP echo request'), 1, 2, 3]);
    const answer = respondIcmpEcho(frame, table4, ours);
    expect(answer.kind === 'reply' && answer.frame.length).toBe(54);
  });
});

describe('drops with a reason', () => {
  const rows: readonly { name: string; family: 4 | 6; frame: Uint8Array; want: EchoDropReason }[] = [
    { name: 'nothing', family: 4, frame: new Uint8Array(0), want: 'truncated' },
    { name: 'nothing', family: 6, frame: new Uint8Array(0), want: 'truncated' },
    { name: 'all but the last byte', family: 4, frame: vector('ICMP echo request').subarray(0, 53), want: 'truncated' },
    {
      name: 'all but the last byte',
      family: 6,
      frame: vector('ICMPv6 echo request').subarray(0, 73),
      want: 'truncated',
    },
    { name: 'a message of 4 bytes', family: 4, frame: icmp(16, 0, 24), want: 'truncated' },
    { name: 'a message of 4 bytes', family: 6, frame: icmpv6(18, 0, 4), want: 'truncated' },
    { name: 'ARP', family: 4, frame: icmp(12, 8, 6), want: 'not-echo' },
    { name: 'IPv4', family: 6, frame: icmpv6(12, 8, 0), want: 'not-echo' },
    { name: 'UDP', family: 4, frame: icmp(23, 17), want: 'not-echo' },
    { name: 'UDP', family: 6, frame: icmpv6(20, 17), want: 'not-echo' },
    { name: 'a reply', family: 4, frame: icmp(34, 0), want: 'not-echo' },
    { name: 'a reply', family: 6, frame: icmpv6(54, 129), want: 'not-echo' },
    { name: 'with IP options', family: 4, frame: withOptions(), want: 'not-echo' },
    { name: 'with a hop-by-hop header', family: 6, frame: icmpv6(20, 0), want: 'not-echo' },
    { name: 'the first part of a packet', family: 4, frame: icmp(20, 0x20, 0), want: 'fragment' },
    { name: 'the last part of a packet', family: 4, frame: icmp(20, 0, 1), want: 'fragment' },
    { name: 'a part of a packet', family: 6, frame: icmpv6(20, 44), want: 'fragment' },
    { name: 'to another address', family: 4, frame: icmp(33, 9), want: 'target-not-announced' },
    { name: 'to another address', family: 6, frame: icmpv6(53, 9), want: 'target-not-announced' },
    { name: 'to all', family: 4, frame: icmp(30, 255, 255, 255, 255), want: 'target-not-announced' },
    { name: 'to an address of another interface', family: 4, frame: icmp(33, 3), want: 'wrong-interface' },
    { name: 'to an address of another interface', family: 6, frame: icmpv6(53, 3), want: 'wrong-interface' },
    { name: 'in a broadcast frame', family: 4, frame: icmp(0, 255, 255, 255, 255, 255, 255), want: 'not-for-us' },
    { name: 'in a group’s frame', family: 6, frame: icmpv6(0, 0x33, 0x33), want: 'not-for-us' },
    { name: 'our own, come back', family: 4, frame: icmp(11, 0x0b), want: 'own-frame' },
    { name: 'our own, come back', family: 6, frame: icmpv6(11, 0x0b), want: 'own-frame' },
    { name: '1,501 bytes', family: 4, frame: sized4(1501), want: 'too-long' },
    { name: '1,501 bytes', family: 6, frame: sized6(1501), want: 'too-long' },
    { name: 'code 1', family: 4, frame: icmp(35, 1), want: 'malformed' },
    { name: 'code 1', family: 6, frame: icmpv6(55, 1), want: 'malformed' },
    { name: 'from a group', family: 4, frame: icmp(26, 224), want: 'malformed' },
    { name: 'from a group', family: 6, frame: icmpv6(22, 0xff), want: 'malformed' },
    { name: 'from a group’s MAC', family: 4, frame: icmp(6, 3), want: 'malformed' },
    { name: 'from a group’s MAC', family: 6, frame: icmpv6(6, 3), want: 'malformed' },
    { name: 'from 0.0.0.0', family: 4, frame: icmp(26, 0, 0, 0, 0), want: 'malformed' },
    { name: 'from ::', family: 6, frame: icmpv6(22, ...new Uint8Array(16)), want: 'malformed' },
    {
      name: 'a wrong header checksum',
      family: 4,
      frame: vector('ICMP echo request').fill(0, 24, 26),
      want: 'malformed',
    },
    { name: 'a wrong checksum', family: 4, frame: vector('ICMP echo request').fill(0, 36, 38), want: 'malformed' },
    { name: 'a wrong checksum', family: 6, frame: vector('ICMPv6 echo request').fill(0, 56, 58), want: 'malformed' },
  ];

  function withOptions(): Uint8Array {
    const frame = vector('ICMP echo request');
    const longer = Uint8Array.from([...frame.subarray(0, 34), 1, 1, 1, 1, ...frame.subarray(34)]);
    longer.set([0x46, 0, 0, 44], 14);
    setSum(longer.fill(0, 24, 26), 24, onesComplementSum(longer.subarray(14, 38)));
    return longer;
  }

  function sized4(bytes: number): Uint8Array {
    const frame = long(icmp(16, bytes >> 8, bytes & 255), bytes);
    return frame;
  }

  function sized6(bytes: number): Uint8Array {
    return long(icmpv6(18, (bytes - 40) >> 8, (bytes - 40) & 255), bytes);
  }

  test.each(rows)('IPv$family: $name: $want', ({ family, frame, want }) => {
    const answer = family === 4 ? respondIcmpEcho(frame, table4, ours) : respondIcmpv6Echo(frame, table6, ours);
    expect(answer).toEqual({ kind: 'drop', reason: want });
  });

  test('every reason is reached, but for the rate limit, which is another’s', () => {
    const reached = new Set<EchoDropReason>(rows.map(({ want }) => want)).add('rate-limited');
    expect(reached).toEqual(new Set(ECHO_DROP_REASONS));
  });

  test('1,500 bytes are answered with as many', () => {
    const asked = sized4(1500);
    const answer = respondIcmpEcho(asked, table4, ours);
    expect(answer.kind === 'reply' && answer.frame.length).toBe(1514);
  });
});

test('the rate limit: a burst of 200, then 1,000 a second', () => {
  const limit = new EchoRateLimit();
  const granted = (now: number, tries: number) =>
    Array.from({ length: tries }, () => limit.take(after(instant(0), now))).filter((word) => word === 'granted').length;
  expect(granted(0, 1000)).toBe(200);
  expect(granted(50, 1000)).toBe(50);
  expect(granted(60_000, 1000)).toBe(200);
});
