/**
 * The tests' own reader and writer of neighbour frames. All frames were captured by tcpdump between two hosts of a LAN
 * whose kernel is Linux 6.18: what it asked, answered, and announced by itself (arp_notify, ndisc_notify).
 */
import { describe, expect, test } from '@jest/globals';
import { bytesFromHex } from '../../support/arp-vectors.ts';
import { readNeighbourFrame, writeSolicitation } from '../../support/neighbour-frames.ts';
import { ip } from '../../support/views.ts';

const SOLICITATION =
  '3333ff00000a02000000000b86dd6000000000203aff20010db800000000000000000000000bff0200000000000000000001ff00000a' +
  '87001c030000000020010db800000000000000000000000a010102000000000b';
const ANSWER_V6 =
  '02000000000b02000000000a86dd6000000000203aff20010db800000000000000000000000a20010db800000000000000000000000b' +
  '88008a4f6000000020010db800000000000000000000000a020102000000000a';
const ANNOUNCED_V6 =
  '33330000000102000000000c86dd6000000000203aff20010db800000000000000000000000aff020000000000000000000000000001' +
  '8800f90d2000000020010db800000000000000000000000a020102000000000c';
const REQUEST_V4 = 'ffffffffffff02000000000b0806000108000604000102000000000bc000020b000000000000c000020a';
const ANSWER_V4 = '02000000000b02000000000a0806000108000604000202000000000ac000020a02000000000bc000020b';
const ANNOUNCED_V4 = 'ffffffffffff02000000000c0806000108000604000102000000000cc000020a000000000000c000020a';
const ROUTER_SOLICITATION =
  '33330000000202000000000a86dd6000000000103afffe8000000000000000000fffe00000aff020000000000000000000000000002' +
  '85007b1a00000000010102000000000a';

const a = '02:00:00:00:00:0a';
const c = '02:00:00:00:00:0c';

describe('who claims what', () => {
  const rows = [
    {
      name: 'an ARP answer',
      given: ANSWER_V4,
      want: { kind: 'arp-reply', ip: '192.0.2.10', mac: a, source: a, gratuitous: false },
    },
    {
      name: 'a gratuitous ARP request',
      given: ANNOUNCED_V4,
      want: { kind: 'arp-request', ip: '192.0.2.10', mac: c, source: c, gratuitous: true },
    },
    {
      name: 'an ARP request claims the asker’s own address',
      given: REQUEST_V4,
      want: {
        kind: 'arp-request',
        ip: '192.0.2.11',
        mac: '02:00:00:00:00:0b',
        source: '02:00:00:00:00:0b',
        gratuitous: false,
      },
    },
    {
      name: 'a solicited advertisement',
      given: ANSWER_V6,
      want: {
        kind: 'advertisement',
        ip: '2001:db8::a',
        mac: a,
        source: a,
        gratuitous: false,
        flags: { router: false, solicited: true, override: true },
      },
    },
    {
      name: 'an unsolicited advertisement',
      given: ANNOUNCED_V6,
      want: {
        kind: 'advertisement',
        ip: '2001:db8::a',
        mac: c,
        source: c,
        gratuitous: true,
        flags: { router: false, solicited: false, override: true },
      },
    },
    { name: 'a solicitation claims nothing', given: SOLICITATION, want: undefined },
    { name: 'nor does a router solicitation', given: ROUTER_SOLICITATION, want: undefined },
    {
      name: 'nor does an ARP probe',
      given: REQUEST_V4.replace('c000020b000000000000', '00000000000000000000'),
      want: undefined,
    },
    { name: 'a frame cut short', given: ANSWER_V6.slice(0, 100), want: undefined },
    { name: 'no frame at all', given: '', want: undefined },
  ];
  test.each(rows)('$name', ({ given, want }) => {
    expect(readNeighbourFrame(bytesFromHex(given))).toEqual(want);
  });
});

test('a solicitation is the kernel’s own, byte for byte, its checksum included', () => {
  const frame = writeSolicitation({ mac: '02:00:00:00:00:0b', ip: ip('2001:db8::b') }, ip('2001:db8::a'));
  expect(Buffer.from(frame).toString('hex')).toBe(SOLICITATION);
});
