import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { encodeArpFrame } from '../../../../src/runtime/protocols/arp/codec.ts';
import { encodeArpProbe } from '../../../../src/runtime/protocols/arp/probe.ts';
import { sightingOf } from '../../../../src/runtime/protocols/arp/sighting.ts';
import { ipv4, mac, readArpVectors } from '../../../support/arp-vectors.ts';

const WHO = mac('52:54:00:00:00:99');
const [HIS, OTHERS, NONE] = [ipv4('192.0.2.7'), ipv4('192.0.2.8'), ipv4('0.0.0.0')];

function frame(operation: number, senderIp: typeof HIS, targetIp: typeof HIS): Uint8Array {
  const link = { destination: mac('ff:ff:ff:ff:ff:ff'), source: WHO };
  return encodeArpFrame(link, { operation, senderMac: WHO, senderIp, targetMac: mac('00:00:00:00:00:00'), targetIp });
}

describe('what an ARP frame says of whose an address is', () => {
  test.each([
    {
      name: 'RFC 5227 §2.4: a request tells what its sender has',
      operation: 1,
      from: HIS,
      to: OTHERS,
      as: 'arp-request',
    },
    { name: 'a gratuitous request', operation: 1, from: HIS, to: HIS, as: 'arp-request' },
    { name: 'RFC 5227 §2.4: so does a reply', operation: 2, from: HIS, to: OTHERS, as: 'arp-reply' },
    { name: 'RFC 5227 §1.1: a probe tells what it wants', operation: 1, from: NONE, to: HIS, as: 'probe' },
  ])('$name', ({ operation, from, to, as }) => {
    expect(sightingOf(frame(operation, from, to))).toEqual({ as, ip: HIS, mac: WHO });
  });

  test.each([
    { name: 'a reply of nobody', operation: 2, from: NONE, to: HIS },
    { name: 'an operation that is not spoken here', operation: 3, from: HIS, to: HIS },
  ])('$name: nothing', ({ operation, from, to }) => {
    expect(sightingOf(frame(operation, from, to))).toBeUndefined();
  });

  test('what this project sends as a probe is read as one', () => {
    expect(sightingOf(encodeArpProbe(HIS, WHO))).toEqual({ as: 'probe', ip: HIS, mac: WHO });
  });

  test('frames of foreign implementations', () => {
    const vectors = readArpVectors();
    for (const { frame: bytes, packet } of vectors) {
      const ip = packet.senderIp === 0 ? packet.targetIp : packet.senderIp;
      expect(sightingOf(bytes)).toMatchObject({ ip, mac: packet.senderMac });
    }
  });

  test('any bytes at all are read without a throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const arp = Uint8Array.from([...new Uint8Array(12), 8, 6, 0, 1, 8, 0, 6, 4, 0, ...bytes]);
        for (const each of [bytes, arp]) {
          const sighting = sightingOf(each);
          expect(sighting === undefined || each.length >= 42).toBe(true);
        }
      }),
      { numRuns: 5000 },
    );
  });
});
