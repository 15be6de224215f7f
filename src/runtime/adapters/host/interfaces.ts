/**
 * The host's interfaces behind the InterfaceWatch port: an rtnetlink socket that dumps them once and then hears of
 * every change. When the kernel had to drop messages, or says that a dump was disturbed, everything is read anew.
 * Needs no privilege. Sees the network namespace it was opened in.
 */
import os from 'node:os';
import { HostError } from '../../engine/host-error.ts';
import type { Log } from '../../engine/log.ts';
import type { HostInterface, InterfaceWatch } from '../../engine/network-ports.ts';
import { InterfaceInventory } from './interface-inventory.ts';
import {
  AF_NETLINK,
  NETLINK_ROUTE,
  RTMGRP_IPV4_IFADDR,
  RTMGRP_IPV6_IFADDR,
  RTMGRP_LINK,
  SO_RCVBUF,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_SOCKET,
} from './native/constants.ts';
import * as libc from './native/libc.ts';
import { ReadableWatch } from './native/readable.ts';
import { decodeNetlink, encodeDumpRequest, type NetlinkMessage, RTM_GETADDR, RTM_GETLINK } from './rtnetlink-codec.ts';

/** Larger than any datagram the kernel makes: dumps come in pieces of at most 32 KiB. */
const DATAGRAM_BYTES = 1 << 16;
/** Room for a burst of changes, as when a node's pods all start; the kernel caps it at net.core.rmem_max. */
const RECEIVE_BUFFER_BYTES = 1 << 20;
const DATAGRAMS_PER_TURN = 64;
/** Dumps disturbed by changes are repeated this often at once; then the changes themselves trigger the next. */
const DUMP_TRIES = 5;

const { EAGAIN, EINTR, EIO, ENOBUFS } = os.constants.errno;

/** Opens the watch with the interfaces read already. Main thread only. Throws HostError. */
export function watchInterfaces(log: Log): InterfaceWatch {
  return new RtnetlinkWatch(log);
}

class RtnetlinkWatch implements InterfaceWatch {
  readonly #fd: number;
  readonly #log: Log;
  readonly #inventory = new InterfaceInventory();
  readonly #callbacks = new Set<() => void>();
  readonly #watch: ReadableWatch;
  readonly #buffer = new Uint8Array(DATAGRAM_BYTES);
  #sequence = 0;
  /** Messages were lost and the last attempt to read everything anew was disturbed. */
  #inDoubt = true;
  #current: readonly HostInterface[];
  #open = true;

  constructor(log: Log) {
    this.#log = log;
    this.#fd = openBound();
    try {
      this.#dumpAll();
    } catch (error) {
      libc.closeDescriptor(this.#fd);
      throw error;
    }
    this.#current = this.#inventory.current();
    this.#watch = new ReadableWatch(this.#fd, {
      readable: () => this.#readEvents(),
      stuck: (error) => {
        throw error;
      },
    });
  }

  current(): readonly HostInterface[] {
    return this.#current;
  }

  onChange(callback: () => void): () => void {
    const own = () => callback();
    this.#callbacks.add(own);
    return () => this.#callbacks.delete(own);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#callbacks.clear();
    this.#watch.close();
  }

  #readEvents(): 'read' | 'nothing' {
    let outcome: 'read' | 'nothing' = 'nothing';
    for (let count = 0; count < DATAGRAMS_PER_TURN; count++) {
      const received = this.#receive();
      if (received === 'nothing') break;
      outcome = 'read';
      this.#inDoubt ||= received === 'lost' || received.some(({ kind }) => kind === 'overrun');
    }
    if (this.#inDoubt) this.#dumpAll();
    this.#tellChanges();
    return outcome;
  }

  /** One datagram's messages, applied; 'lost': what is known may be out of date. Throws HostError. */
  #receive(): NetlinkMessage[] | 'nothing' | 'lost' {
    const length = libc.receive(this.#fd, this.#buffer);
    if (length < 0) {
      if (-length === EAGAIN || -length === EINTR) return 'nothing';
      if (-length === ENOBUFS) return 'lost';
      throw new HostError('receive interface changes', -length);
    }
    const messages = decodeNetlink(this.#buffer.subarray(0, length), libc.LITTLE_ENDIAN);
    if (!messages.ok) {
      this.#log.warn({ error: messages.error }, 'unreadable message about network interfaces passed over');
      return [];
    }
    for (const message of messages.value) {
      if ('index' in message) this.#inventory.apply(message);
    }
    return messages.value;
  }

  /** The kernel answers a dump within the calls that ask for it, so this neither waits nor needs the event loop. */
  #dumpAll(): void {
    for (let tries = 0; tries < DUMP_TRIES; tries++) {
      this.#inventory.beginDump();
      const links = this.#dump(RTM_GETLINK, 'list network interfaces');
      const addresses = this.#dump(RTM_GETADDR, 'list addresses of network interfaces');
      if (links === 'complete' && addresses === 'complete') {
        this.#inventory.endDump();
        this.#inDoubt = false;
        return;
      }
    }
    // The changes that disturbed it are queued as events; they bring us back here.
    this.#log.warn({ tries: DUMP_TRIES }, 'network interfaces keep changing while they are read');
  }

  #dump(type: number, op: string): 'complete' | 'disturbed' {
    this.#sequence += 1;
    const sent = libc.send(this.#fd, encodeDumpRequest(type, this.#sequence, libc.LITTLE_ENDIAN));
    if (sent < 0) throw new HostError(op, -sent);
    let disturbed = false;
    for (;;) {
      const received = this.#receive();
      if (received === 'nothing') throw new HostError(op, EIO, { detail: 'the kernel broke off its answer' });
      if (received === 'lost') {
        disturbed = true;
        continue;
      }
      disturbed ||= received.some(({ kind }) => kind === 'interrupted' || kind === 'overrun');
      const end = received.find((message) => isAnswer(message, this.#sequence));
      if (end?.kind === 'error' && end.errno !== 0) throw new HostError(op, end.errno);
      if (end?.kind === 'done') return disturbed ? 'disturbed' : 'complete';
    }
  }

  #tellChanges(): void {
    const before = this.#current;
    this.#current = this.#inventory.current();
    if (this.#current === before) return;
    for (const callback of this.#callbacks) callback();
  }
}

function isAnswer(message: NetlinkMessage, sequence: number): boolean {
  return (message.kind === 'done' || message.kind === 'error') && message.sequence === sequence;
}

function openBound(): number {
  const op = 'watch network interfaces';
  const type = SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const fd = libc.openSocket({ domain: AF_NETLINK, type, protocol: NETLINK_ROUTE }, op);
  try {
    libc.setSocketOption(fd, { level: SOL_SOCKET, option: SO_RCVBUF }, libc.intValue(RECEIVE_BUFFER_BYTES), op);
    libc.bindSocket(fd, netlinkAddress(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR), op);
    return fd;
  } catch (error) {
    libc.closeDescriptor(fd);
    throw error;
  }
}

/** struct sockaddr_nl {u16 family; u16 pad; u32 port; u32 groups}; port 0: the kernel chooses. */
function netlinkAddress(groups: number): Uint8Array {
  const address = new Uint8Array(12);
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_NETLINK, libc.LITTLE_ENDIAN);
  view.setUint32(8, groups, libc.LITTLE_ENDIAN);
  return address;
}
