/**
 * Who gets which address: a function of the whole world, with no memory but what the Services' own statuses say.
 *
 *     Services of ours, in order of claim ─▶ 1. each re-claims what it holds  ─▶ 2. each gets what it lacks or asks for
 *     (holders first, then by age, name)        (pool still there, still           (request, requested pool, or the
 *                                                allowed, nobody else's)            first pool in order with one left)
 *
 * Feeding the result back as statuses changes nothing, and the order of the input does not matter. A Service whose new
 * request cannot be met keeps the address that works. Services of another class, or whose status somebody else fills, are
 * not touched.
 */
import type { Config, Pool } from '../model/config.ts';
import { compareIps, type Ip, ipFamily } from '../model/ip.ts';
import { formatKey, type ServiceView } from '../model/service.ts';
import { compareText } from '../model/text-order.ts';
import { AddressBook } from './address-book.ts';
import type { AllocationReason, PoolRefusal, Refusal } from './allocation-reason.ts';
import { FreeAddresses } from './free-addresses.ts';
import { type Claimant, type Grant, type GrantContext, grant, type Holding } from './grant.ts';
import { poolsInOrder } from './pool-choice.ts';
import { indexPools, poolOf } from './pool-index.ts';
import { type Reclaimed, reclaim } from './reclaim.ts';
import { ALLOCATED_FROM, annotationOf, readRequest, sharingOf } from './service-request.ts';

export interface AllocationWorld {
  readonly config: Config;
  readonly services: readonly ServiceView[];
  /** Undefined: Services without a class; else just those of this class. */
  readonly loadBalancerClass: string | undefined;
}

/** What one Service should have. */
export interface Allocation {
  readonly service: ServiceView;
  /** IPv4 before IPv6; empty: none. */
  readonly ips: readonly Ip[];
  /** The pool they are of; undefined exactly when there are none. */
  readonly pool: string | undefined;
  /**
   * keep: what it has, in the same pool · assign: other addresses than it has, or of another pool · release: it has
   * some and shall have none · refuse: it has none and gets none.
   */
  readonly verdict: 'keep' | 'assign' | 'release' | 'refuse';
  /** 'Allocated' when all is well; else why it has less than it asks for. */
  readonly reason: AllocationReason;
  /** For people; says what to do where there is something. */
  readonly message: string;
  /** Why it lost what it held, where it did. */
  readonly lost?: Refusal;
  /** Why pools did not serve it, where that was the question. */
  readonly pools: readonly PoolRefusal[];
}

/** Decides for every Service that is ours, ordered by "namespace/name". */
export function allocate(world: AllocationWorld): readonly Allocation[] {
  const index = indexPools(world.config);
  const book = new AddressBook();
  const context: GrantContext = {
    pools: poolsInOrder(world.config),
    poolOf: (ip) => poolOf(index, ip),
    book,
    free: new FreeAddresses(book),
  };
  const ours = world.services.filter((service) => isOurs(service, world.loadBalancerClass, context));
  const claimants = ours
    .filter(({ type }) => type === 'LoadBalancer')
    .sort(byClaim)
    .map(toClaimant);
  const reclaimed = claimants.map((claimant) => ({ claimant, ...reclaim(claimant, context) }));
  const grants = grantAll(reclaimed, context);
  const allocations = reclaimed.map(({ claimant, lost }, i) =>
    toAllocation(claimant.service, grants[i] ?? { ips: [] }, lost),
  );
  const others = ours.filter(({ type }) => type !== 'LoadBalancer').map(notLoadBalancer);
  return [...allocations, ...others].sort((a, b) => compareText(formatKey(a.service), formatKey(b.service)));
}

/**
 * Grants in the order of claim, and again to those who were refused as long as somebody's addresses changed: what is
 * refused in the end would be refused the next time, too, and in the same words. A Service is given addresses or moves
 * once at most, so this ends.
 */
function grantAll(reclaimed: readonly (Reclaimed & { readonly claimant: Claimant })[], context: GrantContext): Grant[] {
  const grants: Grant[] = reclaimed.map(({ held }) => held ?? { ips: [] });
  let due = reclaimed.map((_, i) => i);
  for (let changed = true; changed; ) {
    changed = false;
    for (const i of due) {
      const claimant = reclaimed[i]?.claimant;
      const before = grants[i];
      if (claimant === undefined || before === undefined) continue;
      const given = grant(claimant, holdingOf(before), context);
      changed ||= given.ips.length !== before.ips.length || before.ips.some((ip) => !given.ips.includes(ip));
      grants[i] = given;
    }
    due = due.filter((i) => grants[i]?.refusal !== undefined);
  }
  return grants;
}

function holdingOf({ pool, ips }: Grant): Holding | undefined {
  return pool === undefined || ips.length === 0 ? undefined : { pool, ips };
}

/** A Service that is not ours for a reason worth telling: somebody else fills its status. */
export function hasForeignStatus(service: ServiceView, poolFor: (ip: Ip) => Pool | undefined): boolean {
  if (service.ingress.length === 0 || annotationOf(service, ALLOCATED_FROM) !== undefined) return false;
  return service.ingress.every(({ ip }) => ip === undefined || poolFor(ip) === undefined);
}

function isOurs(service: ServiceView, loadBalancerClass: string | undefined, context: GrantContext): boolean {
  // The class goes with the type, so what is left to tell ours by is the annotation; clearing it up harms nobody.
  if (service.type !== 'LoadBalancer') return annotationOf(service, ALLOCATED_FROM) !== undefined;
  return service.loadBalancerClass === loadBalancerClass && !hasForeignStatus(service, context.poolOf);
}

function toClaimant(service: ServiceView): Claimant {
  return { service, key: formatKey(service), request: readRequest(service), sharing: sharingOf(service) };
}

/** Holders of two addresses, holders of one, the rest; in each the oldest first. */
function byClaim(a: ServiceView, b: ServiceView): number {
  return (
    addressesOf(b).length - addressesOf(a).length ||
    a.createdAtMs - b.createdAtMs ||
    compareText(formatKey(a), formatKey(b))
  );
}

function toAllocation(service: ServiceView, given: Grant, lost: Refusal | undefined): Allocation {
  const ips = [...given.ips].sort(compareIps);
  const before = addressesOf(service).sort(compareIps);
  const same = ips.length === before.length && ips.every((ip, i) => ip === before[i]);
  const verdict =
    ips.length === 0
      ? service.ingress.length > 0
        ? 'release'
        : 'refuse'
      : same && annotationOf(service, ALLOCATED_FROM) === given.pool?.name
        ? 'keep'
        : 'assign';
  return {
    service,
    ips,
    pool: given.pool?.name,
    verdict,
    reason: given.refusal?.reason ?? 'Allocated',
    message: given.refusal?.message ?? '',
    pools: given.refusal?.pools ?? [],
    ...(lost === undefined ? {} : { lost }),
  };
}

function notLoadBalancer(service: ServiceView): Allocation {
  const message = `the Service is of type ${service.type}`;
  return { service, ips: [], pool: undefined, verdict: 'release', reason: 'NotLoadBalancer', message, pools: [] };
}

function addressesOf(service: ServiceView): Ip[] {
  const ips = service.ingress.flatMap(({ ip }) => (ip === undefined ? [] : [ip]));
  return Array.from(new Set(ips)).sort((a, b) => (ipFamily(a) === ipFamily(b) ? 0 : compareIps(a, b)));
}
