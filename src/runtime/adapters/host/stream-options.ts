/**
 * Options that a TCP socket needs before it connects, which Node has no words for: signatures, hop limits, the device. On
 * a listening socket the same ones count for what it accepts.
 *
 * Implements: RFC 2385 (by the kernel), RFC 5082 §3, RFC 4271 Appendix E (precedence)
 */
import type { HopLimit } from '../../engine/stream-ports.ts';
import { type Ip, type IpFamily, ipBytes, ipFamily, ipFromBytes } from '../../model/ip.ts';
import {
  AF_INET,
  AF_INET6,
  IP_MINTTL,
  IP_MULTICAST_TTL,
  IP_TOS,
  IP_TTL,
  IPV6_MINHOPCOUNT,
  IPV6_MULTICAST_HOPS,
  IPV6_TCLASS,
  IPV6_UNICAST_HOPS,
  SO_BINDTODEVICE,
  SO_LINGER,
  SOL_IP,
  SOL_IPV6,
  SOL_SOCKET,
  SOL_TCP,
  TCP_MD5SIG,
} from './native/constants.ts';
import { getSocketOption, intValue, LITTLE_ENDIAN, setSocketOption } from './native/libc.ts';

/** <linux/tcp.h> TCP_MD5SIG_MAXKEYLEN. */
const MAX_PASSWORD_BYTES = 80;
/** DSCP CS6, "internetwork control", as routers mark what they say to each other. */
const CLASS_SELECTOR_6 = 0xc0;
const MD5SIG_BYTES = 216;

/** On a listening socket: of who connects from that address. Throws a RangeError for a password that is too long. */
export function setPassword(fd: number, peer: Ip, password: string): void {
  setSocketOption(fd, { level: SOL_TCP, option: TCP_MD5SIG }, md5Signature(peer, password), 'set the TCP MD5 password');
}

/** On a listening socket: whoever connects from that address need not sign any more. */
export function clearPassword(fd: number, peer: Ip): void {
  const signature = new Uint8Array(MD5SIG_BYTES);
  signature.set(socketAddress(peer, 0));
  setSocketOption(fd, { level: SOL_TCP, option: TCP_MD5SIG }, signature, 'clear the TCP MD5 password');
}

export function setHops(fd: number, family: IpFamily, hops: HopLimit): void {
  const v4 = family === 'ipv4';
  const level = v4 ? SOL_IP : SOL_IPV6;
  const ttl = hops.kind === 'ttl' ? hops.ttl : 255;
  setSocketOption(fd, { level, option: v4 ? IP_TTL : IPV6_UNICAST_HOPS }, intValue(ttl), 'set the hop limit');
  if (hops.kind === 'gtsm') setLeastHops(fd, family, leastHops(hops));
}

/** What comes with a smaller TTL or hop limit is dropped by the kernel, 0 … 255. */
export function setLeastHops(fd: number, family: IpFamily, least: number): void {
  const v4 = family === 'ipv4';
  const option = { level: v4 ? SOL_IP : SOL_IPV6, option: v4 ? IP_MINTTL : IPV6_MINHOPCOUNT };
  setSocketOption(fd, option, intValue(least), 'set the least hop limit (GTSM)');
}

/** With what TTL or hop limit a datagram must arrive: 0 … 255. */
export function leastHops(hops: HopLimit): number {
  return hops.kind === 'ttl' ? 0 : 256 - hops.hops;
}

/**
 * With what TTL or hop limit the datagram came that completed a connection that was accepted. The kernel notes it where
 * the socket's own limit for multicast is kept, which a TCP socket has no use for.
 */
export function handshakeHops(fd: number, family: IpFamily): number {
  const v4 = family === 'ipv4';
  const option = v4 ? { level: SOL_IP, option: IP_MULTICAST_TTL } : { level: SOL_IPV6, option: IPV6_MULTICAST_HOPS };
  const value = new Int32Array(1);
  getSocketOption(fd, option, new Uint8Array(value.buffer), 'read the hop limit of a handshake');
  return value[0] ?? 0;
}

/** Closing the socket breaks its connection off at once (RST), and leaves nothing of it in the kernel. */
export function breakOffOnClose(fd: number): void {
  const linger = new Uint8Array(Int32Array.of(1, 0).buffer);
  setSocketOption(fd, { level: SOL_SOCKET, option: SO_LINGER }, linger, 'have the connection broken off');
}

export function setPrecedence(fd: number, family: IpFamily): void {
  const option = family === 'ipv4' ? { level: SOL_IP, option: IP_TOS } : { level: SOL_IPV6, option: IPV6_TCLASS };
  setSocketOption(fd, option, intValue(CLASS_SELECTOR_6), 'set the precedence');
}

export function bindToDevice(fd: number, device: string): void {
  const option = { level: SOL_SOCKET, option: SO_BINDTODEVICE };
  setSocketOption(fd, option, new TextEncoder().encode(`${device}\0`), `bind to ${device}`);
}

/**
 * <linux/in.h> struct sockaddr_in, 16 bytes, or <linux/in6.h> struct sockaddr_in6, 28, without a scope: that of a link-local
 * address is the device that the socket is bound to.
 */
export function socketAddress(ip: Ip, port: number): Uint8Array {
  const v4 = ipFamily(ip) === 'ipv4';
  const bytes = new Uint8Array(v4 ? 16 : 28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, v4 ? AF_INET : AF_INET6, LITTLE_ENDIAN);
  view.setUint16(2, port);
  bytes.set(ipBytes(ip), v4 ? 4 : 8);
  return bytes;
}

/** What socketAddress makes, read back, with the index of the interface that a link-local address is behind, else 0. */
export function readSocketAddress(bytes: Uint8Array): { readonly ip: Ip; readonly scope: number } | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const v4 = view.getUint16(0, LITTLE_ENDIAN) === AF_INET;
  const ip = ipFromBytes(v4 ? bytes.subarray(4, 8) : bytes.subarray(8, 24));
  return ip.ok ? { ip: ip.value, scope: v4 ? 0 : view.getUint32(24, LITTLE_ENDIAN) } : undefined;
}

/**
 * <linux/tcp.h> struct tcp_md5sig: address[128] · flags u8 · prefix length u8 · key length u16 · interface index s32 ·
 * key[80]. The port is left open, 0: the kernel does not compare it.
 */
function md5Signature(peer: Ip, password: string): Uint8Array {
  const key = new TextEncoder().encode(password);
  if (key.length === 0 || key.length > MAX_PASSWORD_BYTES) {
    throw new RangeError(`a TCP MD5 password has 1 to ${MAX_PASSWORD_BYTES} bytes, this one ${key.length}`);
  }
  const bytes = new Uint8Array(MD5SIG_BYTES);
  bytes.set(socketAddress(peer, 0), 0);
  new DataView(bytes.buffer).setUint16(130, key.length, LITTLE_ENDIAN);
  bytes.set(key, 136);
  return bytes;
}
