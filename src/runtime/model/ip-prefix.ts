/**
 * IP prefixes as values: "192.0.2.0/24", "2001:db8::/32". An `IpPrefix` is a string like an `Ip`: canonical address with
 * all host bits zero, and length without leading zeros, so that equal prefixes are equal strings.
 */
import { type Ip, type IpFamily, ipBits, ipBytes, ipFamily, ipFromBytes, parseIp } from './ip.ts';
import { err, ok, type Result } from './result.ts';

declare const ipPrefixBrand: unique symbol;
export type IpPrefix = string & { readonly [ipPrefixBrand]: true };

/** The prefix of this length that the address lies in: host bits are dropped. A length beyond the family's is a bug. */
export function ipPrefix(ip: Ip, lengthBits: number): IpPrefix {
  const width = ipBits(ipFamily(ip));
  if (!Number.isInteger(lengthBits) || lengthBits < 0 || lengthBits > width) {
    throw new RangeError(`a prefix of ${lengthBits} bits of ${ip}`);
  }
  return (lengthBits === width ? `${ip}/${width}` : `${maskedIp(ip, lengthBits)}/${lengthBits}`) as IpPrefix;
}

/** Parses "address/length"; host bits are dropped. */
export function parseIpPrefix(text: string): Result<IpPrefix> {
  const parts = parseIpAndLength(text);
  if (!parts.ok) return err(`"${text}" is not a prefix: ${parts.error}`);
  return ok(ipPrefix(parts.value.ip, parts.value.lengthBits));
}

/** Parses "address/length" and leaves the host bits; the error is the reason alone. */
export function parseIpAndLength(text: string): Result<{ readonly ip: Ip; readonly lengthBits: number }> {
  const [address = '', length = '', ...rest] = text.split('/');
  const ip = parseIp(address);
  if (!ip.ok) return ip;
  const width = ipBits(ipFamily(ip.value));
  if (rest.length > 0 || !/^(0|[1-9][0-9]{0,2})$/.test(length) || Number(length) > width) {
    return err(`the prefix length must be a number from 0 to ${width}`);
  }
  return ok({ ip: ip.value, lengthBits: Number(length) });
}

export function prefixFamily(prefix: IpPrefix): IpFamily {
  return prefix.includes(':') ? 'ipv6' : 'ipv4';
}

/** How many bits of its address count: 0 … 32 or 128. */
export function prefixLengthBits(prefix: IpPrefix): number {
  let length = 0;
  for (let i = prefix.lastIndexOf('/') + 1; i < prefix.length; i++) length = length * 10 + prefix.charCodeAt(i) - 0x30;
  return length;
}

/** Its address, all host bits zero. */
export function prefixIp(prefix: IpPrefix): Ip {
  return prefix.slice(0, prefix.lastIndexOf('/')) as Ip;
}

function maskedIp(ip: Ip, lengthBits: number): Ip {
  const bytes = ipBytes(ip);
  const whole = lengthBits >> 3;
  bytes.fill(0, whole + (lengthBits % 8 === 0 ? 0 : 1));
  if (lengthBits % 8 !== 0) bytes[whole] = (bytes[whole] as number) & (0xff00 >> (lengthBits % 8));
  const masked = ipFromBytes(bytes);
  if (!masked.ok) throw new Error(masked.error);
  return masked.value;
}
