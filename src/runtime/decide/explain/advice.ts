/**
 * What would make it work: for every reason what a person can do, the most useful first. Only what would really help is
 * told: a pool is recommended after a look at everything that is in its way.
 */
import type { Pool } from '../../model/config.ts';
import { formatRange } from '../../model/range.ts';
import type { ServiceView } from '../../model/service.ts';
import type { AllocationReason } from '../allocation/allocation-reason.ts';
import {
  ADDRESS_COUNT,
  ADDRESS_REQUEST,
  annotationOf,
  POOL_REQUEST,
  SHARING_KEY,
} from '../allocation/service-request.ts';
import type { Case } from './case.ts';
import { claimInTheWay, explainRequested } from './explain-address.ts';
import { wouldServe } from './explain-pool.ts';
import type { ExplanationReason } from './explanation.ts';
import { changesFor, poolAdvice } from './pool-advice.ts';
import { toldList } from './told-list.ts';

/** More pools than these are in the list of pools; advice is read to its end or not at all. */
const MOST = 8;

export function adviceFor(of: Case): readonly string[] {
  const { allocation, service } = of;
  if (service.deleting) return ['nothing: the Service is being deleted; a finalizer of somebody may still hold it'];
  const lost = allocation.lost === undefined ? [] : ADVICE[allocation.lost.reason](of);
  const all = [...ADVICE[allocation.reason](of), ...lost];
  return Array.from(new Set(all)).slice(0, MOST);
}

type Advise = (of: Case) => readonly string[];

const ADVICE: Readonly<Record<AllocationReason, Advise>> = {
  Allocated: () => [],
  AllocatedOneFamily: (of) => [
    ...ownPoolChanges(of),
    ...otherPools(of),
    of.request?.dualStack === 'require'
      ? 'set spec.ipFamilyPolicy to PreferDualStack, if one family is enough'
      : 'set spec.ipFamilyPolicy to SingleStack, if one family is enough',
  ],
  AllocatedFewer: (of) => [...ownPoolChanges(of), `lower annotation ${annotationName(of.service, ADDRESS_COUNT)}`],
  AddressConflict: addressConflict,
  PoolDraining: (of) => [...poolAdvice(of, otherThanOwn(of)), 'or create another IPAddressPool', ...ownPoolChanges(of)],
  NotLoadBalancer: notLoadBalancer,
  ForeignStatus: () => [],
  NoClusterIP: () => [
    'create the Service anew without clusterIP: None; a headless Service has nothing that a node could forward to',
  ],
  NotEnoughClusterIPs: () => [
    'set spec.ipFamilyPolicy to PreferDualStack, if one family is enough',
    'give the cluster a Service network of both families, and create the Service anew',
  ],
  RequestsConflict: ({ service }) => [
    `remove spec.loadBalancerIP or annotation ${annotationName(service, ADDRESS_REQUEST)}; the annotation can name an address of each family`,
  ],
  RequestMalformed: (of) => [`correct what the message names: ${of.allocation.message}`],
  RequestFamilyMismatch: ({ service }) => [
    `name one address of each family that the Service has in annotation ${annotationName(service, ADDRESS_REQUEST)}, or leave it away`,
  ],
  RequestedAddressNotInPool: addressNotInPool,
  RequestedAddressInUse: addressInUse,
  RequestedAddressExcluded: addressExcluded,
  RequestedAddressReserved: addressReserved,
  RequestedAddressRefused: addressRefused,
  RequestedPoolUnknown: (of) => [
    `correct annotation ${annotationName(of.service, POOL_REQUEST)}: the pools are ${toldList(of.pools.map(({ name }) => name))}`,
    `create IPAddressPool "${of.request?.pool ?? ''}"`,
    ...withoutRequest(of),
  ],
  RequestedPoolRefused: (of) => [...wantedPoolChanges(of), ...otherPools(of), ...withoutRequest(of)],
  NoPools: () => ['create an IPAddressPool (./install addon metallb makes one of metallb_vip_pool)'],
  NoPoolAllowed: (of) => [...poolAdvice(of), 'create an IPAddressPool for it'],
  PoolsExhausted: (of) => poolAdvice(of),
  QuotaReached: (of) => poolAdvice(of),
  AddressNotInPool: ({ service }) => [
    `to have ${shown(service)} back, put it into a pool and ask for it: annotation metallb.io/${ADDRESS_REQUEST}`,
  ],
  PoolRefused: ({ service }) => [`to have ${shown(service)} back, let its pool serve this Service again`],
  AddressInUse: ({ service }) => [
    `to share ${shown(service)}, give both Services one value of annotation metallb.io/${SHARING_KEY} and different ports`,
  ],
  SurplusAddress: ({ service }) => [
    `to have more than one address of a family, set annotation metallb.io/${ADDRESS_COUNT} on ${service.namespace}/${service.name}`,
  ],
};

