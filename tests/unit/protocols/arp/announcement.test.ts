import { expect, test } from '@jest/globals';
import { encodeArpAnnouncement } from '../../../../src/runtime/protocols/arp/announcement.ts';
import { decodeArpPacket } from '../../../../src/runtime/protocols/arp/codec.ts';
import {
  decodeEthernetHeader,
  ETHERNET_HEADER_BYTES,
  macFromBits,
} from '../../../../src/runtime/protocols/ethernet/codec.ts';
import { ipv4FromBits } from '../../../../src/runtime/protocols/ip/ipv4.ts';
import { bytesFromHex, ipv4, mac } from '../../../support/arp-vectors.ts';

const frames = encodeArpAnnouncement(ipv4('192.0.2.2'), mac('02:00:00:00:00:0b'));

test('RFC 5227 §3: a request and a reply by broadcast, sender and target the address', () => {
  const told = frames.map((frame) => {
    const [link, arp] = [decodeEthernetHeader(frame), decodeArpPacket(frame.subarray(ETHERNET_HEADER_BYTES))];
    if (!link.ok || !arp.ok) throw new Error('not an ARP frame');
    const { operation, senderMac, senderIp, targetIp } = arp.value;
    const addresses = `${macFromBits(link.value.source)} > ${macFromBits(link.value.destination)}`;
    return `${addresses} op ${operation} ${ipv4FromBits(senderIp)} is ${macFromBits(senderMac)}, ${ipv4FromBits(targetIp)}`;
  });
  expect(told).toEqual([
    '02:00:00:00:00:0b > ff:ff:ff:ff:ff:ff op 1 192.0.2.2 is 02:00:00:00:00:0b, 192.0.2.2',
    '02:00:00:00:00:0b > ff:ff:ff:ff:ff:ff op 2 192.0.2.2 is 02:00:00:00:00:0b, 192.0.2.2',
  ]);
});

test('they are arping -U and arping -P -U byte for byte', () => {
  expect(frames).toEqual(
    ['0001', '0002'].map((operation) =>
      bytesFromHex(
        `ffffffffffff 02000000000b 0806 0001 0800 06 04 ${operation} 02000000000b c0000202 ffffffffffff c0000202`,
      ),
    ),
  );
});
