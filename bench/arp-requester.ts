/**
 * Asks for addresses by ARP, one request after the other, and prints the round-trip times: the client of arp-latency.ts,
 * run in a network namespace of its own. It waits in a blocking receive, as a C program would, so that it adds as little
 * of its own as can be; every address is asked by the same loop.
 *
 *     arp-requester.ts ROUNDS REQUESTS IP…     ROUNDS times REQUESTS requests for each IP in turn
 *
 * Prints one JSON line: for each IP its times in microseconds, −1 for a request without an answer within a second.
 */
import koffi from 'koffi';
import { watchInterfaces } from '../src/runtime/adapters/host/interfaces.ts';
import {
  AF_PACKET,
  ETH_P_ARP,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOL_SOCKET,
} from '../src/runtime/adapters/host/native/constants.ts';
import * as libc from '../src/runtime/adapters/host/native/libc.ts';
import { parseIp } from '../src/runtime/model/ip.ts';
import { decodeArpPacket, encodeArpFrame, type Ipv4Bits, ipv4ToBits } from '../src/runtime/protocols/arp/codec.ts';
import {
  BROADCAST_BITS,
  ETHERNET_HEADER_BYTES,
  type MacBits,
  macToBits,
} from '../src/runtime/protocols/ethernet/codec.ts';

const SO_RCVTIMEO = 20;

const recv = koffi.load(null).func('intptr_t recv(int fd, uint8_t *buffer, size_t length, int flags)');

interface Requester {
  readonly fd: number;
  readonly mac: MacBits;
}

function open(): Requester {
  const watch = watchInterfaces({ info: () => {}, warn: () => {} });
  const eth0 = watch.current().find(({ name }) => name === 'eth0');
  watch.close();
  if (eth0?.mac === undefined) throw new Error('no eth0 here');
  const fd = libc.openSocket({ domain: AF_PACKET, type: SOCK_RAW | SOCK_CLOEXEC, protocol: 0 }, 'open');
  const oneSecond = new Uint8Array(BigInt64Array.of(1n, 0n).buffer);
  libc.setSocketOption(fd, { level: SOL_SOCKET, option: SO_RCVTIMEO }, oneSecond, 'set timeout');
  const address = new DataView(new ArrayBuffer(20));
  address.setUint16(0, AF_PACKET, libc.LITTLE_ENDIAN);
  address.setUint16(2, ETH_P_ARP);
  address.setInt32(4, eth0.index, libc.LITTLE_ENDIAN);
  libc.bindSocket(fd, new Uint8Array(address.buffer), 'bind');
  return { fd, mac: macToBits(eth0.mac) };
}

const buffer = new Uint8Array(2048);

/** Microseconds from before the request is sent until its answer is read; −1: none came. */
function ask({ fd, mac }: Requester, ip: Ipv4Bits): number {
  const packet = { operation: 1, senderMac: mac, senderIp: SENDER, targetMac: 0 as MacBits, targetIp: ip };
  const request = encodeArpFrame({ destination: BROADCAST_BITS, source: mac }, packet);
  const began = process.hrtime.bigint();
  if (libc.send(fd, request) < 0) throw new Error('cannot send');
  for (;;) {
    const length = Number(recv(fd, buffer, buffer.length, 0));
    const ended = process.hrtime.bigint();
    if (length < 0) return -1;
    const arp = decodeArpPacket(buffer.subarray(ETHERNET_HEADER_BYTES, length));
    // Our own requests come by here too, and gratuitous replies, which are to everybody: taking one of those for the
    // answer would leave the answer for the next request, and every one after it.
    if (arp.ok && arp.value.targetMac === mac && arp.value.senderIp === ip) return Number(ended - began) / 1000;
  }
}

function bits(text: string): Ipv4Bits {
  const ip = parseIp(text);
  if (!ip.ok) throw new Error(ip.error);
  return ipv4ToBits(ip.value);
}

const SENDER = bits('192.0.2.1');
const [rounds = '1', requests = '1', ...ips] = process.argv.slice(2);
const requester = open();
const times: Record<string, number[]> = Object.fromEntries(ips.map((ip) => [ip, []]));
for (let round = 0; round < Number(rounds); round++) {
  for (const ip of ips) {
    for (let count = 0; count < Number(requests); count++) times[ip]?.push(ask(requester, bits(ip)));
  }
}
console.log(JSON.stringify(times));
libc.closeDescriptor(requester.fd);
