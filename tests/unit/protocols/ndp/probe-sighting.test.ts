import { describe, expect, test } from '@jest/globals';
import { type MacBits, macFromBits } from '../../../../src/runtime/protocols/ethernet/codec.ts';
import { type Ipv6Key, ipv6FromKey } from '../../../../src/runtime/protocols/ip/ipv6.ts';
import { encodeNdpAnnouncement } from '../../../../src/runtime/protocols/ndp/announcement.ts';
import { encodeNdpFrame } from '../../../../src/runtime/protocols/ndp/codec.ts';
import { encodeNdpProbe } from '../../../../src/runtime/protocols/ndp/probe.ts';
import { ndpSightingOf } from '../../../../src/runtime/protocols/ndp/sighting.ts';
import { mac } from '../../../support/arp-vectors.ts';
import { seededDice } from '../../../support/dice.ts';
import { ipv6, readNdpVectors } from '../../../support/ndp-vectors.ts';

const vectors = readNdpVectors();

function vector(name: string): Uint8Array {
  const found = vectors.find((row) => row.name === name);
  if (found === undefined) throw new Error(`no vector ${name}`);
  return found.frame;
}

/** As a host sends it that wants 2001:db8::2, but for what is changed. */
function probe({ destination = ipv6('ff02::1:ff00:2'), ...message }: ProbeChange): Uint8Array {
  return encodeNdpFrame(
    {
      link: { source: mac('02:00:00:00:00:0a'), destination: mac('33:33:ff:00:00:02') },
      source: ipv6('::'),
      destination,
    },
    { kind: 'solicitation', target: ipv6('2001:db8::2'), ...message },
  );
}

interface ProbeChange {
  readonly destination?: Ipv6Key;
  readonly linkAddress?: MacBits;
}

describe('RFC 4862 §5.4.2: a probe', () => {
  test('is what Linux sends to find duplicates, but for its nonce', () => {
    const theirs = vector('duplicate address detection, with a nonce');
    const ours = encodeNdpProbe(ipv6('2001:db8::2'), mac('02:00:00:00:00:0a'));
    const [a, b] = [theirs.slice(0, 78), ours.slice()];
    // Length and checksum, which the nonce makes others.
    for (const frame of [a, b]) frame.fill(0, 18, 20).fill(0, 56, 58);
    expect(b).toEqual(a);
  });
});

describe('RFC 4862 §5.4.3, §5.4.4: what is heard of an address', () => {
  const rows: readonly { name: string; frame: Uint8Array; want: string }[] = [
    {
      name: 'an advertisement that answers',
      frame: vector('advertisement that answers it'),
      want: 'na 2001:db8::2 02:00:00:00:00:0b',
    },
    {
      name: 'one without a link address: whoever sent it',
      frame: vector('advertisement that answers it, without a link address'),
      want: 'na 2001:db8::2 02:00:00:00:00:0b',
    },
    {
      name: 'an unsolicited advertisement',
      frame: vector('advertisement that says the address is taken'),
      want: 'na 2001:db8::2 02:00:00:00:00:0b',
    },
    {
      name: 'a probe',
      frame: vector('duplicate address detection, with a nonce'),
      want: 'dad-ns 2001:db8::2 02:00:00:00:00:0a',
    },
    {
      name: 'our own probe',
      frame: encodeNdpProbe(ipv6('2001:db8::7'), mac('02:00:00:00:00:0c')),
      want: 'dad-ns 2001:db8::7 02:00:00:00:00:0c',
    },
    { name: 'whoever merely asks says nothing', frame: vector('solicitation by multicast'), want: 'nothing' },
    {
      name: 'hop limit 254',
      frame: vector('advertisement that answers it').slice().fill(254, 21, 22),
      want: 'nothing',
    },
    {
      name: 'a wrong checksum',
      frame: vector('advertisement that answers it').slice().fill(0, 56, 58),
      want: 'nothing',
    },
    {
      name: 'RFC 4861 §7.1.2: solicited, but to a group',
      frame: encodeNdpFrame(
        {
          link: { source: mac('02:00:00:00:00:0b'), destination: mac('33:33:00:00:00:01') },
          source: ipv6('2001:db8::2'),
          destination: ipv6('ff02::1'),
        },
        { kind: 'advertisement', target: ipv6('2001:db8::2'), flags: ['solicited'] },
      ),
      want: 'nothing',
    },
    {
      name: 'RFC 4861 §7.1.1: a probe to the address itself',
      frame: probe({ destination: ipv6('2001:db8::2') }),
      want: 'nothing',
    },
    {
      name: 'RFC 4861 §7.1.1: a probe with a link address',
      frame: probe({ linkAddress: mac('02:00:00:00:00:0a') }),
      want: 'nothing',
    },
    { name: 'nothing', frame: new Uint8Array(0), want: 'nothing' },
  ];

  test.each(rows)('$name: $want', ({ frame, want }) => {
    const seen = ndpSightingOf(frame);
    const macText = seen && macFromBits(seen.mac);
    expect(seen === undefined ? 'nothing' : `${seen.as} ${ipv6FromKey(seen.ip)} ${macText}`).toBe(want);
  });

  test('random bytes in an advertisement never throw', () => {
    const roll = seededDice(5);
    const [seed = new Uint8Array()] = encodeNdpAnnouncement(ipv6('2001:db8::2'), mac('02:00:00:00:00:0b'));
    let seen = 0;
    for (let count = 0; count < 50_000; count++) {
      const frame = seed.slice(0, roll(4) === 0 ? roll(seed.length) : seed.length);
      for (let changes = roll(3); changes > 0 && frame.length > 0; changes--) frame[roll(frame.length)] = roll(256);
      if (ndpSightingOf(frame) !== undefined) seen += 1;
    }
    expect(seen).toBeGreaterThan(10_000);
    expect(seen).toBeLessThan(40_000);
  });
});
