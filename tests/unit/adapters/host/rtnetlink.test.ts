/** The rtnetlink codec and the inventory it feeds, on what a kernel really said (tests/vectors/rtnetlink). */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { InterfaceInventory } from '../../../../src/runtime/adapters/host/interface-inventory.ts';
import {
  decodeNetlink,
  encodeDumpRequest,
  type NetlinkMessage,
  RTM_GETLINK,
} from '../../../../src/runtime/adapters/host/rtnetlink-codec.ts';
import type { HostInterface } from '../../../../src/runtime/engine/network-ports.ts';
import { seededDice } from '../../../support/dice.ts';

const file = path.resolve(import.meta.dirname, '../../../vectors/rtnetlink/linux-kernel.json');
const { recordings } = JSON.parse(readFileSync(file, 'utf8')) as { recordings: Record<string, string[]> };

function datagrams(recording: string): Uint8Array[] {
  const found = recordings[recording] ?? [];
  if (found.length === 0) throw new Error(`no recording "${recording}" in ${file}`);
  return found.map((hex) => Uint8Array.from(Buffer.from(hex, 'hex')));
}

function messages(recording: string): NetlinkMessage[] {
  return datagrams(recording).flatMap((datagram) => {
    const decoded = decodeNetlink(datagram, true);
    if (!decoded.ok) throw new Error(decoded.error);
    return decoded.value;
  });
}

function feed(inventory: InterfaceInventory, ...all: string[]): readonly HostInterface[] {
  for (const message of all.flatMap(messages)) if ('index' in message) inventory.apply(message);
  return inventory.current();
}

/** "eth0 running …" */
function told(interfaces: readonly HostInterface[]): string[] {
  return interfaces.map(({ name, mac, running, broadcast, arp, masterIndex, addresses }) =>
    [
      name,
      mac ?? 'no-mac',
      ...(running ? ['running'] : []),
      ...(broadcast ? ['broadcast'] : []),
      ...(arp ? ['arp'] : []),
      ...(masterIndex === undefined ? [] : ['port']),
      ...addresses.filter((address) => !address.startsWith('fe80:')),
    ].join(' '),
  );
}

describe('what a kernel said', () => {
  test('a dump of links and addresses', () => {
    expect(told(feed(new InterfaceInventory(), 'links', 'addresses'))).toEqual([
      'lo no-mac running arp 127.0.0.1/8 ::1/128',
      'port0 02:00:00:00:00:0a running broadcast arp port',
      'eth0 02:00:00:00:00:0b running broadcast arp 192.0.2.2/24 2001:db8::2/64',
      'br0 02:00:00:00:00:01 running broadcast arp 198.51.100.1/32',
    ]);
    expect(messages('links').at(-1)).toEqual({ kind: 'done', sequence: 1 });
    expect(messages('addresses').at(-1)).toEqual({ kind: 'done', sequence: 2 });
  });

  test('events: a port leaves its bridge, an address goes, an interface goes', () => {
    const inventory = new InterfaceInventory();
    feed(inventory, 'links', 'addresses');
    const find = (name: string) => told(inventory.current()).find((line) => line.startsWith(name));
    feed(inventory, 'port leaves bridge');
    expect(find('port0')).toBe('port0 02:00:00:00:00:0a running broadcast arp');
    feed(inventory, 'address removed');
    expect(find('eth0')).toBe('eth0 02:00:00:00:00:0b running broadcast arp 2001:db8::2/64');
    feed(inventory, 'interface removed');
    expect(find('eth0')).toBeUndefined();
  });

  test('hearing the same again leaves the very same array', () => {
    const inventory = new InterfaceInventory();
    expect(feed(inventory, 'links', 'addresses')).toBe(feed(inventory, 'links', 'addresses'));
  });

  test('what a new dump does not mention is gone when it ends', () => {
    const inventory = new InterfaceInventory();
    feed(inventory, 'links', 'addresses');
    inventory.beginDump();
    for (const message of messages('links')) {
      if (message.kind === 'link' && message.name !== 'br0') inventory.apply(message);
    }
    expect(inventory.current()).toHaveLength(4);
    inventory.endDump();
    expect(told(inventory.current())).toEqual([
      'lo no-mac running arp',
      'port0 02:00:00:00:00:0a running broadcast arp port',
      'eth0 02:00:00:00:00:0b running broadcast arp',
    ]);
  });
});

