/**
 * The addresses by which a router reaches this node, for the next hops of its routes: the address that the connection goes
 * out by, and for the other family one of the same interface. Pure.
 *
 * Source: RFC 4271 §5.1.3, RFC 2545 §3; an interface's first global address counts, as the kernel lists them.
 */
import { type InterfaceFacts, interfaceIps } from '../../../model/announcements.ts';
import { type Ip, ipFamily, isLinkLocal } from '../../../model/ip.ts';
import type { NextHops } from '../../../protocols/bgp/interface.ts';

export function nextHopsOf(local: Ip, interfaces: readonly InterfaceFacts[], device: string | undefined): NextHops {
  const own = interfaces.find((candidate) => {
    return (
      (device === undefined || !isLinkLocal(local) || candidate.name === device) &&
      interfaceIps(candidate).includes(local)
    );
  });
  const beside = (own === undefined ? [] : interfaceIps(own)).filter((ip) => !isLinkLocal(ip));
  const ipv4 = ipFamily(local) === 'ipv4' ? local : beside.find((ip) => ipFamily(ip) === 'ipv4');
  const isGlobal = ipFamily(local) === 'ipv6' && !isLinkLocal(local);
  const ipv6 = isGlobal ? local : beside.find((ip) => ipFamily(ip) === 'ipv6');
  return {
    ...(ipv4 === undefined ? {} : { ipv4 }),
    ...(ipv6 === undefined ? {} : { ipv6 }),
    ...(isLinkLocal(local) ? { linkLocal: local } : {}),
  };
}
