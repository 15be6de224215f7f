/** Which Services are this addon's to serve, and what their statuses show. */
import type { Pool } from '../../model/config.ts';
import { compareIps, type Ip, ipFamily } from '../../model/ip.ts';
import type { ServiceView } from '../../model/service.ts';
import { ALLOCATED_FROM, annotationOf } from './service-request.ts';

export interface OwnershipRules {
  /** Undefined: Services without a class; else just those of this class. */
  readonly loadBalancerClass: string | undefined;
  readonly poolOf: (ip: Ip) => Pool | undefined;
}

/** A Service that is not ours for a reason worth telling: somebody else fills its status. */
export function hasForeignStatus(service: ServiceView, poolOf: (ip: Ip) => Pool | undefined): boolean {
  if (service.ingress.length === 0 || annotationOf(service, ALLOCATED_FROM) !== undefined) return false;
  return service.ingress.every(({ ip }) => ip === undefined || poolOf(ip) === undefined);
}

export function isOurs(service: ServiceView, { loadBalancerClass, poolOf }: OwnershipRules): boolean {
  // The class goes with the type, so what is left to tell ours by is the annotation; clearing it up harms nobody.
  if (service.type !== 'LoadBalancer') return annotationOf(service, ALLOCATED_FROM) !== undefined;
  return service.loadBalancerClass === loadBalancerClass && !hasForeignStatus(service, poolOf);
}

/** The different addresses that the status shows, IPv4 first. */
export function shownAddresses({ ingress }: ServiceView): readonly Ip[] {
  if (ingress.length === 0) return [];
  const ips = ingress.flatMap(({ ip }) => (ip === undefined ? [] : [ip]));
  if (ips.length < 2) return ips;
  return Array.from(new Set(ips)).sort((a, b) => (ipFamily(a) === ipFamily(b) ? 0 : compareIps(a, b)));
}

/** Whether the status shows these addresses and nothing else, in whatever order. */
export function showsExactly({ ingress }: ServiceView, ips: readonly Ip[]): boolean {
  if (ingress.length !== ips.length) return false;
  return ingress.every(({ ip, hostname }) => ip !== undefined && hostname === undefined && ips.includes(ip));
}

/** Whether two views of a Service show the same in their statuses; ipMode, which the API server fills in, aside. */
export function isSameIngress(a: ServiceView, b: ServiceView): boolean {
  if (a.ingress.length !== b.ingress.length) return false;
  return a.ingress.every(({ ip, hostname, malformedIp }, i) => {
    const other = b.ingress[i];
    return ip === other?.ip && hostname === other?.hostname && malformedIp === other?.malformedIp;
  });
}
