/**
 * The C library's socket calls: the project's only binding to native code, through koffi. The calls are looked up in
 * the process itself, which has its C library loaded already, so glibc and musl need no names of their own. Structures
 * are built by the callers in buffers of their own, in the host's byte order.
 *
 * Each call either succeeds or throws a HostError, except `receive`, `send` and `accept`, whose failing is nothing out of
 * the ordinary, and which return the error number instead. All are synchronous and must not block: use them on
 * non-blocking descriptors only.
 */
import os from 'node:os';
import koffi from 'koffi';
import { HostError } from '../../../engine/host-error.ts';
import { MSG_DONTWAIT, SO_ATTACH_FILTER, SOCK_CLOEXEC, SOCK_NONBLOCK, SOL_SOCKET } from './constants.ts';

/** Of the structures that the kernel reads in the host's byte order. */
export const LITTLE_ENDIAN: boolean = os.endianness() === 'LE';

const libc = koffi.load(null);

/** <linux/filter.h> struct sock_fprog; its length counts instructions of 8 bytes. */
const filterProgram = koffi.struct('sock_fprog', { length: 'uint16_t', program: 'const uint8_t *' });

// ssize_t has the width of a pointer, as intptr_t does.
const calls = {
  socket: libc.func('int socket(int domain, int type, int protocol)'),
  socketpair: libc.func('int socketpair(int domain, int type, int protocol, _Out_ int *pair)'),
  bind: libc.func('int bind(int fd, const uint8_t *address, uint32_t length)'),
  connect: libc.func('int connect(int fd, const uint8_t *address, uint32_t length)'),
  getsockname: libc.func('int getsockname(int fd, uint8_t *address, uint8_t *length)'),
  listen: libc.func('int listen(int fd, int backlog)'),
  accept4: libc.func('int accept4(int fd, uint8_t *address, uint8_t *length, int flags)'),
  nameToIndex: libc.func('unsigned int if_nametoindex(const char *name)'),
  setsockopt: libc.func('int setsockopt(int fd, int level, int option, const uint8_t *value, uint32_t length)'),
  attachFilter: libc.func('int setsockopt(int fd, int level, int option, const sock_fprog *value, uint32_t length)'),
  getsockopt: libc.func('int getsockopt(int fd, int level, int option, uint8_t *value, uint8_t *length)'),
  recv: libc.func('intptr_t recv(int fd, uint8_t *buffer, size_t length, int flags)'),
  send: libc.func('intptr_t send(int fd, const uint8_t *buffer, size_t length, int flags)'),
  recvmsg: libc.func('intptr_t recvmsg(int fd, uint8_t *header, int flags)'),
  close: libc.func('int close(int fd)'),
  pthread_self: libc.func('uintptr_t pthread_self()'),
  pthread_setschedparam: libc.func('int pthread_setschedparam(uintptr_t thread, int policy, const uint8_t *param)'),
};

/** A call's place in a message: "bind packet socket to eth0". */
function checked(result: number, op: string): number {
  if (result < 0) throw new HostError(op, koffi.errno());
  return result;
}

export interface SocketKind {
  readonly domain: number;
  /** Flags for close-on-exec and non-blocking included. */
  readonly type: number;
  readonly protocol: number;
}

export function openSocket({ domain, type, protocol }: SocketKind, op: string): number {
  return checked(calls.socket(domain, type, protocol), op);
}

export function openSocketPair({ domain, type, protocol }: SocketKind, op: string): readonly [number, number] {
  const pair = [-1, -1];
  checked(calls.socketpair(domain, type, protocol, pair), op);
  return [pair[0] ?? -1, pair[1] ?? -1];
}

export function bindSocket(fd: number, address: Uint8Array, op: string): void {
  checked(calls.bind(fd, address, address.length), op);
}

/** For datagrams: where they go, and the only place they are taken from. Never waits. */
export function connectDatagrams(fd: number, address: Uint8Array, op: string): void {
  checked(calls.connect(fd, address, address.length), op);
}

/** Fills `address` with that of this side. */
export function getSocketName(fd: number, address: Uint8Array, op: string): void {
  const length = new Uint8Array(Uint32Array.of(address.length).buffer);
  checked(calls.getsockname(fd, address, length), op);
}

export function listenOn(fd: number, backlog: number, op: string): void {
  checked(calls.listen(fd, backlog), op);
}

/**
 * A connection's descriptor, or the error number, negated. `address` is filled with the other side's; it must have room for
 * one of the socket's family.
 */
export function accept(fd: number, address: Uint8Array): number {
  const length = new Uint8Array(Uint32Array.of(address.length).buffer);
  const accepted = calls.accept4(fd, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  return accepted < 0 ? -koffi.errno() : accepted;
}

/** 0: there is none of that name. */
export function interfaceIndex(name: string): number {
  return calls.nameToIndex(name);
}

export interface SocketOption {
  readonly level: number;
  readonly option: number;
}

export function setSocketOption(fd: number, { level, option }: SocketOption, value: Uint8Array, op: string): void {
  checked(calls.setsockopt(fd, level, option, value, value.length), op);
}

/** A C int in the host's byte order, for options that take one. */
export function intValue(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer);
}

/** Attaches an encoded classic BPF program; the kernel copies it during the call. */
export function attachFilter(fd: number, program: Uint8Array, op: string): void {
  const value = { length: program.length / 8, program };
  checked(calls.attachFilter(fd, SOL_SOCKET, SO_ATTACH_FILTER, value, koffi.sizeof(filterProgram)), op);
}

/** Fills `value` with the option; it must have the option's exact size. */
export function getSocketOption(fd: number, { level, option }: SocketOption, value: Uint8Array, op: string): void {
  const length = new Uint8Array(Uint32Array.of(value.length).buffer);
  checked(calls.getsockopt(fd, level, option, value, length), op);
}

/** Bytes received (a longer datagram is cut to the buffer), or the error number, negated. */
export function receive(fd: number, buffer: Uint8Array): number {
  const length = Number(calls.recv(fd, buffer, buffer.length, MSG_DONTWAIT));
  return length < 0 ? -koffi.errno() : length;
}

/** Into what a prepared struct msghdr points to. Bytes received, or the error number, negated. */
export function receiveMessage(fd: number, header: Uint8Array): number {
  const length = Number(calls.recvmsg(fd, header, MSG_DONTWAIT));
  return length < 0 ? -koffi.errno() : length;
}

/** Bytes sent, or the error number, negated. */
export function send(fd: number, bytes: Uint8Array): number {
  const length = Number(calls.send(fd, bytes, bytes.length, MSG_DONTWAIT));
  return length < 0 ? -koffi.errno() : length;
}

/** Never throws: a descriptor is gone after close, whatever it returns. */
export function closeDescriptor(fd: number): void {
  calls.close(fd);
}

/** Where the bytes lie in memory. They must be a view of a buffer of their own, which never moves. */
export function addressOf(bytes: Uint8Array): bigint {
  return koffi.address(bytes);
}

export const POINTER_BYTES: 4 | 8 = koffi.sizeof('void *') === 4 ? 4 : 8;

/** Of the calling thread. 0, or the error number: these calls do not use errno. */
export function setThreadScheduling(policy: number, priority: number): number {
  return calls.pthread_setschedparam(calls.pthread_self(), policy, intValue(priority));
}
