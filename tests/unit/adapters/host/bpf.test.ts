import { expect, test } from '@jest/globals';
import {
  ARP_FILTER,
  BFD_ECHO_FILTER,
  type BpfInstruction,
  encodeBpf,
  ICMP_ECHO_FILTER,
  ICMPV6_ECHO_FILTER,
  NDP_FILTER,
  NOTHING_FILTER,
  ROUTER_FILTER,
  UNFORWARDED_IPV4_FILTER,
  UNFORWARDED_IPV6_FILTER,
} from '../../../../src/runtime/adapters/host/bpf.ts';
import { bytesFromHex } from '../../../support/arp-vectors.ts';

const PACKET_TYPE = 0xfffff004;

/** What the kernel's interpreter does with the few instructions in use; a load past the end returns 0. */
function run(program: readonly BpfInstruction[], frame: Uint8Array, packetType: number): number {
  const registers = { accumulator: 0, index: 0 };
  for (let at = 0; ; at++) {
    const instruction = program[at];
    if (instruction === undefined) throw new Error(`ran off the program at ${at}`);
    const [code, ifTrue, ifFalse, operand] = instruction;
    if (code === 0x06) return operand;
    const compare = JUMPS[code];
    if (compare !== undefined) {
      at += compare(registers.accumulator, operand) ? ifTrue : ifFalse;
    } else if (operand === PACKET_TYPE) {
      registers.accumulator = packetType;
    } else if (load(registers, { code, operand }, frame) === 'past-the-end') return 0;
  }
}

const JUMPS: Readonly<Record<number, (accumulator: number, operand: number) => boolean>> = {
  21: (accumulator, operand) => accumulator === operand,
  37: (accumulator, operand) => accumulator > operand,
  69: (accumulator, operand) => (accumulator & operand) !== 0,
};

