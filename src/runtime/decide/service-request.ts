/**
 * What a Service asks for, read from its annotations and spec, checked as far as that goes without looking at pools.
 * An annotation under metallb.io/ wins over the old one under metallb.universe.tf/, even when it is empty.
 */
import { type Ip, type IpFamily, ipFamily, parseIp } from '../model/ip.ts';
import { err, ok, type Result } from '../model/result.ts';
import type { ServicePort, ServiceView } from '../model/service.ts';
import { type Refusal, refusal } from './allocation-reason.ts';

export const POOL_REQUEST = 'address-pool';
export const ADDRESS_REQUEST = 'loadBalancerIPs';
export const SHARING_KEY = 'allow-shared-ip';
/** Written by the controller: the pool that the Service's addresses are of. */
export const ALLOCATED_FROM = 'ip-allocated-from-pool';
const PREFIX = 'metallb.io/';
const OLD_PREFIX = 'metallb.universe.tf/';

export interface ServiceRequest {
  /** The families it must or may have, the primary first. */
  readonly families: readonly IpFamily[];
  /** 'prefer': one of two families is enough. */
  readonly dualStack: 'no' | 'prefer' | 'require';
  readonly pool?: string;
  /** One, or one of each family. */
  readonly ips?: readonly Ip[];
}

/** Who may use an address together with this Service. */
export interface Sharing {
  /** "": with nobody. */
  readonly key: string;
  /** Services on one address must send its traffic to the same places: equal for all of them. */
  readonly backend: string;
  readonly ports: readonly ServicePort[];
}

/** The annotation's value, by its name without the prefix. */
export function annotationOf(service: ServiceView, name: string): string | undefined {
  return service.annotations[PREFIX + name] ?? service.annotations[OLD_PREFIX + name];
}

/** The annotations in use that have a newer name, ordered. */
export function deprecatedAnnotations(service: ServiceView): string[] {
  return [POOL_REQUEST, ADDRESS_REQUEST, SHARING_KEY]
    .map((name) => OLD_PREFIX + name)
    .filter((key) => service.annotations[key] !== undefined)
    .sort();
}

export function sharingOf(service: ServiceView): Sharing {
  const local = service.externalTrafficPolicy === 'Local';
  return {
    key: annotationOf(service, SHARING_KEY) ?? '',
    // Local: traffic goes to the node's own endpoints, so both must have the same ones. Cluster: it goes anywhere.
    backend: local ? `Local ${JSON.stringify(Object.entries(service.selector).sort())}` : '',
    ports: service.ports,
  };
}

export function readRequest(service: ServiceView): Result<ServiceRequest, Refusal> {
  const families = readFamilies(service);
  if (!families.ok) return families;
  const ips = readRequestedIps(service, families.value);
  if (!ips.ok) return ips;
  const pool = annotationOf(service, POOL_REQUEST);
  return ok({
    ...families.value,
    ...(pool === undefined || pool === '' ? {} : { pool }),
    ...(ips.value.length === 0 ? {} : { ips: ips.value }),
  });
}

type Families = Pick<ServiceRequest, 'families' | 'dualStack'>;

/** The families follow the cluster addresses, which is what nodes can forward to. */
export function readFamilies(service: ServiceView): Result<Families, Refusal> {
  const families = Array.from(new Set(service.clusterIps.map(ipFamily)));
  const [primary] = families;
  if (primary === undefined) return err(refusal('NoClusterIP', 'the Service has no cluster address to forward to'));
  if (families.length === 1) {
    if (service.ipFamilyPolicy !== 'RequireDualStack') return ok({ families, dualStack: 'no' });
    const message = 'ipFamilyPolicy is RequireDualStack, but the Service has cluster addresses of one family only';
    return err(refusal('NotEnoughClusterIPs', message));
  }
  if (service.ipFamilyPolicy === 'SingleStack') return ok({ families: [primary], dualStack: 'no' });
  return ok({ families, dualStack: service.ipFamilyPolicy === 'RequireDualStack' ? 'require' : 'prefer' });
}

function readRequestedIps(service: ServiceView, wanted: Families): Result<readonly Ip[], Refusal> {
  const annotation = annotationOf(service, ADDRESS_REQUEST);
  const field = service.loadBalancerIp;
  if (annotation !== undefined && field !== undefined) {
    const message = `annotation ${PREFIX}${ADDRESS_REQUEST} and spec.loadBalancerIP are both set: remove one`;
    return err(refusal('RequestsConflict', message));
  }
  const text = annotation ?? field;
  if (text === undefined) return ok([]);
  const where = annotation === undefined ? 'spec.loadBalancerIP' : `annotation ${PREFIX}${ADDRESS_REQUEST}`;
  const ips: Ip[] = [];
  for (const part of text.split(',')) {
    const ip = parseIp(part.trim());
    if (!ip.ok) return err(refusal('RequestMalformed', `${where}: ${ip.error}`));
    ips.push(ip.value);
  }
  const families = new Set(ips.map(ipFamily));
  if (families.size !== ips.length) {
    return err(refusal('RequestMalformed', `${where}: "${text}" names more than one address of a family`));
  }
  return familiesFit(families, wanted)
    ? ok(ips)
    : err(
        refusal(
          'RequestFamilyMismatch',
          `${where}: "${text}" does not fit the Service's ${wanted.families.join(' and ')}`,
        ),
      );
}

/**
 * Deviation: MetalLB refuses one requested address for a PreferDualStack Service. Here it is that family's address, and
 * the other family's comes from the same pool if that has one.
 */
function familiesFit(requested: ReadonlySet<IpFamily>, wanted: Families): boolean {
  const known = Array.from(requested).every((family) => wanted.families.includes(family));
  return known && (wanted.dualStack === 'prefer' || requested.size === wanted.families.length);
}
