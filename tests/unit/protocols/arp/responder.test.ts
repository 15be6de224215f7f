import { describe, expect, test } from '@jest/globals';
import { decodeArpPacket, encodeArpFrame } from '../../../../src/runtime/protocols/arp/codec.ts';
import {
  ARP_DROP_REASONS,
  type ArpDropReason,
  type ArpTable,
  respondArp,
} from '../../../../src/runtime/protocols/arp/responder.ts';
import {
  BROADCAST_BITS,
  decodeEthernetHeader,
  ETHERNET_HEADER_BYTES,
  type MacBits,
} from '../../../../src/runtime/protocols/ethernet/codec.ts';
import type { Ipv4Bits } from '../../../../src/runtime/protocols/ip/ipv4.ts';
import { ipv4, mac, readArpVectors } from '../../../support/arp-vectors.ts';

const ours = { name: 'eth0', mac: mac('02:00:00:00:00:0b') };
const client = mac('02:00:00:00:00:0a');
const announced = ipv4('192.0.2.2');
const elsewhere = ipv4('192.0.2.3');
const table: ArpTable = new Map([
  [announced, new Set(['eth0', 'eth1'])],
  [elsewhere, new Set(['eth1'])],
]);

interface Change {
  readonly destination?: MacBits;
  readonly operation?: number;
  readonly senderMac?: MacBits;
  readonly senderIp?: Ipv4Bits;
  readonly targetIp?: Ipv4Bits;
}

/** An ordinary request for the announced address, but for what is changed. */
function request(change: Change = {}): Uint8Array {
  const { destination = BROADCAST_BITS, ...packet } = change;
  return encodeArpFrame(
    { destination, source: client },
    {
      operation: 1,
      senderMac: client,
      senderIp: ipv4('192.0.2.1'),
      targetMac: mac('00:00:00:00:00:00'),
      targetIp: announced,
      ...packet,
    },
  );
}

function withBytes(frame: Uint8Array, at: number, ...bytes: number[]): Uint8Array {
  const changed = frame.slice();
  changed.set(bytes, at);
  return changed;
}

describe('answers', () => {
  test.each([
    { name: 'a request by broadcast', frame: request(), senderIp: ipv4('192.0.2.1') },
    { name: 'a request by unicast to our MAC', frame: request({ destination: ours.mac }), senderIp: ipv4('192.0.2.1') },
    {
      name: 'RFC 5227 §2.1.1: an address probe, sender 0.0.0.0',
      frame: request({ senderIp: ipv4('0.0.0.0') }),
      senderIp: ipv4('0.0.0.0'),
    },
    {
      name: 'a request from outside the subnet',
      frame: request({ senderIp: ipv4('203.0.113.9') }),
      senderIp: ipv4('203.0.113.9'),
    },
    {
      name: 'a gratuitous request of another host: it learns of the conflict',
      frame: request({ senderIp: announced }),
      senderIp: announced,
    },
    {
      name: 'a padded frame',
      frame: Uint8Array.from([...request(), ...new Uint8Array(18)]),
      senderIp: ipv4('192.0.2.1'),
    },
  ])('$name', ({ frame, senderIp }) => {
    const answer = respondArp(frame, table, ours);
    if (answer.kind !== 'reply') throw new Error(answer.reason);
    expect(answer.ip).toBe(announced);
    expect(decodeEthernetHeader(answer.frame)).toMatchObject({ value: { destination: client, source: ours.mac } });
    expect(decodeArpPacket(answer.frame.subarray(ETHERNET_HEADER_BYTES))).toEqual({
      ok: true,
      value: { operation: 2, senderMac: ours.mac, senderIp: announced, targetMac: client, targetIp: senderIp },
    });
  });

  test('the kernel would have answered its own requests with the same bytes', () => {
    const recorded = readArpVectors().filter(({ name }) => name.startsWith('linux-kernel'));
    const find = (what: string) => recorded.find(({ name }) => name.endsWith(what))?.frame;
    const asked = find('request by broadcast');
    const answer = asked && respondArp(asked, table, ours);
    expect(answer && answer.kind === 'reply' && answer.frame).toEqual(find(': reply'));
  });
});

describe('drops with a reason', () => {
  const rows: readonly { name: string; frame: Uint8Array; want: ArpDropReason }[] = [
    { name: 'nothing', frame: new Uint8Array(0), want: 'truncated' },
    { name: 'a cut-off Ethernet header', frame: request().subarray(0, 13), want: 'truncated' },
    { name: 'a header alone', frame: request().subarray(0, 14), want: 'truncated' },
    { name: 'all but the last byte', frame: request().subarray(0, 41), want: 'truncated' },
    { name: 'IPv4', frame: withBytes(request(), 12, 0x08, 0x00), want: 'not-arp' },
    { name: 'a frame with a length field', frame: withBytes(request(), 12, 0x00, 0x1c), want: 'not-arp' },
    { name: 'RARP', frame: withBytes(request(), 12, 0x80, 0x35), want: 'not-arp' },
    { name: 'to another station', frame: request({ destination: mac('02:00:00:00:00:0c') }), want: 'not-for-us' },
    { name: 'to a group', frame: request({ destination: mac('01:00:5e:00:00:01') }), want: 'not-for-us' },
    { name: 'hardware type 6', frame: withBytes(request(), 14, 0, 6), want: 'not-ethernet-ipv4' },
    { name: 'protocol type IPv6', frame: withBytes(request(), 16, 0x86, 0xdd), want: 'not-ethernet-ipv4' },
    { name: 'hardware addresses of 8 bytes', frame: withBytes(request(), 18, 8), want: 'not-ethernet-ipv4' },
    { name: 'protocol addresses of no bytes', frame: withBytes(request(), 19, 0), want: 'not-ethernet-ipv4' },
    { name: 'a reply', frame: request({ operation: 2 }), want: 'not-a-request' },
    { name: 'operation 0', frame: request({ operation: 0 }), want: 'not-a-request' },
    {
      name: 'operation 257: its low byte alone would be a request',
      frame: request({ operation: 257 }),
      want: 'not-a-request',
    },
    { name: 'sender MAC broadcast', frame: request({ senderMac: BROADCAST_BITS }), want: 'malformed' },
    { name: 'sender MAC a group', frame: request({ senderMac: mac('01:00:5e:00:00:01') }), want: 'malformed' },
    { name: 'sender MAC zero', frame: request({ senderMac: mac('00:00:00:00:00:00') }), want: 'malformed' },
    { name: 'our own announcement', frame: request({ senderMac: ours.mac, senderIp: announced }), want: 'own-frame' },
    {
      name: 'an address nobody announces',
      frame: request({ targetIp: ipv4('192.0.2.9') }),
      want: 'target-not-announced',
    },
    { name: '0.0.0.0', frame: request({ targetIp: ipv4('0.0.0.0') }), want: 'target-not-announced' },
    {
      name: 'an address announced on another interface',
      frame: request({ targetIp: elsewhere }),
      want: 'wrong-interface',
    },
  ];

  test.each(rows)('$name: $want', ({ frame, want }) => {
    expect(respondArp(frame, table, ours)).toEqual({ kind: 'drop', reason: want });
  });

  test('every reason is reached', () => {
    expect(new Set(rows.map(({ want }) => want))).toEqual(new Set(ARP_DROP_REASONS));
  });
});
