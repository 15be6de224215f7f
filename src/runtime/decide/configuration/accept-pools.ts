/** Which IPAddressPools are in force, and in which version. */
import type { NamespaceView } from '../../model/cluster.ts';
import type { ConfigError, Pool } from '../../model/config.ts';
import { formatRange } from '../../model/range.ts';
import { formatResource, type RawResource } from '../../model/resource.ts';
import { byAge, inPrecedence, type LastGood, Verdicts } from './accepted.ts';
import { ClaimedRanges } from './claimed-ranges.ts';
import { type ReadPool, readPool } from './config-pool.ts';

export interface PoolInForce {
  readonly pool: Pool;
  /** The version of the object it was made of. */
  readonly object: RawResource;
}

export function acceptPools(
  objects: readonly RawResource[],
  namespaces: readonly NamespaceView[],
  lastGood: LastGood,
): { readonly verdicts: Verdicts; readonly inForce: readonly PoolInForce[] } {
  const claims = new ClaimedRanges();
  const verdicts = new Verdicts();
  const inForce: PoolInForce[] = [];
  const accept = (object: RawResource, read: ReadPool): void => {
    for (const { range } of read.written) claims.add({ range, owner: object.name });
    verdicts.remember({ object });
    inForce.push({ pool: read.pool, object });
  };
  const rejected: { readonly object: RawResource; readonly read: ReadPool }[] = [];
  for (const object of inPrecedence(objects, lastGood)) {
    const read = readPool(object, namespaces);
    if (verdicts.judge(object, [...read.errors, ...overlaps(read, claims)])) {
      accept(object, read);
      continue;
    }
    const previous = lastGood.get(formatResource(object))?.object;
    const readPrevious = previous === undefined ? undefined : readPool(previous, namespaces);
    if (previous !== undefined && readPrevious !== undefined && overlaps(readPrevious, claims).length === 0) {
      accept(previous, readPrevious);
    } else rejected.push({ object, read });
  }
  // Last, so that a frozen pool takes nothing from one in order; by age, which does not change as memories do.
  for (const { object, read } of rejected.sort(byAge)) inForce.push({ pool: frozen(object, read, claims), object });
  return { verdicts, inForce };
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
