/**
 * What a Service asks for, read from its annotations and spec, checked as far as that goes without looking at pools.
 * An annotation under metallb.io/ wins over the old one under metallb.universe.tf/, even when it is empty.
 */
import { type Ip, type IpFamily, ipFamily, parseIp } from '../../model/ip.ts';
import { err, ok, type Result } from '../../model/result.ts';
import type { ServicePort, ServiceView } from '../../model/service.ts';
import { type Refusal, refusal } from './allocation-reason.ts';

export const POOL_REQUEST = 'address-pool';
export const ADDRESS_REQUEST = 'loadBalancerIPs';
export const SHARING_KEY = 'allow-shared-ip';
/** How many addresses of each family the Service wants, out of one pool. Absent: one. */
export const ADDRESS_COUNT = 'address-count';
/** "true": the Service moves out of a pool that drains, as if the pool moved everybody. */
export const LEAVE_DRAINING_POOL = 'leave-draining-pool';
/** More would be a mistake: one for each node that answers is what there is to gain. */
export const MAX_ADDRESS_COUNT = 64;
/** Written by the controller: the pool that the Service's addresses are of. */
export const ALLOCATED_FROM = 'ip-allocated-from-pool';
const PREFIX = 'metallb.io/';
const OLD_PREFIX = 'metallb.universe.tf/';

const NAMES = [POOL_REQUEST, ADDRESS_REQUEST, SHARING_KEY, ADDRESS_COUNT, LEAVE_DRAINING_POOL, ALLOCATED_FROM] as const;
type AnnotationName = (typeof NAMES)[number];
/** Spelled out once: they are looked up for every Service, over and over. */
const KEYS = Object.fromEntries(
  NAMES.map((name) => [name, { current: PREFIX + name, old: OLD_PREFIX + name }]),
) as Readonly<Record<AnnotationName, { readonly current: string; readonly old: string }>>;

export interface ServiceRequest {
  /** The families it must or may have, the primary first. */
  readonly families: readonly IpFamily[];
  /** 'prefer': one of two families is enough. */
  readonly dualStack: 'no' | 'prefer' | 'require';
  /** Addresses of each family that it wants; at least one of each is what it needs. */
  readonly count: number;
  readonly pool?: string;
  /** Of each of its families at least one, at most `count`; in the order they were written in. */
  readonly ips?: readonly Ip[];
  /** It asks to leave its pool when that drains. */
  readonly leavesDrainingPool: boolean;
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
export function annotationOf({ annotations }: ServiceView, name: AnnotationName): string | undefined {
  const keys = KEYS[name];
  return annotations[keys.current] ?? annotations[keys.old];
}

/** The annotations in use that have a newer name, ordered. */
export function deprecatedAnnotations(service: ServiceView): string[] {
  return [POOL_REQUEST, ADDRESS_REQUEST, SHARING_KEY]
    .map((name) => OLD_PREFIX + name)
    .filter((key) => service.annotations[key] !== undefined)
    .sort();
}

const WITH_NOBODY: Sharing = { key: '', backend: '', ports: [] };

export function sharingOf(service: ServiceView): Sharing {
  const key = annotationOf(service, SHARING_KEY) ?? '';
  if (key === '') return WITH_NOBODY;
  const local = service.externalTrafficPolicy === 'Local';
  // Local: traffic goes to the node's own endpoints, so both must have the same ones. Cluster: it goes anywhere.
  const backend = local ? `Local ${JSON.stringify(Object.entries(service.selector).sort())}` : '';
  return { key, backend, ports: service.ports };
}

export function readRequest(service: ServiceView): Result<ServiceRequest, Refusal> {
  const families = readFamilies(service);
  if (!families.ok) return families;
  const count = readCount(service);
  if (!count.ok) return count;
  const ips = readRequestedIps(service, families.value, count.value);
  if (!ips.ok) return ips;
  const pool = annotationOf(service, POOL_REQUEST) ?? '';
  const leavesDrainingPool = annotationOf(service, LEAVE_DRAINING_POOL) === 'true';
  if (pool === '' && ips.value.length === 0 && count.value === 1 && !leavesDrainingPool) return plain(families.value);
  return ok({
    ...families.value,
    count: count.value,
    leavesDrainingPool,
    ...(pool === '' ? {} : { pool }),
    ...(ips.value.length === 0 ? {} : { ips: ips.value }),
  });
}

/** What nearly every Service asks for, one value for all of a kind: ten thousand of them then take no memory. */
const PLAIN = new Map<Families, Result<ServiceRequest, Refusal>>();

function plain(families: Families): Result<ServiceRequest, Refusal> {
  const known = PLAIN.get(families) ?? ok({ ...families, count: 1, leavesDrainingPool: false });
  // Of the constants below only, so it never grows beyond those.
  PLAIN.set(families, known);
  return known;
}

type Families = Pick<ServiceRequest, 'families' | 'dualStack'>;

const SINGLE = {
  ipv4: { families: ['ipv4'], dualStack: 'no' },
  ipv6: { families: ['ipv6'], dualStack: 'no' },
} as const satisfies Record<IpFamily, Families>;
const DUAL = {
  ipv4: {
    prefer: { families: ['ipv4', 'ipv6'], dualStack: 'prefer' },
    require: { families: ['ipv4', 'ipv6'], dualStack: 'require' },
  },
  ipv6: {
    prefer: { families: ['ipv6', 'ipv4'], dualStack: 'prefer' },
    require: { families: ['ipv6', 'ipv4'], dualStack: 'require' },
  },
} as const satisfies Record<IpFamily, Record<'prefer' | 'require', Families>>;

/** The families follow the cluster addresses, which is what nodes can forward to. One of a few constant values. */
export function readFamilies({ clusterIps, ipFamilyPolicy }: ServiceView): Result<Families, Refusal> {
  const [first] = clusterIps;
  if (first === undefined) return err(refusal('NoClusterIP', 'the Service has no cluster address to forward to'));
  const primary = ipFamily(first);
  const isDual = clusterIps.some((ip) => ipFamily(ip) !== primary);
  if (!isDual && ipFamilyPolicy === 'RequireDualStack') {
    const message = 'ipFamilyPolicy is RequireDualStack, but the Service has cluster addresses of one family only';
    return err(refusal('NotEnoughClusterIPs', message));
  }
  if (!isDual || ipFamilyPolicy === 'SingleStack') return ok(SINGLE[primary]);
  return ok(DUAL[primary][ipFamilyPolicy === 'RequireDualStack' ? 'require' : 'prefer']);
}

function readCount(service: ServiceView): Result<number, Refusal> {
  const text = annotationOf(service, ADDRESS_COUNT)?.trim() ?? '';
  if (text === '') return ok(1);
  const count = /^[0-9]{1,3}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= MAX_ADDRESS_COUNT) return ok(count);
  const message = `annotation ${PREFIX}${ADDRESS_COUNT}: "${text}" is not a number from 1 to ${MAX_ADDRESS_COUNT}`;
  return err(refusal('RequestMalformed', message));
}

