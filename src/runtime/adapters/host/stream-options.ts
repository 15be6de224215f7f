/**
 * Options that a TCP socket needs before it connects, which Node has no words for: signatures, hop limits, the device. On
 * a listening socket the same ones count for what it accepts.
 *
 * Implements: RFC 2385 (by the kernel), RFC 5082 §3, RFC 4271 Appendix E (precedence)
 */
import type { HopLimit } from '../../engine/stream-ports.ts';
import { type Ip, type IpFamily, ipBytes, ipFamily } from '../../model/ip.ts';
import {
  AF_INET,
  AF_INET6,
  IP_MINTTL,
  IP_TOS,
  IP_TTL,
  IPV6_MINHOPCOUNT,
  IPV6_TCLASS,
  IPV6_UNICAST_HOPS,
  SO_BINDTODEVICE,
  SOL_IP,
  SOL_IPV6,
  SOL_SOCKET,
  SOL_TCP,
  TCP_MD5SIG,
} from './native/constants.ts';
import { intValue, LITTLE_ENDIAN, setSocketOption } from './native/libc.ts';

/** <linux/tcp.h> TCP_MD5SIG_MAXKEYLEN. */
const MAX_PASSWORD_BYTES = 80;
/** DSCP CS6, "internetwork control", as routers mark what they say to each other. */
const CLASS_SELECTOR_6 = 0xc0;
const MD5SIG_BYTES = 216;

export function setPassword(fd: number, peer: Ip, password: string): void {
  setSocketOption(fd, { level: SOL_TCP, option: TCP_MD5SIG }, md5Signature(peer, password), 'set the TCP MD5 password');
}

export function setHops(fd: number, family: IpFamily, hops: HopLimit): void {
  const v4 = family === 'ipv4';
  const level = v4 ? SOL_IP : SOL_IPV6;
  const ttl = hops.kind === 'ttl' ? hops.ttl : 255;
  setSocketOption(fd, { level, option: v4 ? IP_TTL : IPV6_UNICAST_HOPS }, intValue(ttl), 'set the hop limit');
  if (hops.kind === 'ttl') return;
  const least = intValue(256 - hops.hops);
  setSocketOption(fd, { level, option: v4 ? IP_MINTTL : IPV6_MINHOPCOUNT }, least, 'set the least hop limit (GTSM)');
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
