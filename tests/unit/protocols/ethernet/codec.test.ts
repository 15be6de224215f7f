import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BROADCAST_MAC, macFromBytes } from '../../../../src/runtime/model/mac.ts';
import {
  BROADCAST_BITS,
  decodeEthernetHeader,
  isStationAddress,
  macFromBits,
  macToBits,
} from '../../../../src/runtime/protocols/ethernet/codec.ts';
import { mac } from '../../../support/arp-vectors.ts';

describe('MAC addresses as numbers', () => {
  test('text and number name the same address', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (bytes) => {
        const text = macFromBytes(bytes);
        expect(macFromBits(macToBits(text))).toBe(text);
      }),
    );
    expect(macFromBits(BROADCAST_BITS)).toBe(BROADCAST_MAC);
  });

  test.each([
    { address: '02:00:00:00:00:0a', want: true },
    { address: 'fe:ff:ff:ff:ff:ff', want: true },
    { address: '00:00:00:00:00:01', want: true },
    { address: '00:00:00:00:00:00', want: false },
    { address: 'ff:ff:ff:ff:ff:ff', want: false },
    { address: '01:00:5e:00:00:01', want: false },
    { address: '33:33:00:00:00:01', want: false },
  ])('$address names one station: $want', ({ address, want }) => {
    expect(isStationAddress(mac(address))).toBe(want);
  });
});

test('an Ethernet header that is cut off is refused', () => {
  expect(decodeEthernetHeader(new Uint8Array(13))).toEqual({
    ok: false,
    error: { what: 'Ethernet header', offset: 12, kind: 'truncated', reason: '2 bytes wanted, 1 left' },
  });
});
