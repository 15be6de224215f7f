/**
 * Classic BPF programs that run in the kernel on each frame, before it costs a wake-up. They only keep out what is
 * plainly not wanted; the codec checks every byte again.
 */

/** One instruction: operation code, how far to jump if true and if false, operand. */
export type BpfInstruction = readonly [code: number, ifTrue: number, ifFalse: number, operand: number];

/** <linux/bpf_common.h>: load half-word or byte at a fixed place, compare with a constant, return a constant. */
const LOAD_U16 = 0x28;
const LOAD_U8 = 0x30;
const JUMP_IF_EQUAL = 0x15;
const JUMP_IF_GREATER = 0x25;
const JUMP_IF_ANY_BIT = 0x45;
/** Four times the low half of a byte at a fixed place into the index register: the length of an IPv4 header. */
const LOAD_INDEX_IPV4_LENGTH = 0xb1;
/** Load a byte at a place counted from the index register. */
const LOAD_U8_INDEXED = 0x50;
/** Load a half-word likewise. */
const LOAD_U16_INDEXED = 0x48;
const RETURN = 0x06;

/** <linux/filter.h> SKF_AD_OFF + SKF_AD_PKTTYPE: how the kernel took the frame, instead of a byte of it. */
const PACKET_TYPE = 0xfffff004;
/** <linux/if_packet.h>: 0 … 2 are frames for this host, for all and for a group; above it somebody else's and our own. */
const PACKET_HOST = 0;
const PACKET_MULTICAST = 2;

/** <linux/filter.h> SKF_NET_OFF: counted from the network header, for programs on sockets that see less than that. */
const NETWORK_HEADER = 0xfff00000;

const WHOLE_FRAME = 0xffff;

/**
 * ARP requests and replies that are for this host. "Somebody else's" are frames to other stations on a promiscuous
 * interface, and frames tagged for a VLAN that this interface does not carry: the kernel takes the tag off them, so
 * that by their bytes alone they would look like our own link's.
 */
export const ARP_FILTER: readonly BpfInstruction[] = [
  [LOAD_U8, 0, 0, PACKET_TYPE],
  [JUMP_IF_GREATER, 5, 0, PACKET_MULTICAST],
  [LOAD_U16, 0, 0, 12],
  [JUMP_IF_EQUAL, 0, 3, 0x0806],
  [LOAD_U16, 0, 0, 20],
  [JUMP_IF_GREATER, 1, 0, 2],
  [RETURN, 0, 0, WHOLE_FRAME],
  [RETURN, 0, 0, 0],
];

/** Neighbour solicitations and advertisements that are for this host, right behind their IPv6 header. */
export const NDP_FILTER: readonly BpfInstruction[] = [
  [LOAD_U8, 0, 0, PACKET_TYPE],
  [JUMP_IF_GREATER, 8, 0, PACKET_MULTICAST],
  [LOAD_U16, 0, 0, 12],
  [JUMP_IF_EQUAL, 0, 6, 0x86dd],
  [LOAD_U8, 0, 0, 20],
  [JUMP_IF_EQUAL, 0, 4, 58],
  [LOAD_U8, 0, 0, 54],
  [JUMP_IF_EQUAL, 1, 0, 135],
  [JUMP_IF_EQUAL, 0, 1, 136],
  [RETURN, 0, 0, WHOLE_FRAME],
  [RETURN, 0, 0, 0],
];

/** Router solicitations and advertisements that are for this host, right behind their IPv6 header, from its own link. */
export const ROUTER_FILTER: readonly BpfInstruction[] = [
  [LOAD_U8, 0, 0, PACKET_TYPE],
  [JUMP_IF_GREATER, 10, 0, PACKET_MULTICAST],
  [LOAD_U16, 0, 0, 12],
  [JUMP_IF_EQUAL, 0, 8, 0x86dd],
  [LOAD_U8, 0, 0, 20],
  [JUMP_IF_EQUAL, 0, 6, 58],
  [LOAD_U8, 0, 0, 21],
  [JUMP_IF_EQUAL, 0, 4, 255],
  [LOAD_U8, 0, 0, 54],
  [JUMP_IF_EQUAL, 1, 0, 133],
  [JUMP_IF_EQUAL, 0, 1, 134],
  [RETURN, 0, 0, WHOLE_FRAME],
  [RETURN, 0, 0, 0],
];

