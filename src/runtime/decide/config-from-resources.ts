/**
 * MetalLB's custom resources to the configuration in force. One faulty object takes no other down:
 *
 *  - An object in order is applied.
 *  - A faulty object ('invalid') changes nothing: its last good version, if this process has seen one, stays in force.
 *  - Of a faulty pool without one, the well-formed addresses that overlap nothing stand as a frozen pool: Services keep
 *    the addresses they hold, so that neither a restart nor a typing error takes a working Service down, but nobody gets
 *    a new one. A faulty advertisement without a last good version is left out.
 *  - Of two pools that overlap one is faulty: the one that was not in force before; else the one whose condition Accepted
 *    already says so; else the younger; else the later name. Controller and speakers thus blame the same one.
 *
 * The result depends on the objects' content and the last good versions, never on the order they come in.
 */
import type { NamespaceView } from '../model/cluster.ts';
import type { Config, ConfigError, L2Advertisement, Pool } from '../model/config.ts';
import type { Labels } from '../model/labels.ts';
import { formatRange } from '../model/range.ts';
import { formatResource, type RawResource } from '../model/resource.ts';
import { compareText } from '../model/text-order.ts';
import { ClaimedRanges } from './claimed-ranges.ts';
import { readL2Advertisement } from './config-l2-advertisement.ts';
import { type ReadPool, readPool } from './config-pool.ts';

export interface ConfigResources {
  readonly pools: readonly RawResource[];
  readonly l2Advertisements: readonly RawResource[];
  readonly namespaces: readonly NamespaceView[];
}

/** "Kind ns/name" → the version of the object that was accepted last. Opaque to callers: hand it back next time. */
export type LastGood = ReadonlyMap<string, RawResource>;

/** What is wrong with one object. */
export interface FaultyObject {
  readonly object: RawResource;
  readonly errors: readonly ConfigError[];
}

export interface ConfigResult {
  readonly config: Config;
  /** Every fault, 'invalid' and 'unresolved', in the order of the objects' kinds and names. */
  readonly errors: readonly ConfigError[];
  /** Objects that are not in force as they are written, ordered like the errors. */
  readonly faulty: readonly FaultyObject[];
  readonly lastGood: LastGood;
}

export const NO_LAST_GOOD: LastGood = new Map();

export function configFromResources(resources: ConfigResources, lastGood: LastGood = NO_LAST_GOOD): ConfigResult {
  const pools = acceptPools(resources, lastGood);
  const labels = new Map<string, Labels>(pools.inForce.map(({ pool, object }) => [pool.name, object.labels]));
  const advertisements = acceptAdvertisements(resources.l2Advertisements, labels, lastGood);
  return {
    config: {
      pools: pools.inForce.map(({ pool }) => pool).sort(byName),
      l2Advertisements: advertisements.inForce.sort(byName),
    },
    errors: [...pools.errors, ...advertisements.errors].sort((a, b) => compareText(a.path, b.path)),
    faulty: [...pools.faulty, ...advertisements.faulty].sort((a, b) =>
      compareText(formatResource(a.object), formatResource(b.object)),
    ),
    lastGood: new Map([...pools.accepted, ...advertisements.accepted]),
  };
}

interface PoolInForce {
  readonly pool: Pool;
  /** The version of the object it was made of. */
  readonly object: RawResource;
}

interface Verdicts {
  readonly errors: ConfigError[];
  readonly faulty: FaultyObject[];
  readonly accepted: Map<string, RawResource>;
}