/** For what is not for this addon to serve. */
export function adviceForOthers(
  reason: Extract<
    ExplanationReason,
    'NoSuchService' | 'OtherClass' | 'NoConfiguration' | 'NotLoadBalancer' | 'ForeignStatus'
  >,
  { service, servedClass, faults, near }: OthersContext,
): readonly string[] {
  switch (reason) {
    case 'NoSuchService':
      return near.length === 0
        ? ['check the name and the namespace (-n): kubectl get services --all-namespaces']
        : [`check the name and the namespace (-n); there is ${toldList(near)}`];
    case 'OtherClass':
      return [
        servedClass === undefined
          ? 'create the Service anew without spec.loadBalancerClass (the field cannot be changed), or install what serves that class'
          : `create the Service anew with spec.loadBalancerClass: ${servedClass} (the field cannot be changed), or install what serves the class it has`,
      ];
    case 'NoConfiguration':
      return [`correct the old ConfigMap: ${toldList(faults)}`, 'or create IPAddressPools, which take its place'];
    case 'NotLoadBalancer':
      return ['set spec.type to LoadBalancer, if the Service is to have an address'];
    case 'ForeignStatus':
      return [
        'nothing, if another load balancer serves it; give it a spec.loadBalancerClass then, so that nobody wonders',
        `else create a pool that contains ${service === undefined ? '' : shown(service)}, to keep that address`,
        'else clear the status, to get an address of a pool: kubectl patch service NAME --subresource=status --type=merge -p \'{"status":{"loadBalancer":{"ingress":null}}}\'',
      ];
  }
}

export interface OthersContext {
  readonly service: ServiceView | undefined;
  /** The class that the controller serves; undefined: Services without one. */
  readonly servedClass: string | undefined;
  readonly faults: readonly string[];
  /** "namespace/name" of Services that may have been meant. */
  readonly near: readonly string[];
}

function notLoadBalancer({ service }: Case): readonly string[] {
  return [`set spec.type to LoadBalancer, if the Service is to have an address; it is ${service.type} now`];
}

function addressConflict(of: Case): readonly string[] {
  const { allocation, allocator } = of;
  // It had one, and gets another: nothing is left to be done.
  if (allocation.reason !== 'AddressConflict') return [];
  const onLan = allocation.ips
    .map((ip) => allocator.standing(ip))
    .filter(({ exclusion, pool }) => exclusion?.reason === 'InUseOnLan' && pool?.onConflict === undefined)
    .map(({ pool }) => `set spec.onConflict of pool "${pool?.name}" to Reallocate to have it given another by itself`);
  return [
    ...ownPoolChanges(of),
    `ask for another address: annotation metallb.io/${ADDRESS_REQUEST}`,
    ...onLan,
    `take ${allocation.ips.join(', ')} off whoever else uses it`,
  ];
}

function addressNotInPool(of: Case): readonly string[] {
  const avoided = (of.request?.ips ?? []).map((ip) => of.allocator.standing(ip)).find((standing) => standing.avoided);
  const pools = new Set((of.request?.ips ?? []).map((ip) => of.allocator.standing(ip).pool?.name));
  const ranges = of.pools.map(({ name, ranges: own }) => `${name} (${toldList(own.map(formatRange))})`);
  return [
    ...(pools.size > 1 && !pools.has(undefined) ? ['ask for addresses of one pool'] : []),
    ...(avoided === undefined ? [] : [`set spec.avoidBuggyIPs of pool "${avoided.pool?.name}" to false`]),
    `ask for an address of a pool in ${requestPlace(of.service)}: ${toldList(ranges)}`,
    `add ${(of.request?.ips ?? []).join(', ')} to a pool`,
    ...withoutRequest(of),
  ];
}

function addressInUse(of: Case): readonly string[] {
  const shares = explainRequested(of).flatMap(({ ip, holders }) =>
    holders
      .filter(({ obstacles }) => obstacles.length > 0)
      .map(
        ({ service, obstacles }) =>
          `to share ${ip} with ${service}, remove what is in the way: ${obstacles.join('; ')}`,
      ),
  );
  return [...shares, ...anotherAddress(of), ...withoutRequest(of)];
}

