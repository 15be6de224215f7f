import { describe, expect, test } from '@jest/globals';
import type { MacBits } from '../../../../src/runtime/protocols/ethernet/codec.ts';
import type { Ipv6Key } from '../../../../src/runtime/protocols/ip/ipv6.ts';
import { encodeNdpAnnouncement } from '../../../../src/runtime/protocols/ndp/announcement.ts';
import { encodeNdpFrame, type NeighborMessage } from '../../../../src/runtime/protocols/ndp/codec.ts';
import {
  NDP_DROP_REASONS,
  type NdpDropReason,
  type NdpTable,
  respondNdp,
} from '../../../../src/runtime/protocols/ndp/responder.ts';
import { bytesFromHex, mac } from '../../../support/arp-vectors.ts';
import { ipv6, readNdpVectors } from '../../../support/ndp-vectors.ts';

const ours = { name: 'eth0', mac: mac('02:00:00:00:00:0b') };
const client = mac('02:00:00:00:00:0a');
const announced = ipv6('2001:db8::2');
const elsewhere = ipv6('2001:db8::3');
const table: NdpTable = new Map([
  [announced, new Set(['eth0', 'eth1'])],
  [elsewhere, new Set(['eth1'])],
]);
const recorded = new Map(readNdpVectors().map((vector) => [vector.name, vector]));

function recordedFrame(name: string): Uint8Array {
  const frame = recorded.get(name)?.frame;
  if (frame === undefined) throw new Error(`no vector ${name}`);
  return frame;
}

interface Change {
  readonly destination?: string;
  readonly source?: string;
  readonly from?: string;
  readonly to?: string;
  readonly message?: {
    readonly kind?: NeighborMessage['kind'];
    readonly target?: Ipv6Key;
    readonly linkAddress?: MacBits | undefined;
  };
}

/** An ordinary solicitation for the announced address, but for what is changed. */
function solicitation(change: Change = {}): Uint8Array {
  const { linkAddress, ...rest } = { linkAddress: client, ...change.message };
  const message = { kind: 'solicitation', target: announced, flags: [], ...rest } as NeighborMessage;
  return encodeNdpFrame(
    {
      link: {
        destination: mac(change.destination ?? '33:33:ff:00:00:02'),
        source: mac(change.source ?? '02:00:00:00:00:0a'),
      },
      source: ipv6(change.from ?? '2001:db8::1'),
      destination: ipv6(change.to ?? 'ff02::1:ff00:2'),
    },
    linkAddress === undefined ? message : { ...message, linkAddress },
  );
}

