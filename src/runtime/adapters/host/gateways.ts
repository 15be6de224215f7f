/**
 * The addresses that this host's default routes go to, of both families and all routing tables, read from the kernel
 * over rtnetlink. Needs no privilege; sees the network namespace it is called in.
 *
 * A router's table may hold a hundred thousand routes, and the kernel tells only all of them: the answer is read in turns
 * of the event loop, so that nothing else on the thread waits for it.
 */
import os from 'node:os';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { HostError } from '../../engine/host-error.ts';
import type { Ip } from '../../model/ip.ts';
import {
  AF_INET,
  AF_INET6,
  AF_NETLINK,
  NETLINK_ROUTE,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
} from './native/constants.ts';
import * as libc from './native/libc.ts';
import { decodeNetlink, encodeDumpRequest, RTM_GETROUTE } from './rtnetlink-codec.ts';

const OP = 'list default routes';
/** Larger than any datagram the kernel makes: dumps come in pieces of at most 32 KiB. */
const DATAGRAM_BYTES = 1 << 16;
/** Some 400 routes each. */
const DATAGRAMS_PER_TURN = 4;
/** A dump that changes disturbed may have gaps: it is repeated, and what any of them showed counts. */
const DUMP_TRIES = 3;

const { EAGAIN, EINTR, EIO, EPROTO } = os.constants.errno;

/** Each once, in a fixed order. Rejects with HostError. */
export async function readGateways(): Promise<readonly Ip[]> {
  const gateways = new Set<Ip>();
  for (const family of [AF_INET, AF_INET6]) {
    let outcome: 'complete' | 'disturbed' = 'disturbed';
    for (let tries = 0; tries < DUMP_TRIES && outcome === 'disturbed'; tries++) {
      outcome = await dump(family, gateways);
    }
  }
  return [...gateways].sort();
}

/** A socket for each dump: whatever is left over of one cannot be taken for a part of the next. */
async function dump(family: number, gateways: Set<Ip>): Promise<'complete' | 'disturbed'> {
  const type = SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const fd = libc.openSocket({ domain: AF_NETLINK, type, protocol: NETLINK_ROUTE }, OP);
  try {
    const sent = libc.send(fd, encodeDumpRequest(RTM_GETROUTE, 1, libc.LITTLE_ENDIAN, family));
    if (sent < 0) throw new HostError(OP, -sent);
    const buffer = new Uint8Array(DATAGRAM_BYTES);
    let outcome: 'complete' | 'disturbed' = 'complete';
    for (let count = 1; ; count++) {
      const { disturbed, ended } = readDatagram(fd, buffer, gateways);
      if (disturbed) outcome = 'disturbed';
      if (ended) return outcome;
      // The kernel makes the next piece when this one is read: there is none to be lost meanwhile.
      if (count % DATAGRAMS_PER_TURN === 0) await nextTurn();
    }
  } finally {
    libc.closeDescriptor(fd);
  }
}

interface DatagramRead {
  readonly disturbed: boolean;
  readonly ended: boolean;
}

function readDatagram(fd: number, buffer: Uint8Array, gateways: Set<Ip>): DatagramRead {
  const length = libc.receive(fd, buffer);
  if (length === -EINTR) return { disturbed: false, ended: false };
  if (length === -EAGAIN) throw new HostError(OP, EIO, { detail: 'the kernel broke off its answer' });
  if (length < 0) throw new HostError(OP, -length);
  const messages = decodeNetlink(buffer.subarray(0, length), libc.LITTLE_ENDIAN);
  if (!messages.ok) throw new HostError(OP, EPROTO, { detail: messages.error });
  let disturbed = false;
  let ended = false;
  for (const message of messages.value) {
    if (message.kind === 'default-route') for (const gateway of message.gateways) gateways.add(gateway);
    if (message.kind === 'error' && message.errno !== 0) throw new HostError(OP, message.errno);
    disturbed ||= message.kind === 'interrupted';
    ended ||= message.kind === 'done';
  }
  return { disturbed, ended };
}
