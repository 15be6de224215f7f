/**
 * A packet socket that asks for addresses of one family on eth0, by ARP or neighbour discovery, for the programs of this
 * folder that run in a network namespace of their own. It waits in the kernel, as a C program would, so that it adds as
 * little of its own as can be.
 */
import koffi from 'koffi';
import { type BpfInstruction, encodeBpf, NDP_FILTER } from '../src/runtime/adapters/host/bpf.ts';
import { watchInterfaces } from '../src/runtime/adapters/host/interfaces.ts';
import {
  AF_PACKET,
  ETH_P_ARP,
  ETH_P_IPV6,
  SOCK_CLOEXEC,
  SOCK_RAW,
} from '../src/runtime/adapters/host/native/constants.ts';
import * as libc from '../src/runtime/adapters/host/native/libc.ts';
import { parseIp } from '../src/runtime/model/ip.ts';
import { type AddressKey, addressKey, isIpv4 } from '../src/runtime/programs/speaker/address-keys.ts';
import { decodeArpPacket, encodeArpFrame } from '../src/runtime/protocols/arp/codec.ts';
import {
  BROADCAST_BITS,
  decodeEthernetHeader,
  ETHERNET_HEADER_BYTES,
  type MacBits,
  macToBits,
} from '../src/runtime/protocols/ethernet/codec.ts';
import { ethernetGroup, IPV6_HEADER_BYTES, solicitedNodeGroup } from '../src/runtime/protocols/ip/ipv6.ts';
import { decodeNeighborMessage, encodeNdpFrame } from '../src/runtime/protocols/ndp/codec.ts';

const POLLIN = 1;
const EAGAIN = 11;

// poll's timeout runs on a high-resolution timer; a socket's own (SO_RCVTIMEO) is rounded up to ticks of some 4 ms.
const poll = koffi.load(null).func('int poll(uint8_t *descriptors, unsigned long count, int timeoutMs)');

export class NeighbourSocket {
  readonly #fd: number;
  readonly #mac: MacBits;
  readonly #sender: AddressKey;
  readonly #buffer = new Uint8Array(2048);
  /** struct pollfd: descriptor, wanted events, events that happened. */
  readonly #descriptor = new Uint8Array(8);

  /** `sender` is the address that the requests come from; its family is that of all addresses asked for. */
  constructor(sender: AddressKey) {
    const watch = watchInterfaces({ info: () => {}, warn: () => {} });
    const eth0 = watch.current().find(({ name }) => name === 'eth0');
    watch.close();
    if (eth0?.mac === undefined) throw new Error('there is no eth0 here');
    this.#fd = libc.openSocket({ domain: AF_PACKET, type: SOCK_RAW | SOCK_CLOEXEC, protocol: 0 }, 'open packet socket');
    const filter: readonly BpfInstruction[] | undefined = isIpv4(sender) ? undefined : NDP_FILTER;
    if (filter !== undefined) libc.attachFilter(this.#fd, encodeBpf(filter), 'attach filter');
    const address = new DataView(new ArrayBuffer(20));
    address.setUint16(0, AF_PACKET, libc.LITTLE_ENDIAN);
    address.setUint16(2, isIpv4(sender) ? ETH_P_ARP : ETH_P_IPV6);
    address.setInt32(4, eth0.index, libc.LITTLE_ENDIAN);
    libc.bindSocket(this.#fd, new Uint8Array(address.buffer), 'bind packet socket to eth0');
    this.#mac = macToBits(eth0.mac);
    this.#sender = sender;
    const descriptor = new DataView(this.#descriptor.buffer);
    descriptor.setInt32(0, this.#fd, libc.LITTLE_ENDIAN);
    descriptor.setInt16(4, POLLIN, libc.LITTLE_ENDIAN);
  }

  /**
   * Asks once. Gives the times of the monotonic clock, in nanoseconds, before the request was sent and after its answer
   * was read; `answered` is undefined when none came in time.
   */
  ask(ip: AddressKey, timeoutMs: number): { readonly asked: bigint; readonly answered: bigint | undefined } {
    const request = this.#request(ip);
    const asked = process.hrtime.bigint();
    const sent = libc.send(this.#fd, request);
    if (sent < 0) throw new Error(`the request cannot be sent: error ${-sent}`);
    for (let left = timeoutMs; left > 0; left = timeoutMs - Number((process.hrtime.bigint() - asked) / 1_000_000n)) {
      if (poll(this.#descriptor, 1, left) === 0) break;
      const length = libc.receive(this.#fd, this.#buffer);
      const answered = process.hrtime.bigint();
      if (length === -EAGAIN) continue;
      if (length < 0) throw new Error(`the packet socket cannot be read: error ${-length}`);
      if (this.#isAnswer(this.#buffer.subarray(0, length), ip)) return { asked, answered };
    }
    return { asked, answered: undefined };
  }

  close(): void {
    libc.closeDescriptor(this.#fd);
  }

  #request(ip: AddressKey): Uint8Array {
    const [mac, sender] = [this.#mac, this.#sender];
    if (isIpv4(ip) && isIpv4(sender)) {
      const packet = { operation: 1, senderMac: mac, senderIp: sender, targetMac: 0 as MacBits, targetIp: ip };
      return encodeArpFrame({ destination: BROADCAST_BITS, source: mac }, packet);
    }
    if (isIpv4(ip) || isIpv4(sender)) throw new Error('the address is of another family than the sender');
    const group = solicitedNodeGroup(ip);
    return encodeNdpFrame(
      { link: { destination: ethernetGroup(group), source: mac }, source: sender, destination: group },
      { kind: 'solicitation', target: ip, linkAddress: mac },
    );
  }

  /**
   * Our own requests come by here too, and gratuitous replies, which are to everybody: taking one of those for the
   * answer would leave the answer for the next request, and every one after it.
   */
  #isAnswer(frame: Uint8Array, ip: AddressKey): boolean {
    if (isIpv4(ip)) {
      const arp = decodeArpPacket(frame.subarray(ETHERNET_HEADER_BYTES));
      return arp.ok && arp.value.targetMac === this.#mac && arp.value.senderIp === ip;
    }
    const link = decodeEthernetHeader(frame);
    const message = decodeNeighborMessage(frame.subarray(ETHERNET_HEADER_BYTES + IPV6_HEADER_BYTES));
    if (!link.ok || !message.ok || link.value.destination !== this.#mac) return false;
    return message.value.kind === 'advertisement' && message.value.target === ip;
  }
}

/** Throws for anything that is not an address. */
export function parseAddress(text: string): AddressKey {
  const ip = parseIp(text);
  if (!ip.ok) throw new Error(ip.error);
  return addressKey(ip.value);
}
