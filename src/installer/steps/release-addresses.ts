/**
 * Takes the addon's addresses off the Services when the addon is removed. The controller itself never does that for want
 * of pools: pools that somebody deleted by mistake must not cost anybody an address. So the removal does it, after the
 * programs have gone and nobody would give out new ones.
 *
 * Touched are only Services that hold addresses of pools that are gone, and what the controller noted on pending ones.
 * Services of pools that stay, and those of other implementations, keep what they have.
 */
import { parseIp } from '../../runtime/model/ip.ts';
import { type AddressRange, parseAddressRange, rangeContains } from '../../runtime/model/range.ts';
import type { KubeObject } from '../kube-object.ts';
import type { ObjectChange } from '../progress.ts';
import { orInstallError } from './apply-objects.ts';
import { type Cluster, ClusterError, formatRef } from './cluster.ts';

export const RELEASE_ADDRESSES = 'take the addresses off the Services';

/** Where the controller notes which pool an address is from; the second is the name that MetalLB had before 0.14. */
const POOL_ANNOTATIONS = ['metallb.io/ip-allocated-from-pool', 'metallb.universe.tf/ip-allocated-from-pool'];
/** The controller's condition; nobody else writes it. */
const CONDITION = 'metallb.io/Allocated';
const SERVICE = { apiVersion: 'v1', kind: 'Service' };
const PATCHES_AT_ONCE = 8;
/** A Service that somebody else keeps writing to is tried this often. */
const CONFLICT_TRIES = 8;

/** What the removal does with the pools there are. */
export interface PoolFate {
  readonly removed: readonly KubeObject[];
  readonly staying: readonly KubeObject[];
}

/** "web/nginx (10.6.204.20)" */
export function formatHolder(service: KubeObject): string {
  return `${service.metadata.namespace}/${service.metadata.name} (${ingressOf(service).join(', ')})`;
}

/** Services that hold an address of a pool that goes, or has gone. */
export async function holdersOfRemoved(cluster: Cluster, pools: PoolFate): Promise<readonly KubeObject[]> {
  return (await listServices(cluster)).filter((service) => remainsOf(service, pools) === 'addresses');
}

/** Services that hold an address of one of the pools. */
export async function holdersOf(cluster: Cluster, pools: readonly KubeObject[]): Promise<readonly KubeObject[]> {
  const names = new Set(pools.map(({ metadata }) => metadata.name));
  return (await listServices(cluster)).filter(
    (service) => names.has(poolOf(service) ?? '') && ingressOf(service).length > 0,
  );
}

export interface Released {
  readonly changes: readonly ObjectChange[];
  /** Services that could not be written: others were always first. */
  readonly left: readonly string[];
}

export async function releaseAddresses(cluster: Cluster, pools: PoolFate): Promise<Released> {
  const services = (await listServices(cluster)).filter((service) => remainsOf(service, pools) !== undefined);
  const changes: ObjectChange[] = [];
  const left: string[] = [];
  for (let at = 0; at < services.length; at += PATCHES_AT_ONCE) {
    const batch = services.slice(at, at + PATCHES_AT_ONCE);
    const outcomes = await Promise.all(batch.map((service) => release(cluster, service, pools)));
    for (const [index, service] of batch.entries()) {
      if (outcomes[index] === 'released') changes.push(changeOf(service));
      if (outcomes[index] === 'contended') left.push(formatHolder(service));
    }
  }
  return { changes, left };
}

export function changeOf(service: KubeObject): ObjectChange {
  return { action: 'update', object: formatRef(service), fields: ['status.loadBalancer'] };
}

/** 'gone': while we looked, it was deleted, or somebody else cleaned it. */
async function release(
  cluster: Cluster,
  listed: KubeObject,
  pools: PoolFate,
): Promise<'released' | 'gone' | 'contended'> {
  let service = listed;
  for (let tries = 0; tries < CONFLICT_TRIES; tries++) {
    try {
      await cluster.patchStatus(service, releasePatch(service));
      return 'released';
    } catch (error) {
      if (!(error instanceof ClusterError) || (error.status !== 409 && error.status !== 404)) {
        await orInstallError(RELEASE_ADDRESSES, Promise.reject(error), formatRef(service));
      }
    }
    const now = await orInstallError(RELEASE_ADDRESSES, cluster.get(service));
    if (now === undefined || remainsOf(now, pools) === undefined) return 'gone';
    service = now;
  }
  return 'contended';
}

/** Strategic: of the conditions only ours goes, of the annotations only the controller's. */
function releasePatch(service: KubeObject): object {
  const { resourceVersion, uid } = service.metadata;
  return {
    metadata: { resourceVersion, uid, annotations: Object.fromEntries(POOL_ANNOTATIONS.map((name) => [name, null])) },
    status: {
      ...(ingressOf(service).length === 0 ? {} : { loadBalancer: { ingress: null } }),
      ...(hasCondition(service) ? { conditions: [{ $patch: 'delete', type: CONDITION }] } : {}),
    },
  };
}

/**
 * What is left of us on a Service. Its pool's name alone proves nothing: another MetalLB may have a pool of that name.
 * Either the condition is there, or every address lies in the pool that goes.
 */
function remainsOf(service: KubeObject, { removed, staying }: PoolFate): 'addresses' | 'notes' | undefined {
  const pool = poolOf(service);
  const ingress = ingressOf(service);
  if (pool === undefined || ingress.length === 0) {
    return ingress.length === 0 && hasCondition(service) ? 'notes' : undefined;
  }
  if (staying.some(({ metadata }) => metadata.name === pool)) return undefined;
  // A host name is never ours: another implementation took the Service over.
  if (!ingress.every((text) => parseIp(text).ok)) return undefined;
  if (hasCondition(service)) return 'addresses';
  const ranges = removed.filter(({ metadata }) => metadata.name === pool).flatMap(rangesOf);
  return ingress.every((text) => isWithin(text, ranges)) ? 'addresses' : undefined;
}

function isWithin(text: string, ranges: readonly AddressRange[]): boolean {
  const ip = parseIp(text);
  return ip.ok && ranges.some((range) => rangeContains(range, ip.value));
}

function rangesOf(pool: KubeObject): AddressRange[] {
  const { addresses } = (pool['spec'] ?? {}) as { addresses?: unknown };
  if (!Array.isArray(addresses)) return [];
  return addresses.flatMap((text) => {
    const range = parseAddressRange(String(text));
    return range.ok ? [range.value] : [];
  });
}

function listServices(cluster: Cluster): Promise<readonly KubeObject[]> {
  return orInstallError(RELEASE_ADDRESSES, cluster.list(SERVICE));
}

function poolOf(service: KubeObject): string | undefined {
  const annotations = (service.metadata['annotations'] ?? {}) as Readonly<Record<string, string>>;
  return POOL_ANNOTATIONS.map((name) => annotations[name]).find((name) => name !== undefined);
}

interface ServiceStatus {
  readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string; readonly hostname?: string }[] };
  readonly conditions?: readonly { readonly type?: string }[];
}

/** Addresses and, where another implementation wrote one, host names. */
function ingressOf(service: KubeObject): readonly string[] {
  const { loadBalancer } = (service['status'] ?? {}) as ServiceStatus;
  return (loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? '');
}

function hasCondition(service: KubeObject): boolean {
  const { conditions } = (service['status'] ?? {}) as ServiceStatus;
  return (conditions ?? []).some(({ type }) => type === CONDITION);
}
