/** BFD control packets for tests: one in order to start from, and those that others have published. */
import type { BfdPacket, RawBfdPacket } from '../../src/runtime/protocols/bfd/codec.ts';
import { bytesFromHex } from './arp-vectors.ts';
import { readVectors } from './vectors.ts';

/** Of a neighbour that is up at 300 ms, for session 7 here. */
export function bfdPacket(fields: Partial<BfdPacket> = {}): BfdPacket {
  return {
    diagnostic: 0,
    state: 'up',
    poll: false,
    final: false,
    controlPlaneIndependent: false,
    demand: false,
    detectMultiplier: 3,
    myDiscriminator: 9,
    yourDiscriminator: 7,
    desiredMinTxMicroseconds: 300_000,
    requiredMinRxMicroseconds: 300_000,
    requiredMinEchoRxMicroseconds: 0,
    ...fields,
  };
}

export interface BfdVector {
  readonly name: string;
  readonly payload: Uint8Array;
  readonly value: RawBfdPacket;
}

export function readBfdVectors(): readonly BfdVector[] {
  return readVectors<{ name: string; payload: string; value: RawBfdPacket }>('bfd', 23).map(
    ({ row: { name, payload, value } }) => ({ name, payload: bytesFromHex(payload), value }),
  );
}