/** ICMP echo requests to this host alone. Of a fragmented one the first part, which is then counted as such. */
export const ICMP_ECHO_FILTER: readonly BpfInstruction[] = [
  [LOAD_U8, 0, 0, PACKET_TYPE],
  [JUMP_IF_GREATER, 10, 0, PACKET_HOST],
  [LOAD_U16, 0, 0, 12],
  [JUMP_IF_EQUAL, 0, 8, 0x0800],
  [LOAD_U8, 0, 0, 23],
  [JUMP_IF_EQUAL, 0, 6, 1],
  [LOAD_U16, 0, 0, 20],
  [JUMP_IF_ANY_BIT, 4, 0, 0x1fff],
  [LOAD_INDEX_IPV4_LENGTH, 0, 0, 14],
  [LOAD_U8_INDEXED, 0, 0, 14],
  [JUMP_IF_EQUAL, 0, 1, 8],
  [RETURN, 0, 0, WHOLE_FRAME],
  [RETURN, 0, 0, 0],
];

/** ICMPv6 echo requests to this host alone, right behind their IPv6 header. */
export const ICMPV6_ECHO_FILTER: readonly BpfInstruction[] = [
  [LOAD_U8, 0, 0, PACKET_TYPE],
  [JUMP_IF_GREATER, 7, 0, PACKET_HOST],
  [LOAD_U16, 0, 0, 12],
  [JUMP_IF_EQUAL, 0, 5, 0x86dd],
  [LOAD_U8, 0, 0, 20],
  [JUMP_IF_EQUAL, 0, 3, 58],
  [LOAD_U8, 0, 0, 54],
  [JUMP_IF_EQUAL, 0, 1, 128],
  [RETURN, 0, 0, WHOLE_FRAME],
  [RETURN, 0, 0, 0],
];

/** BFD echo packets, RFC 5881 §4: UDP over IPv4, in one piece, to this host alone. */
export const BFD_ECHO_FILTER: readonly BpfInstruction[] = [
  [LOAD_U8, 0, 0, PACKET_TYPE],
  [JUMP_IF_GREATER, 10, 0, PACKET_HOST],
  [LOAD_U16, 0, 0, 12],
  [JUMP_IF_EQUAL, 0, 8, 0x0800],
  [LOAD_U8, 0, 0, 23],
  [JUMP_IF_EQUAL, 0, 6, 17],
  [LOAD_U16, 0, 0, 20],
  [JUMP_IF_ANY_BIT, 4, 0, 0x3fff],
  [LOAD_INDEX_IPV4_LENGTH, 0, 0, 14],
  [LOAD_U16_INDEXED, 0, 0, 16],
  [JUMP_IF_EQUAL, 0, 1, 3785],
  [RETURN, 0, 0, WHOLE_FRAME],
  [RETURN, 0, 0, 0],
];

/** Datagrams that have passed no router (RFC 5082): their TTL or hop limit is still 255. For UDP sockets. */
export const UNFORWARDED_IPV4_FILTER: readonly BpfInstruction[] = unforwarded(8);
export const UNFORWARDED_IPV6_FILTER: readonly BpfInstruction[] = unforwarded(7);

/** For sockets that only send. */
export const NOTHING_FILTER: readonly BpfInstruction[] = [[RETURN, 0, 0, 0]];

function unforwarded(ttlOffset: number): readonly BpfInstruction[] {
  return [
    [LOAD_U8, 0, 0, NETWORK_HEADER + ttlOffset],
    [JUMP_IF_EQUAL, 0, 1, 255],
    [RETURN, 0, 0, WHOLE_FRAME],
    [RETURN, 0, 0, 0],
  ];
}

/** The program as an array of struct sock_filter {u16 code; u8 jt; u8 jf; u32 k}, in the host's byte order. */
export function encodeBpf(program: readonly BpfInstruction[]): Uint8Array {
  const bytes = new Uint8Array(program.length * 8);
  const codes = new Uint16Array(bytes.buffer);
  const operands = new Uint32Array(bytes.buffer);
  for (const [index, [code, ifTrue, ifFalse, operand]] of program.entries()) {
    codes[index * 4] = code;
    bytes[index * 8 + 2] = ifTrue;
    bytes[index * 8 + 3] = ifFalse;
    operands[index * 2 + 1] = operand;
  }
  return bytes;
}