describe('default routes', () => {
  const gatewaysIn = (recording: string) =>
    messages(recording).flatMap((message) => (message.kind === 'default-route' ? [message.gateways] : []));

  test('IPv4: of every table; several next hops, a gateway of the other family, none at all; no unreachable one', () => {
    expect(gatewaysIn('IPv4 routes')).toEqual([['192.0.2.253'], ['192.0.2.1', '192.0.2.254'], ['2001:db8::1'], []]);
    expect(messages('IPv4 routes').at(-1)).toEqual({ kind: 'done', sequence: 1 });
  });

  test('IPv6', () => {
    expect(gatewaysIn('IPv6 routes')).toEqual([['2001:db8::1'], ['fe80::1']]);
    expect(messages('IPv6 routes').at(-1)).toEqual({ kind: 'done', sequence: 2 });
  });

  test('a next hop whose length does not fit is an error', () => {
    const [dump = new Uint8Array()] = datagrams('IPv4 routes').map((datagram) => datagram.slice());
    const text = Buffer.from(dump).toString('hex');
    // RTA_MULTIPATH with two hops of 16 bytes, the first of them made 200 long.
    const at = text.indexOf('240009001000') / 2;
    expect(at).toBeGreaterThan(0);
    dump[at + 4] = 200;
    expect(decodeNetlink(dump, true)).toMatchObject({
      ok: false,
      error: expect.stringMatching(/next hop at \d+: length 200 does not fit/),
    });
  });
});

describe('bad datagrams', () => {
  const [link = new Uint8Array()] = datagrams('links');
  const changed = (at: number, ...bytes: number[]) => {
    const copy = link.slice();
    copy.set(bytes, at);
    return copy;
  };

  test.each([
    { name: 'a cut-off header', datagram: link.subarray(0, 15), want: 'netlink header at 0 is cut off' },
    {
      name: 'a message longer than the datagram',
      datagram: link.subarray(0, 100),
      want: /length \d+ does not fit the 100 bytes left/,
    },
    { name: 'a message of length 0', datagram: changed(0, 0, 0, 0, 0), want: /length 0 does not fit/ },
    { name: 'an attribute of length 0', datagram: changed(32, 0, 0), want: /attribute at 32: length 0 does not fit/ },
    {
      name: 'an attribute longer than its message',
      datagram: changed(32, 0xff, 0xff),
      want: /attribute at 32: length 65535/,
    },
    { name: 'a body that is cut off', datagram: changed(0, 20, 0, 0, 0).subarray(0, 20), want: /its body is cut off/ },
  ])('$name', ({ datagram, want }) => {
    const decoded = decodeNetlink(datagram, true);
    expect(decoded.ok ? 'decoded' : decoded.error).toMatch(want);
  });

  test('50,000 mutations and cuts never throw', () => {
    const roll = seededDice(7);
    const all = Object.keys(recordings).flatMap(datagrams);
    expect(all.length).toBeGreaterThan(10);
    for (let count = 0; count < 50_000; count++) {
      const copy = (all[roll(all.length)] ?? link).slice(0, 1 + roll(400));
      for (let mutations = roll(4); mutations > 0; mutations--) copy[roll(copy.length)] = roll(256);
      decodeNetlink(copy, roll(8) !== 0);
    }
  });
});

describe('control messages', () => {
  /** A message of the given type and flags, with its body as 32-bit words. */
  function message(type: number, flags: number, ...body: number[]): Uint8Array {
    const view = new DataView(new ArrayBuffer(16 + 4 * body.length));
    view.setUint32(0, view.byteLength, true);
    view.setUint16(4, type, true);
    view.setUint16(6, flags, true);
    view.setUint32(8, 9, true);
    for (const [index, word] of body.entries()) view.setInt32(16 + 4 * index, word, true);
    return new Uint8Array(view.buffer);
  }

  test.each([
    { name: 'NLMSG_ERROR', bytes: message(2, 0, -16), want: [{ kind: 'error', sequence: 9, errno: 16 }] },
    { name: 'an acknowledgement', bytes: message(2, 0, 0), want: [{ kind: 'error', sequence: 9, errno: 0 }] },
    { name: 'NLMSG_OVERRUN', bytes: message(4, 0), want: [{ kind: 'overrun' }] },
    {
      name: 'a disturbed dump',
      bytes: message(3, 0x12),
      want: [{ kind: 'interrupted' }, { kind: 'done', sequence: 9 }],
    },
    { name: 'RTM_NEWROUTE', bytes: message(24, 0, 0, 0, 0), want: [{ kind: 'other', type: 24 }] },
    { name: 'a bridge telling of its port', bytes: message(17, 0, 7, 3, 0, 0), want: [{ kind: 'other', type: 17 }] },
    { name: 'an address of another family', bytes: message(20, 0, 35, 3), want: [{ kind: 'other', type: 20 }] },
  ])('$name', ({ bytes, want }) => {
    expect(decodeNetlink(bytes, true)).toEqual({ ok: true, value: want });
  });

  test('a dump request, in either byte order', () => {
    const hex = (littleEndian: boolean) =>
      Buffer.from(encodeDumpRequest(RTM_GETLINK, 1, littleEndian).subarray(0, 16)).toString('hex');
    expect(hex(true)).toBe('20000000120001030100000000000000');
    expect(hex(false)).toBe('00000020001203010000000100000000');
  });
});