function readRequestedIps(service: ServiceView, wanted: Families, count: number): Result<readonly Ip[], Refusal> {
  // Empty counts as absent, as in MetalLB: templates leave it so where nothing is asked for.
  const annotation = annotationOf(service, ADDRESS_REQUEST) || undefined;
  const field = service.loadBalancerIp;
  if (annotation !== undefined && field !== undefined) {
    const message = `service can not have both annotation ${PREFIX}${ADDRESS_REQUEST} and spec.loadBalancerIP: remove one`;
    return err(refusal('RequestsConflict', message));
  }
  const text = annotation ?? field;
  if (text === undefined) return ok([]);
  const where = annotation === undefined ? 'spec.loadBalancerIP' : `annotation ${PREFIX}${ADDRESS_REQUEST}`;
  const ips: Ip[] = [];
  for (const part of text.split(',')) {
    const ip = parseIp(part.trim());
    if (!ip.ok) return err(refusal('RequestMalformed', `${where}: ${ip.error}`));
    if (ips.includes(ip.value)) return err(refusal('RequestMalformed', `${where}: ${ip.value} is named twice`));
    ips.push(ip.value);
  }
  const tooMany = (['ipv4', 'ipv6'] as const).some((family) => ofFamily(ips, family).length > count);
  if (tooMany) {
    const hint = `annotation ${PREFIX}${ADDRESS_COUNT} asks for more`;
    const most = count === 1 ? 'one address' : `${count} addresses`;
    return err(refusal('RequestMalformed', `${where}: "${text}" names more than ${most} of a family (${hint})`));
  }
  const families = new Set(ips.map(ipFamily));
  if (families.size === wanted.families.length && wanted.families.every((family) => families.has(family))) {
    return ok(ips);
  }
  const message = `${where}: "${text}" does not match the Service's ${wanted.families.join(' and ')}: ask for one address of each family it has`;
  return err(refusal('RequestFamilyMismatch', message));
}

/** The addresses of one family, in their order. */
export function ofFamily(ips: readonly Ip[], family: IpFamily): readonly Ip[] {
  return ips.filter((ip) => ipFamily(ip) === family);
}
