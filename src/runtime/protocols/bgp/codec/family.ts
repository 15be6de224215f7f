/**
 * Address families as BGP names them: AFI and SAFI. Those of Services are spoken; others are carried as they are.
 * Implements: RFC 4760 §5, §6
 */
import type { IpFamily } from '../../../model/ip.ts';
import { AFI_IPV4, AFI_IPV6, SAFI_UNICAST } from '../iana.ts';

export interface Family {
  /** Address Family Number, 0 … 65535. */
  readonly afi: number;
  /** Subsequent Address Family Identifier, 0 … 255. */
  readonly safi: number;
}

export const IPV4_UNICAST: Family = { afi: AFI_IPV4, safi: SAFI_UNICAST };
export const IPV6_UNICAST: Family = { afi: AFI_IPV6, safi: SAFI_UNICAST };

export function unicastFamily(family: IpFamily): Family {
  return family === 'ipv4' ? IPV4_UNICAST : IPV6_UNICAST;
}

/** The addresses of a unicast family; undefined for all that is not spoken here. */
export function ipFamilyOf({ afi, safi }: Family): IpFamily | undefined {
  if (safi !== SAFI_UNICAST) return undefined;
  return afi === AFI_IPV4 ? 'ipv4' : afi === AFI_IPV6 ? 'ipv6' : undefined;
}

export function isSameFamily(a: Family, b: Family): boolean {
  return a.afi === b.afi && a.safi === b.safi;
}

/** "ipv4 unicast", or "AFI 25 SAFI 70" where there is no name here. */
export function formatFamily(family: Family): string {
  const name = ipFamilyOf(family);
  return name === undefined ? `AFI ${family.afi} SAFI ${family.safi}` : `${name} unicast`;
}
