/** The addresses that Services carry: what is announced, by whichever protocol. */
import { type Ip, type IpFamily, ipFamily, ipValue } from '../../model/ip.ts';
import { formatKey, type ServiceView } from '../../model/service.ts';
import { compareText } from '../../model/text-order.ts';

export interface ServiceFacts {
  readonly services: readonly ServiceView[];
  /** Undefined: Services without a class; else just those of this class. */
  readonly loadBalancerClass: string | undefined;
}

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
export function carriedAddresses({ services, loadBalancerClass }: ServiceFacts): readonly CarriedAddress[] {
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
  const carried = Array.from(byAddress, ([ip, sharing]) => ({ ip, services: sharing.sort(byKey), value: ipValue(ip) }));
  const ordered = carried.sort((a, b) => (a.value < b.value ? -1 : 1));
  const ofFamily = (family: IpFamily) => ordered.filter(({ ip }) => ipFamily(ip) === family);
  return [...ofFamily('ipv4'), ...ofFamily('ipv6')];
}

function byKey(a: ServiceView, b: ServiceView): number {
  return compareText(formatKey(a), formatKey(b));
}