/** The frame with other bytes from `at` on, and the checksum put right, wrong as the message may be. */
function patched(frame: Uint8Array, at: number, ...bytes: number[]): Uint8Array {
  const changed = frame.slice();
  changed.set(bytes, at);
  changed.set([0, 0], 56);
  const covered = [...changed.subarray(22, 54), 0, 0, 0, changed.length - 54, 0, 0, 0, 58, ...changed.subarray(54)];
  let sum = 0;
  for (let i = 0; i < covered.length; i += 2) sum += ((covered[i] ?? 0) << 8) + (covered[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  changed.set([(~sum >>> 8) & 0xff, ~sum & 0xff], 56);
  return changed;
}

function answerTo(frame: Uint8Array): string {
  const answer = respondNdp(frame, table, ours);
  if (answer.kind !== 'reply') throw new Error(answer.reason);
  expect(answer.ip).toBe(announced);
  return Buffer.from(answer.frame).toString('hex');
}

describe('answers', () => {
  test('RFC 4861 §7.2.4: to a solicitation by multicast as Linux answers, byte for byte', () => {
    const answer = respondNdp(recordedFrame('solicitation by multicast'), table, ours);
    expect(answer.kind === 'reply' && answer.frame).toEqual(recordedFrame('advertisement that answers it'));
  });

  test('RFC 4862 §5.4.3: to duplicate address detection as Linux answers, byte for byte', () => {
    const answer = respondNdp(recordedFrame('duplicate address detection, with a nonce'), table, ours);
    expect(answer.kind === 'reply' && answer.frame).toEqual(
      recordedFrame('advertisement that says the address is taken'),
    );
  });

  test('RFC 4861 §7.2.4: to a neighbour that confirms its entry by unicast: solicited, and with our link address', () => {
    const asked = recordedFrame('solicitation by unicast, confirming an entry');
    const told = recorded.get('advertisement that answers it, without a link address');
    if (told === undefined || told.message.kind !== 'advertisement') throw new Error('no such vector');
    const message = { ...told.message, flags: ['solicited', 'override'], linkAddress: ours.mac } as const;
    expect(answerTo(asked)).toBe(Buffer.from(encodeNdpFrame(told.envelope, message)).toString('hex'));
  });

  test('RFC 4861 §4.3: one by unicast need not say where to answer: back to where it came from', () => {
    const frame = solicitation({
      destination: '02:00:00:00:00:0b',
      to: '2001:db8::2',
      message: { linkAddress: undefined },
    });
    expect(answerTo(frame)).toMatch(/^02000000000a02000000000b86dd/);
  });

  test('the answer goes to the link address that the option tells', () => {
    const frame = solicitation({ message: { linkAddress: mac('02:00:00:00:00:0c') } });
    expect(answerTo(frame)).toMatch(/^02000000000c02000000000b86dd/);
  });

  test('RFC 6085: a solicitation to the group, in a frame to us alone', () => {
    expect(answerTo(solicitation({ destination: '02:00:00:00:00:0b' }))).toMatch(/^02000000000a/);
  });

  test('RFC 4861 §7.1.1: reserved bits mean nothing', () => {
    const reserved = patched(solicitation(), 58, 0xff, 0xff, 0xff, 0xff);
    expect(answerTo(reserved)).toBe(answerTo(solicitation()));
  });

  test('the router flag is never set, the override flag always', () => {
    const names = [
      'solicitation by multicast',
      'solicitation by unicast, confirming an entry',
      'duplicate address detection, with a nonce',
    ];
    expect(names.map((name) => answerTo(recordedFrame(name)).slice(116, 118))).toEqual(['60', '60', '20']);
  });

  test('RFC 4861 §7.2.6: the announcement is Linux’s own unsolicited advertisement', () => {
    expect(encodeNdpAnnouncement(announced, ours.mac)).toEqual([
      recordedFrame('advertisement that says the address is taken'),
    ]);
    expect(encodeNdpAnnouncement(ipv6('fe80::ff:fe00:b'), ours.mac)).toEqual([
      recordedFrame('unsolicited advertisement of a link-local address'),
    ]);
  });
});

describe('drops with a reason', () => {
  const probe = { from: '::', message: { linkAddress: undefined } };
  const padded = (hex: string) => Uint8Array.from([...solicitation(), ...bytesFromHex(hex)]);
  const rows: readonly { name: string; frame: Uint8Array; want: NdpDropReason }[] = [
    { name: 'nothing', frame: new Uint8Array(0), want: 'truncated' },
    { name: 'a cut-off Ethernet header', frame: solicitation().subarray(0, 13), want: 'truncated' },
    { name: 'a cut-off IPv6 header', frame: solicitation().subarray(0, 53), want: 'truncated' },
    { name: 'all but the last byte', frame: solicitation().subarray(0, 85), want: 'truncated' },
    { name: 'a payload of 0 bytes (a jumbogram)', frame: patched(solicitation(), 18, 0, 0), want: 'truncated' },
    { name: 'IPv4', frame: patched(solicitation(), 12, 0x08, 0x00), want: 'not-ndp' },
    { name: 'IP version 4 in IPv6’s clothes', frame: patched(solicitation(), 14, 0x45), want: 'not-ndp' },
    { name: 'UDP', frame: patched(solicitation(), 20, 17), want: 'not-ndp' },
    { name: 'RFC 6980: a fragment header before it', frame: patched(solicitation(), 20, 44), want: 'not-ndp' },
    { name: 'a router advertisement', frame: patched(solicitation(), 54, 134), want: 'not-ndp' },
    { name: 'an echo request', frame: patched(solicitation(), 54, 128), want: 'not-ndp' },
    {
      name: 'an advertisement',
      frame: solicitation({ message: { kind: 'advertisement' } }),
      want: 'not-a-solicitation',
    },
    { name: 'hop limit 254: from beyond the link', frame: patched(solicitation(), 21, 254), want: 'hop-limit' },
    { name: 'hop limit 0', frame: patched(solicitation(), 21, 0), want: 'hop-limit' },
    { name: 'a wrong checksum', frame: solicitation().fill(0, 56, 58), want: 'bad-checksum' },
    { name: 'another target than the checksum covers', frame: solicitation().fill(3, 77, 78), want: 'bad-checksum' },
    { name: 'code 1', frame: patched(solicitation(), 55, 1), want: 'malformed' },
    { name: 'a group as target', frame: patched(solicitation(), 62, 0xff), want: 'malformed' },
    { name: 'an option of length 0', frame: patched(solicitation(), 79, 0), want: 'malformed' },
    {
      name: 'a link address of 14 bytes',
      frame: patched(padded('0000000000000000').fill(2, 79, 80), 19, 40),
      want: 'malformed',
    },
    { name: 'a group as source', frame: solicitation({ from: 'ff02::1' }), want: 'malformed' },
    {
      name: 'a group as link address',
      frame: solicitation({ message: { linkAddress: mac('33:33:00:00:00:01') } }),
      want: 'malformed',
    },
    {
      name: 'a link address of zeros',
      frame: solicitation({ message: { linkAddress: mac('00:00:00:00:00:00') } }),
      want: 'malformed',
    },
    { name: 'a group as Ethernet source', frame: solicitation({ source: '33:33:00:00:00:01' }), want: 'malformed' },
    { name: 'a probe with a link address', frame: solicitation({ from: '::' }), want: 'malformed' },
    {
      name: 'a probe by unicast',
      frame: solicitation({ ...probe, destination: '02:00:00:00:00:0b', to: '2001:db8::2' }),
      want: 'malformed',
    },
    {
      name: 'to all nodes',
      frame: solicitation({ destination: '33:33:00:00:00:01', to: 'ff02::1' }),
      want: 'not-for-us',
    },
    { name: 'to another’s group', frame: solicitation({ to: 'ff02::1:ff00:3' }), want: 'not-for-us' },
    { name: 'in a broadcast frame', frame: solicitation({ destination: 'ff:ff:ff:ff:ff:ff' }), want: 'not-for-us' },
    {
      name: 'in a frame to another station',
      frame: solicitation({ destination: '02:00:00:00:00:0c' }),
      want: 'not-for-us',
    },
    { name: 'in another group’s frame', frame: solicitation({ destination: '33:33:ff:00:00:03' }), want: 'not-for-us' },
    {
      name: 'to the address, in the group’s frame',
      frame: solicitation({ to: '2001:db8::2' }),
      want: 'not-for-us',
    },
    {
      name: 'by multicast without a link address',
      frame: solicitation({ message: { linkAddress: undefined } }),
      want: 'no-link-address',
    },
    { name: 'our own, come back', frame: solicitation({ source: '02:00:00:00:00:0b' }), want: 'own-frame' },
    {
      name: 'our own probe, come back',
      frame: solicitation({ ...probe, source: '02:00:00:00:00:0b' }),
      want: 'own-frame',
    },
    {
      name: 'an address nobody announces',
      frame: solicitation({
        destination: '33:33:ff:00:00:09',
        to: 'ff02::1:ff00:9',
        message: { target: ipv6('2001:db8::9') },
      }),
      want: 'target-not-announced',
    },
    {
      name: 'an address of the same group as one that is announced',
      frame: solicitation({ message: { target: ipv6('2001:db8:1::2') } }),
      want: 'target-not-announced',
    },
    {
      name: 'an address announced on another interface',
      frame: solicitation({ destination: '33:33:ff:00:00:03', to: 'ff02::1:ff00:3', message: { target: elsewhere } }),
      want: 'wrong-interface',
    },
  ];

  test.each(rows)('$name: $want', ({ frame, want }) => {
    expect(respondNdp(frame, table, ours)).toEqual({ kind: 'drop', reason: want });
  });

  test('every reason is reached', () => {
    expect(new Set(rows.map(({ want }) => want))).toEqual(new Set(NDP_DROP_REASONS));
  });

  test('Ethernet padding behind the message is ignored', () => {
    expect(respondNdp(padded('00000000000000000000'), table, ours).kind).toBe('reply');
  });
});
