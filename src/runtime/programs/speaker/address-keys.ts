/**
 * Announced addresses as the packet path looks them up: numbers for IPv4, keys for IPv6. Converting takes microseconds an
 * address and a table may hold ten thousand, so a table's keys are made from those of the one before it.
 */
import { type Ip, ipFamily } from '../../model/ip.ts';
import { type Ipv4Bits, ipv4FromBits, ipv4ToBits } from '../../protocols/ip/ipv4.ts';
import { type Ipv6Key, ipv6FromKey, ipv6ToKey } from '../../protocols/ip/ipv6.ts';

export type AddressKey = Ipv4Bits | Ipv6Key;

/** The keys of a table's addresses, in its order. */
export type AddressKeys = ReadonlyMap<Ip, AddressKey>;

export function addressKey(ip: Ip): AddressKey {
  return ipFamily(ip) === 'ipv4' ? ipv4ToBits(ip) : ipv6ToKey(ip);
}

export function addressOf(key: AddressKey): Ip {
  return isIpv4(key) ? ipv4FromBits(key) : ipv6FromKey(key);
}

export function isIpv4(key: AddressKey): key is Ipv4Bits {
  return typeof key === 'number';
}

/** `known` saves work for the addresses that it holds. */
export function keysOf(addresses: Iterable<Ip>, known: AddressKeys): AddressKeys {
  const keys = new Map<Ip, AddressKey>();
  for (const ip of addresses) keys.set(ip, known.get(ip) ?? addressKey(ip));
  return keys;
}