function acceptPools(resources: ConfigResources, lastGood: LastGood): Verdicts & { readonly inForce: PoolInForce[] } {
  const claims = new ClaimedRanges();
  const verdicts = { errors: [], faulty: [], accepted: new Map() } as Verdicts;
  const inForce: PoolInForce[] = [];
  const accept = (object: RawResource, read: ReadPool): void => {
    for (const { range } of read.written) claims.add({ range, owner: object.name });
    verdicts.accepted.set(formatResource(object), object);
    inForce.push({ pool: read.pool, object });
  };
  const rejected: { readonly object: RawResource; readonly read: ReadPool }[] = [];
  for (const object of [...resources.pools].sort(byPrecedence(lastGood))) {
    const read = readPool(object, resources.namespaces);
    const errors = [...read.errors, ...overlaps(read, claims)];
    verdicts.errors.push(...errors);
    if (errors.every(({ kind }) => kind !== 'invalid')) {
      accept(object, read);
      continue;
    }
    verdicts.faulty.push({ object, errors });
    const previous = lastGood.get(formatResource(object));
    const readPrevious = previous === undefined ? undefined : readPool(previous, resources.namespaces);
    if (previous !== undefined && readPrevious !== undefined && overlaps(readPrevious, claims).length === 0) {
      accept(previous, readPrevious);
    } else rejected.push({ object, read });
  }
  // Last, so that a frozen pool takes nothing from one in order.
  for (const { object, read } of rejected) inForce.push({ pool: frozen(object, read, claims), object });
  return { ...verdicts, inForce };
}

/** The pool's overlaps with claims and within itself. */
function overlaps(read: ReadPool, claims: ClaimedRanges): ConfigError[] {
  const own = new ClaimedRanges();
  const errors: ConfigError[] = [];
  for (const { range, path } of read.written) {
    const other = claims.overlapping(range) ?? own.overlapping(range);
    if (other === undefined) {
      own.add({ range, owner: read.pool.name });
      continue;
    }
    const whose = other.owner === read.pool.name ? 'this pool' : `IPAddressPool "${other.owner}"`;
    const message = `${formatRange(range)} overlaps ${formatRange(other.range)} of ${whose}; an address belongs to one pool only`;
    errors.push({ path, message, kind: 'invalid' });
  }
  return errors;
}

function frozen(object: RawResource, read: ReadPool, claims: ClaimedRanges): Pool {
  const ranges = read.written.flatMap(({ range }) => {
    if (claims.overlapping(range) !== undefined) return [];
    claims.add({ range, owner: object.name });
    return [range];
  });
  return { name: object.name, ranges, autoAssign: false, avoidBuggyIps: false, frozen: true };
}

function acceptAdvertisements(
  objects: readonly RawResource[],
  poolLabels: ReadonlyMap<string, Labels>,
  lastGood: LastGood,
): Verdicts & { readonly inForce: L2Advertisement[] } {
  const verdicts = { errors: [], faulty: [], accepted: new Map() } as Verdicts;
  const inForce: L2Advertisement[] = [];
  for (const object of objects) {
    const { advertisement, errors } = readL2Advertisement(object, poolLabels);
    verdicts.errors.push(...errors);
    if (errors.every(({ kind }) => kind !== 'invalid')) {
      verdicts.accepted.set(formatResource(object), object);
      inForce.push(advertisement);
      continue;
    }
    verdicts.faulty.push({ object, errors });
    const previous = lastGood.get(formatResource(object));
    if (previous === undefined) continue;
    verdicts.accepted.set(formatResource(previous), previous);
    inForce.push(readL2Advertisement(previous, poolLabels).advertisement);
  }
  return { ...verdicts, inForce };
}

/** Unchanged since accepted; then edited; then new; then new and refused before. */
function byPrecedence(lastGood: LastGood): (a: RawResource, b: RawResource) => number {
  const rank = (object: RawResource): number => {
    const known = lastGood.get(formatResource(object));
    if (known === undefined || known.uid !== object.uid) return wasRefused(object) ? 3 : 2;
    return known.generation === object.generation ? 0 : 1;
  };
  return (a, b) => rank(a) - rank(b) || a.createdAtMs - b.createdAtMs || compareText(a.name, b.name);
}

/** Whether the controller's verdict on this very version of the object, in its status, was no. */
function wasRefused(object: RawResource): boolean {
  const status = object.status as { readonly conditions?: unknown } | null | undefined;
  const conditions = Array.isArray(status?.conditions) ? status.conditions : [];
  return conditions.some(
    (condition) =>
      condition?.type === 'Accepted' &&
      condition.status === 'False' &&
      condition.observedGeneration === object.generation,
  );
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return compareText(a.name, b.name);
}
