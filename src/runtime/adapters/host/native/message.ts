/**
 * Room for one datagram with what the kernel says of its way: where it came from, which of our addresses it was for, and
 * its TTL. One `struct msghdr` and what it points to, laid out once and used for every datagram:
 *
 *     header ─▶ name      sockaddr_in or sockaddr_in6 of the sender
 *            ─▶ iovec ─▶ payload
 *            ─▶ control   cmsghdr + data, one after another, each at a multiple of a pointer's width
 */
import { type Ip, ipFromBytes } from '../../../model/ip.ts';
import { AF_INET, AF_INET6, IP_PKTINFO, IP_TTL, IPV6_HOPLIMIT, IPV6_PKTINFO, SOL_IP, SOL_IPV6 } from './constants.ts';
import { addressOf, LITTLE_ENDIAN, POINTER_BYTES as P, receiveMessage } from './libc.ts';

const PAYLOAD_BYTES = 512;
const NAME_BYTES = 28;
const CONTROL_BYTES = 256;
/** struct cmsghdr {size_t length, itself included; int level; int type}. */
const CONTROL_HEADER_BYTES = P + 8;

/** Of struct msghdr; fields of 4 bytes stand where those of a pointer's width would. */
const NAME_LENGTH_AT = P;
const CONTROL_LENGTH_AT = 5 * P;

export interface ReceivedMessage {
  /** The room's own bytes. */
  readonly payload: Uint8Array;
  readonly source: Ip;
  readonly destination: Ip;
  readonly ttl: number;
}

export class MessageRoom {
  // Each in a buffer of its own: short arrays without one may be moved by the collector.
  readonly #payload = new Uint8Array(new ArrayBuffer(PAYLOAD_BYTES));
  readonly #name = new Uint8Array(new ArrayBuffer(NAME_BYTES));
  readonly #control = new Uint8Array(new ArrayBuffer(CONTROL_BYTES));
  readonly #vector = new Uint8Array(new ArrayBuffer(2 * P));
  readonly #header = new Uint8Array(new ArrayBuffer(7 * P));
  readonly #nameView = new DataView(this.#name.buffer);
  readonly #controlView = new DataView(this.#control.buffer);
  readonly #headerView = new DataView(this.#header.buffer);

  constructor() {
    const vector = new DataView(this.#vector.buffer);
    setWord(vector, 0, addressOf(this.#payload));
    setWord(vector, P, BigInt(PAYLOAD_BYTES));
    setWord(this.#headerView, 0, addressOf(this.#name));
    setWord(this.#headerView, 2 * P, addressOf(this.#vector));
    setWord(this.#headerView, 3 * P, 1n);
    setWord(this.#headerView, 4 * P, addressOf(this.#control));
  }

  /**
   * The next datagram of the socket, until the next call; or the error number, negated. undefined: one came of which the
   * kernel did not say what was asked, and it is lost.
   */
  receive(fd: number): ReceivedMessage | number | undefined {
    this.#headerView.setUint32(NAME_LENGTH_AT, NAME_BYTES, LITTLE_ENDIAN);
    setWord(this.#headerView, CONTROL_LENGTH_AT, BigInt(CONTROL_BYTES));
    const length = receiveMessage(fd, this.#header);
    if (length < 0) return length;
    const source = this.#source();
    const { destination, ttl } = this.#readControl();
    if (source === undefined || destination === undefined || ttl === undefined) return undefined;
    return { payload: this.#payload.subarray(0, length), source, destination, ttl };
  }

  #source(): Ip | undefined {
    const family = this.#nameView.getUint16(0, LITTLE_ENDIAN);
    if (family === AF_INET) return ipAt(this.#name, 4, 4);
    return family === AF_INET6 ? ipAt(this.#name, 8, 16) : undefined;
  }

  #readControl(): { readonly destination?: Ip | undefined; readonly ttl?: number } {
    const view = this.#controlView;
    const end = Math.min(getWord(this.#headerView, CONTROL_LENGTH_AT), CONTROL_BYTES);
    const found: { destination?: Ip | undefined; ttl?: number } = {};
    for (let at = 0; at + CONTROL_HEADER_BYTES <= end; ) {
      const length = getWord(view, at);
      if (length < CONTROL_HEADER_BYTES || at + length > end) break;
      const level = view.getInt32(at + P, LITTLE_ENDIAN);
      const type = view.getInt32(at + P + 4, LITTLE_ENDIAN);
      const data = at + CONTROL_HEADER_BYTES;
      if ((level === SOL_IP && type === IP_TTL) || (level === SOL_IPV6 && type === IPV6_HOPLIMIT)) {
        found.ttl = view.getInt32(data, LITTLE_ENDIAN);
      }
      // struct in_pktinfo {int index; in_addr local; in_addr destination}, struct in6_pktinfo {in6_addr destination; …}.
      if (level === SOL_IP && type === IP_PKTINFO) found.destination = ipAt(this.#control, data + 8, 4);
      if (level === SOL_IPV6 && type === IPV6_PKTINFO) found.destination = ipAt(this.#control, data, 16);
      at += Math.ceil(length / P) * P;
    }
    return found;
  }
}

function ipAt(bytes: Uint8Array, at: number, length: number): Ip | undefined {
  const ip = ipFromBytes(bytes.subarray(at, at + length));
  return ip.ok ? ip.value : undefined;
}

function setWord(view: DataView, at: number, value: bigint): void {
  if (P === 8) view.setBigUint64(at, value, LITTLE_ENDIAN);
  else view.setUint32(at, Number(value), LITTLE_ENDIAN);
}

function getWord(view: DataView, at: number): number {
  return P === 8 ? Number(view.getBigUint64(at, LITTLE_ENDIAN)) : view.getUint32(at, LITTLE_ENDIAN);
}