function addressExcluded(of: Case): readonly string[] {
  const listed = (of.request?.ips ?? [])
    .map((ip) => of.allocator.standing(ip))
    .filter(({ exclusion }) => exclusion?.reason === 'Listed')
    .map(
      ({ ip, pool }) => `take ${ip} out of spec.excludeAddresses of pool "${pool?.name}", if it is nobody's any more`,
    );
  return [...anotherAddress(of), ...listed, ...withoutRequest(of)];
}

function addressReserved(of: Case): readonly string[] {
  const waits = (of.request?.ips ?? []).flatMap((ip) => {
    const claim = claimInTheWay(of, of.allocator.standing(ip).claims);
    if (claim === undefined) return [];
    const field = claim.kind === 'retained' ? 'spec.retention' : 'spec.quarantine';
    return [
      `wait until ${of.world.formatTime(claim.endMs)}, or shorten ${field} of pool "${claim.release.pool}", which counts from when ${claim.release.owner} gave ${ip} up`,
    ];
  });
  return [...waits, ...anotherAddress(of), ...withoutRequest(of)];
}

function addressRefused(of: Case): readonly string[] {
  const [ip] = of.request?.ips ?? [];
  const own = ip === undefined ? undefined : of.allocator.standing(ip).pool;
  const asked = of.request?.pool;
  if (own !== undefined && asked !== undefined && asked !== own.name) {
    return [
      `ask for pool "${own.name}" (annotation ${annotationName(of.service, POOL_REQUEST)}), or leave that annotation away`,
      `or ask for an address of pool "${asked}" in ${requestPlace(of.service)}`,
    ];
  }
  const reasons = of.allocation.pools.filter(({ pool }) => pool === own?.name).map(({ reason }) => reason);
  const changes = own === undefined ? [] : changesFor(of, own, reasons);
  return [...changes, ...withoutRequest(of)];
}

/** Of the pool that the Service's addresses are of: what keeps it from giving the rest. */
function ownPoolChanges(of: Case): readonly string[] {
  const pool = of.pools.find(({ name }) => name === of.allocation.pool);
  if (pool === undefined) return [];
  return changesFor(
    of,
    pool,
    of.allocation.pools.filter((told) => told.pool === pool.name).map(({ reason }) => reason),
  );
}

function otherThanOwn({ pools, allocation }: Case): readonly Pool[] {
  return pools.filter(({ name }) => name !== allocation.pool);
}

function wantedPoolChanges(of: Case): readonly string[] {
  const wanted = of.pools.filter(({ name }) => name === of.wantedPool);
  return poolAdvice(of, wanted);
}

/** Pools that would serve it at once, were they asked for. */
function otherPools(of: Case): readonly string[] {
  return of.pools
    .filter((pool) => pool.name !== of.wantedPool && pool.name !== of.allocation.pool && wouldServe(of, pool))
    .map(({ name }) => `ask for pool "${name}", which would serve it: annotation metallb.io/${POOL_REQUEST}=${name}`);
}

function anotherAddress(of: Case): readonly string[] {
  const pool = of.pools.find(({ name }) => name === of.wantedPool);
  if (pool === undefined || !wouldServe(of, pool)) return [];
  return [`ask for another address of pool "${pool.name}" in ${requestPlace(of.service)}`];
}

/** Where any other pool would do by itself. */
function withoutRequest(of: Case): readonly string[] {
  const free = of.pools.filter((pool) => pool.autoAssign && wouldServe(of, pool));
  if (free.length === 0) return [];
  return [`leave the request away (${requestNames(of)}) to get any free address`];
}

function requestNames({ service, request }: Case): string {
  const names = request?.pool === undefined ? [] : [`annotation ${annotationName(service, POOL_REQUEST)}`];
  return [...names, ...(request?.ips === undefined ? [] : [requestPlace(service)])].join(' and ');
}

function requestPlace(service: ServiceView): string {
  const isAnnotation = annotationOf(service, ADDRESS_REQUEST) !== undefined || service.loadBalancerIp === undefined;
  return isAnnotation ? `annotation ${annotationName(service, ADDRESS_REQUEST)}` : 'spec.loadBalancerIP';
}

/** The name that the Service has it under: the new one, unless only the old one is there. */
function annotationName({ annotations }: ServiceView, name: string): string {
  const old = `metallb.universe.tf/${name}`;
  return annotations[`metallb.io/${name}`] === undefined && annotations[old] !== undefined ? old : `metallb.io/${name}`;
}

function shown({ ingress }: ServiceView): string {
  return ingress.map(({ ip, hostname, malformedIp }) => ip ?? hostname ?? malformedIp ?? '').join(', ');
}