function load(
  registers: { accumulator: number; index: number },
  { code, operand }: { readonly code: number; readonly operand: number },
  frame: Uint8Array,
): 'loaded' | 'past-the-end' {
  const at = code === 0x50 || code === 0x48 ? registers.index + operand : operand;
  const width = code === 0x28 || code === 0x48 ? 2 : 1;
  const bytes = [...frame.subarray(at, at + width)];
  if (bytes.length < width) return 'past-the-end';
  const value = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  if (code === 0xb1) registers.index = (value & 0xf) * 4;
  else if ([0x28, 0x30, 0x48, 0x50].includes(code)) registers.accumulator = value;
  else throw new Error(`unknown instruction ${code}`);
  return 'loaded';
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

const ipv6 = (nextHeader: string, type: string, hopLimit = 'ff') =>
  bytesFromHex(`3333ff000002 02000000000a 86dd 60000000 0018 ${nextHeader} ${hopLimit} ${'00'.repeat(32)} ${type}`);
/** With so much of a header, in units of 4 bytes, and such flags and offset. */
const ipv4 = (protocol: string, type: string, { units = 5, fragment = '0000' } = {}) =>
  bytesFromHex(
    `02000000000b 02000000000a 0800 4${units}00 0054 0000 ${fragment} 40 ${protocol} 0000 ${'00'.repeat(units * 4 - 12)} ${type}`,
  );

test.each([
  { name: 'a solicitation to a group', frame: ipv6('3a', '87'), packetType: 2, want: true },
  { name: 'a solicitation to us', frame: ipv6('3a', '87'), packetType: 0, want: true },
  { name: 'an advertisement', frame: ipv6('3a', '88'), packetType: 2, want: true },
  { name: 'a router advertisement', frame: ipv6('3a', '86'), packetType: 2, want: false },
  { name: 'a redirect', frame: ipv6('3a', '89'), packetType: 0, want: false },
  { name: 'an echo request', frame: ipv6('3a', '80'), packetType: 0, want: false },
  { name: 'UDP', frame: ipv6('11', '87'), packetType: 0, want: false },
  { name: 'IPv4', frame: ipv4('01', '87'), packetType: 0, want: false },
  { name: 'a frame that ends before the type', frame: ipv6('3a', ''), packetType: 2, want: false },
  { name: 'for another station, or another VLAN', frame: ipv6('3a', '87'), packetType: 3, want: false },
  { name: 'our own, going out', frame: ipv6('3a', '88'), packetType: 4, want: false },
])('the NDP filter on $name: $want', ({ frame, packetType, want }) => {
  expect(run(NDP_FILTER, frame, packetType) > 0).toBe(want);
});

test.each([
  { name: 'a solicitation to a group', frame: ipv6('3a', '85'), packetType: 2, want: true },
  { name: 'an advertisement to a group', frame: ipv6('3a', '86'), packetType: 2, want: true },
  { name: 'an advertisement to us', frame: ipv6('3a', '86'), packetType: 0, want: true },
  { name: 'an advertisement from beyond the link', frame: ipv6('3a', '86', 'fe'), packetType: 2, want: false },
  { name: 'a neighbour solicitation', frame: ipv6('3a', '87'), packetType: 2, want: false },
  { name: 'an MLD report', frame: ipv6('3a', '84'), packetType: 2, want: false },
  { name: 'UDP', frame: ipv6('11', '86'), packetType: 0, want: false },
  { name: 'IPv4', frame: ipv4('01', '86'), packetType: 0, want: false },
  { name: 'a frame that ends before the type', frame: ipv6('3a', ''), packetType: 2, want: false },
  { name: 'for another station, or another VLAN', frame: ipv6('3a', '86'), packetType: 3, want: false },
  { name: 'our own, going out', frame: ipv6('3a', '86'), packetType: 4, want: false },
])('the router filter on $name: $want', ({ frame, packetType, want }) => {
  expect(run(ROUTER_FILTER, frame, packetType) > 0).toBe(want);
});

test.each([
  { name: 'a request', frame: ipv4('01', '08'), packetType: 0, want: true },
  { name: 'a request behind IP options', frame: ipv4('01', '08', { units: 7 }), packetType: 0, want: true },
  { name: 'the first part of a request', frame: ipv4('01', '08', { fragment: '2000' }), packetType: 0, want: true },
  { name: 'a later part', frame: ipv4('01', '08', { fragment: '2001' }), packetType: 0, want: false },
  { name: 'a reply', frame: ipv4('01', '00'), packetType: 0, want: false },
  { name: 'TCP', frame: ipv4('06', '08'), packetType: 0, want: false },
  { name: 'IPv6', frame: ipv6('3a', '80'), packetType: 0, want: false },
  { name: 'a broadcast', frame: ipv4('01', '08'), packetType: 1, want: false },
  { name: 'a frame that ends before the type', frame: ipv4('01', ''), packetType: 0, want: false },
])('the ICMP echo filter on $name: $want', ({ frame, packetType, want }) => {
  expect(run(ICMP_ECHO_FILTER, frame, packetType) > 0).toBe(want);
});

test.each([
  { name: 'a request', frame: ipv6('3a', '80'), packetType: 0, want: true },
  { name: 'a reply', frame: ipv6('3a', '81'), packetType: 0, want: false },
  { name: 'a solicitation', frame: ipv6('3a', '87'), packetType: 0, want: false },
  { name: 'a fragment', frame: ipv6('2c', '80'), packetType: 0, want: false },
  { name: 'IPv4', frame: ipv4('01', '08'), packetType: 0, want: false },
  { name: 'to a group', frame: ipv6('3a', '80'), packetType: 2, want: false },
])('the ICMPv6 echo filter on $name: $want', ({ frame, packetType, want }) => {
  expect(run(ICMPV6_ECHO_FILTER, frame, packetType) > 0).toBe(want);
});

/** By these ports. */
const udp = (ports: string, given: { units?: number; fragment?: string } = {}) => ipv4('11', ports, given);

test.each([
  { name: 'one that came back', frame: udp('0ec90ec9'), packetType: 0, want: true },
  { name: 'one from another port', frame: udp('c0000ec9'), packetType: 0, want: true },
  { name: 'one behind IP options', frame: udp('0ec90ec9', { units: 7 }), packetType: 0, want: true },
  { name: 'a control packet', frame: udp('c0000ec8'), packetType: 0, want: false },
  { name: 'the first part of one', frame: udp('0ec90ec9', { fragment: '2000' }), packetType: 0, want: false },
  { name: 'a later part', frame: udp('0ec90ec9', { fragment: '0001' }), packetType: 0, want: false },
  { name: 'TCP', frame: ipv4('06', '0ec90ec9'), packetType: 0, want: false },
  { name: 'IPv6', frame: ipv6('11', '0ec90ec9'), packetType: 0, want: false },
  { name: 'for another station', frame: udp('0ec90ec9'), packetType: 3, want: false },
  { name: 'our own, going out', frame: udp('0ec90ec9'), packetType: 4, want: false },
  { name: 'a frame that ends before the port', frame: udp('0ec9'), packetType: 0, want: false },
])('the BFD echo filter on $name: $want', ({ frame, packetType, want }) => {
  expect(run(BFD_ECHO_FILTER, frame, packetType) > 0).toBe(want);
});

test('a program is laid out as struct sock_filter on a little-endian host', () => {
  expect(Buffer.from(encodeBpf([[0x15, 1, 2, 0x01020304]])).toString('hex')).toBe('1500010204030201');
});

/** Programs on UDP sockets see the UDP header; what is before it they read from the network header on. */
function fromNetworkHeader(program: readonly BpfInstruction[]): readonly BpfInstruction[] {
  return program.map(([code, ifTrue, ifFalse, operand]) => [
    code,
    ifTrue,
    ifFalse,
    operand >= 0xfff00000 ? operand - 0xfff00000 : operand,
  ]);
}

const overIpv4 = (ttl: string) => bytesFromHex(`45000034 00004000 ${ttl}11 0000 c0000201 c0000202`);
const overIpv6 = (hops: string) => bytesFromHex(`60000000 0020 11 ${hops} ${'00'.repeat(32)}`);

test.each([
  { name: 'IPv4, TTL 255', program: UNFORWARDED_IPV4_FILTER, packet: overIpv4('ff'), want: true },
  { name: 'IPv4, TTL 254', program: UNFORWARDED_IPV4_FILTER, packet: overIpv4('fe'), want: false },
  { name: 'IPv6, hop limit 255', program: UNFORWARDED_IPV6_FILTER, packet: overIpv6('ff'), want: true },
  { name: 'IPv6, hop limit 254', program: UNFORWARDED_IPV6_FILTER, packet: overIpv6('fe'), want: false },
  { name: 'a socket that only sends', program: NOTHING_FILTER, packet: overIpv4('ff'), want: false },
])('unforwarded: $name: $want', ({ program, packet, want }) => {
  expect(run(fromNetworkHeader(program), packet, 0) > 0).toBe(want);
});
