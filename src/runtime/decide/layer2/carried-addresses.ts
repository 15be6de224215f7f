/** The addresses that Services carry, and which of them belong together. */
import { type Ip, type IpFamily, ipFamily, ipValue } from '../../model/ip.ts';
import { formatKey, type ServiceView } from '../../model/service.ts';
import { compareText } from '../../model/text-order.ts';
import type { Layer2Facts } from './layer2-facts.ts';

export interface CarriedAddress {
  readonly ip: Ip;
  /** The Services that carry it, ordered by "namespace/name". Never empty. */
  readonly services: readonly ServiceView[];
}

/** Whether this addon serves the Service at all. */
export function isOurs(service: ServiceView, loadBalancerClass: string | undefined): boolean {
  return service.type === 'LoadBalancer' && service.loadBalancerClass === loadBalancerClass;
}

/** Ordered by address. */
export function carriedAddresses({ services, loadBalancerClass }: Layer2Facts): readonly CarriedAddress[] {
  const byAddress = new Map<Ip, ServiceView[]>();
  for (const service of services) {
    if (!isOurs(service, loadBalancerClass)) continue;
    for (const { ip } of service.ingress) {
      if (ip === undefined) continue;
      const sharing = byAddress.get(ip);
      if (sharing === undefined) byAddress.set(ip, [service]);
      else if (!sharing.includes(service)) sharing.push(service);
    }
  }
  // Values once an address, not once a comparison: of an IPv6 address they cost a microsecond.
  return [...byAddress]
    .map(([ip, sharing]) => ({ ip, family: ipFamily(ip), value: ipValue(ip), services: sharing.sort(byKey) }))
    .sort((a, b) => compareText(a.family, b.family) || (a.value < b.value ? -1 : 1))
    .map(({ ip, services: sharing }) => ({ ip, services: sharing }));
}

/**
 * For each address the numbers of its groups: the addresses of one family that one Service carries, where they are
 * several. Groups are numbered by their first address.
 */
export function groupsOf(addresses: readonly CarriedAddress[]): readonly (readonly number[])[] {
  const named = addresses.map(({ ip, services }) => {
    const several = services.filter(({ ingress }) => ingress.length > 1);
    return several.map((service) => groupName(service, ipFamily(ip)));
  });
  const sizes = new Map<string, number>();
  for (const name of named.flat()) sizes.set(name, (sizes.get(name) ?? 0) + 1);
  const numbers = new Map<string, number>();
  return named.map((names) =>
    names
      .filter((name) => (sizes.get(name) ?? 0) > 1)
      .map((name) => {
        const number = numbers.get(name) ?? numbers.size;
        numbers.set(name, number);
        return number;
      }),
  );
}

function groupName(service: ServiceView, family: IpFamily): string {
  return `${formatKey(service)} ${family}`;
}

function byKey(a: ServiceView, b: ServiceView): number {
  return compareText(formatKey(a), formatKey(b));
}
