/**
 * A packet socket on eth0 that hears ARP and neighbour advertisements, each with the time at which the kernel got it:
 * for the programs of tests and measurements that run in a host of a LAN. However late such a program reads, the time is
 * the frame's.
 */
import os from 'node:os';
import koffi from 'koffi';
import { type BpfInstruction, encodeBpf } from '../../src/runtime/adapters/host/bpf.ts';
import { watchInterfaces } from '../../src/runtime/adapters/host/interfaces.ts';
import {
  AF_PACKET,
  PACKET_IGNORE_OUTGOING,
  SO_RCVBUF,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_PACKET,
  SOL_SOCKET,
} from '../../src/runtime/adapters/host/native/constants.ts';
import * as libc from '../../src/runtime/adapters/host/native/libc.ts';
import { ReadableWatch } from '../../src/runtime/adapters/host/native/readable.ts';

/** <linux/if_ether.h>, <linux/sockios.h>, <time.h> */
const ETH_P_ALL = 3;
const SIOCGSTAMPNS = 0x8907;
const CLOCK_REALTIME = 0;
const RECEIVE_BUFFER_BYTES = 1 << 22;
const FRAMES_PER_TURN = 256;

const { EAGAIN, EINTR, ENETDOWN } = os.constants.errno;

const native = {
  ioctl: koffi.load(null).func('int ioctl(int fd, unsigned long request, _Out_ int64_t *value)'),
  clockGettime: koffi.load(null).func('int clock_gettime(int clock, _Out_ int64_t *time)'),
};

/** ARP, or IPv6 that is ICMPv6 of type 136 without extension headers. */
const FILTER: readonly BpfInstruction[] = [
  [0x28, 0, 0, 12],
  [0x15, 5, 0, 0x0806],
  [0x15, 0, 5, 0x86dd],
  [0x30, 0, 0, 20],
  [0x15, 0, 3, 58],
  [0x30, 0, 0, 54],
  [0x15, 0, 1, 136],
  [0x06, 0, 0, 0xffff],
  [0x06, 0, 0, 0],
];

export interface PacketTap {
  readonly mac: string;
  send(frame: Uint8Array): void;
  close(): void;
}

/** `heard` gets the frame, which is overwritten after it returns, and its time on the monotonic clock. */
export function openPacketTap(heard: (frame: Uint8Array, atMs: number) => void): PacketTap {
  const interfaces = watchInterfaces({ info: () => {}, warn: () => {} });
  const eth0 = interfaces.current().find(({ name }) => name === 'eth0');
  interfaces.close();
  if (eth0?.mac === undefined) throw new Error('there is no eth0 here');
  const fd = openBound(eth0.index);
  readStamp(fd);
  const buffer = new Uint8Array(2048);
  const watch = new ReadableWatch(fd, {
    readable: () => {
      let outcome: 'read' | 'nothing' = 'nothing';
      for (let count = 0; count < FRAMES_PER_TURN; count++) {
        const length = libc.receive(fd, buffer);
        if (length === -EAGAIN || length === -EINTR) return outcome;
        if (length === -ENETDOWN) continue;
        if (length < 0) throw new Error(`the packet socket on eth0 cannot be read: error ${-length}`);
        outcome = 'read';
        const stamp = readStamp(fd);
        if (stamp === undefined) throw new Error('the kernel gave a frame without its time');
        heard(buffer.subarray(0, length), toMonotonicMs(stamp));
      }
      return outcome;
    },
    stuck: (error) => {
      throw error;
    },
  });
  return {
    mac: eth0.mac,
    send(frame) {
      const sent = libc.send(fd, frame);
      if (sent < 0) throw new Error(`a frame cannot be sent on eth0: error ${-sent}`);
    },
    close: () => watch.close(),
  };
}

function openBound(index: number): number {
  const type = SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const fd = libc.openSocket({ domain: AF_PACKET, type, protocol: 0 }, 'open packet socket (needs CAP_NET_RAW)');
  libc.attachFilter(fd, encodeBpf(FILTER), 'attach filter');
  const one = libc.intValue(1);
  libc.setSocketOption(fd, { level: SOL_PACKET, option: PACKET_IGNORE_OUTGOING }, one, 'ignore outgoing frames');
  const room = libc.intValue(RECEIVE_BUFFER_BYTES);
  libc.setSocketOption(fd, { level: SOL_SOCKET, option: SO_RCVBUF }, room, 'set receive buffer');
  const address = new DataView(new ArrayBuffer(20));
  address.setUint16(0, AF_PACKET, libc.LITTLE_ENDIAN);
  address.setUint16(2, ETH_P_ALL);
  address.setInt32(4, index, libc.LITTLE_ENDIAN);
  libc.bindSocket(fd, new Uint8Array(address.buffer), 'bind packet socket to eth0');
  return fd;
}

/** Of the frame read last, in nanoseconds of the real-time clock. The first call switches the stamps on and has none. */
function readStamp(fd: number): bigint | undefined {
  const time = new BigInt64Array(2);
  return native.ioctl(fd, SIOCGSTAMPNS, time) < 0 ? undefined : nanoseconds(time);
}

/** Stamps are on the clock that may be set; everything else here is on the one that may not. */
function toMonotonicMs(stamp: bigint): number {
  const before = process.hrtime.bigint();
  const time = new BigInt64Array(2);
  native.clockGettime(CLOCK_REALTIME, time);
  const after = process.hrtime.bigint();
  const ageNs = nanoseconds(time) - stamp;
  return Number((before + after) / 2n - ageNs) / 1e6;
}

function nanoseconds(time: BigInt64Array): bigint {
  return (time[0] ?? 0n) * 1_000_000_000n + (time[1] ?? 0n);
}
