import { describe, expect, test } from '@jest/globals';
import { encodeArpProbe } from '../../../../src/runtime/protocols/arp/probe.ts';
import { bytesFromHex, ipv4, mac, readArpVectors } from '../../../support/arp-vectors.ts';

describe('ARP probe', () => {
  test('RFC 5227 §2.1.1: a request by broadcast, sender IP all zeroes, target MAC all zeroes', () => {
    expect(encodeArpProbe(ipv4('192.0.2.7'), mac('02:00:00:00:00:0b'))).toEqual(
      bytesFromHex('ffffffffffff 02000000000b 0806 0001 0800 06 04 0001 02000000000b 00000000 000000000000 c0000207'),
    );
  });

  test('it is what foreign implementations send, but for the target MAC, which means nothing in a request', () => {
    const probes = readArpVectors().filter(({ packet }) => packet.operation === 1 && packet.senderIp === 0);
    expect(probes.length).toBeGreaterThanOrEqual(1);
    for (const { frame, packet } of probes) {
      const own = encodeArpProbe(packet.targetIp, packet.senderMac);
      const withoutTargetMac = (bytes: Uint8Array): number[] => [...bytes.subarray(0, 32), ...bytes.subarray(38, 42)];
      expect(withoutTargetMac(own)).toEqual(withoutTargetMac(frame));
    }
  });
});
