import { expect, test } from '@jest/globals';
import { ARP_FILTER, type BpfInstruction, encodeBpf } from '../../../../src/runtime/adapters/host/bpf.ts';
import { bytesFromHex } from '../../../support/arp-vectors.ts';

const PACKET_TYPE = 0xfffff004;

/** What the kernel's interpreter does with the few instructions in use; a load past the end returns 0. */
function run(program: readonly BpfInstruction[], frame: Uint8Array, packetType: number): number {
  let accumulator = 0;
  for (let at = 0; ; at++) {
    const instruction = program[at];
    if (instruction === undefined) throw new Error(`ran off the program at ${at}`);
    const [code, ifTrue, ifFalse, operand] = instruction;
    switch (code) {
      case 0x30:
        accumulator = operand === PACKET_TYPE ? packetType : (frame[operand] ?? Number.NaN);
        break;
      case 0x28:
        accumulator = ((frame[operand] ?? Number.NaN) << 8) | (frame[operand + 1] ?? Number.NaN);
        if (operand + 2 > frame.length) return 0;
        break;
      case 0x15:
        at += accumulator === operand ? ifTrue : ifFalse;
        break;
      case 0x25:
        at += accumulator > operand ? ifTrue : ifFalse;
        break;
      case 0x06:
        return operand;
      default:
        throw new Error(`unknown instruction ${code}`);
    }
  }
}

const arp = (operation: string) => bytesFromHex(`ffffffffffff 02000000000a 0806 0001 0800 06 04 ${operation}`);

test.each([
  { name: 'a request', frame: arp('0001'), packetType: 1, want: true },
  { name: 'a reply to us', frame: arp('0002'), packetType: 0, want: true },
  { name: 'operation 3', frame: arp('0003'), packetType: 1, want: false },
  {
    name: 'IPv4',
    frame: bytesFromHex('ffffffffffff 02000000000a 0800 4500 0000 0000 0001'),
    packetType: 0,
    want: false,
  },
  { name: 'a frame too short to hold an operation', frame: arp('00'), packetType: 1, want: false },
  { name: 'for another station, or another VLAN', frame: arp('0001'), packetType: 3, want: false },
  { name: 'our own, going out', frame: arp('0001'), packetType: 4, want: false },
])('the ARP filter on $name: $want', ({ frame, packetType, want }) => {
  expect(run(ARP_FILTER, frame, packetType) > 0).toBe(want);
});

test('a program is laid out as struct sock_filter on a little-endian host', () => {
  expect(Buffer.from(encodeBpf([[0x15, 1, 2, 0x01020304]])).toString('hex')).toBe('1500010204030201');
});
