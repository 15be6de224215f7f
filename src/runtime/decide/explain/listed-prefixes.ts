/** What a session's router was told, as a BGPSessionStatus lists it: looked up by address, thousands of times. */
import type { BgpSessionStatus } from '../../model/bgp-session-status.ts';
import { type Ip, ipFamily } from '../../model/ip.ts';
import { type IpPrefix, ipPrefix, parseIpPrefix, prefixFamily, prefixLengthBits } from '../../model/ip-prefix.ts';

export class ListedPrefixes {
  readonly #prefixes: ReadonlySet<IpPrefix>;
  /** Of each family, the lengths that there are. */
  readonly #lengths: Readonly<Record<'ipv4' | 'ipv6', ReadonlySet<number>>>;
  /** The list is all that the router was told, and not its beginning. */
  readonly isWhole: boolean;

  constructor({ prefixes, advertisedPrefixes }: Pick<BgpSessionStatus, 'prefixes' | 'advertisedPrefixes'>) {
    const parsed = prefixes.flatMap((text) => {
      const prefix = parseIpPrefix(text);
      return prefix.ok ? [prefix.value] : [];
    });
    const lengthsOf = (family: 'ipv4' | 'ipv6') =>
      new Set(parsed.filter((prefix) => prefixFamily(prefix) === family).map(prefixLengthBits));
    this.#prefixes = new Set(parsed);
    this.#lengths = { ipv4: lengthsOf('ipv4'), ipv6: lengthsOf('ipv6') };
    this.isWhole = prefixes.length >= advertisedPrefixes;
  }

  cover(ip: Ip): boolean {
    return Array.from(this.#lengths[ipFamily(ip)]).some((length) => this.#prefixes.has(ipPrefix(ip, length)));
  }
}
