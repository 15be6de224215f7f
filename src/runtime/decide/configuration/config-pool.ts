/** One IPAddressPool as it is written: everything that can be told without looking at other pools. */

import type { NamespaceView } from '../../model/cluster.ts';
import type { ConfigError, Pool, ServiceAllocation } from '../../model/config.ts';
import { parseDuration } from '../../model/duration.ts';
import { anySelectorMatches } from '../../model/labels.ts';
import { type AddressRange, parseAddressRange, parseRangeOrAddress } from '../../model/range.ts';
import { formatResource, type RawResource } from '../../model/resource.ts';
import { Field } from './config-field.ts';
import { readSelectors } from './config-selectors.ts';

/** As the resource definition has it; a longer wait is hardly meant. */
const MAX_TIME_HOURS = 8760;
const DRAINS = ['NoNewAddresses', 'MoveServices'] as const;
const CONFLICT_POLICIES = ['Keep', 'Reallocate', 'Defend'] as const;

/** A range with the place it was written at, for the message when it overlaps another. */
export interface WrittenRange {
  readonly range: AddressRange;
  readonly path: string;
}

export interface ReadPool {
  readonly pool: Pool;
  /** The well-formed entries of spec.addresses. */
  readonly written: readonly WrittenRange[];
  readonly errors: readonly ConfigError[];
}

export function readPool(resource: RawResource, namespaces: readonly NamespaceView[]): ReadPool {
  const errors: ConfigError[] = [];
  const spec = new Field(resource.spec, `${formatResource(resource)} spec`, errors);
  if (resource.name === '') errors.push({ path: formatResource(resource), message: 'has no name', kind: 'invalid' });
  const written = readRanges(spec.required('addresses'));
  const allocation = spec.field('serviceAllocation');
  const pool: Pool = {
    name: resource.name,
    ranges: written.map(({ range }) => range),
    autoAssign: spec.field('autoAssign').boolean(true),
    avoidBuggyIps: spec.field('avoidBuggyIPs').boolean(false),
    ...(allocation.absent ? {} : { serviceAllocation: readAllocation(allocation, namespaces) }),
    ...readReserve(spec),
  };
  return { pool, written, errors };
}

/** Reads a list of CIDRs and ranges; shared with the old ConfigMap. */
export function readRanges(list: Field): WrittenRange[] {
  const items = list.items();
  if (Array.isArray(list.value) && items.length === 0) list.invalid('must hold at least one CIDR or range');
  return items.flatMap((item) => {
    const text = item.text();
    const range = parseAddressRange(text);
    if (!range.ok) {
      item.invalid(range.error);
      return [];
    }
    return [{ range: range.value, path: item.path }];
  });
}

/** What the pool holds back, and from whom. What is not set is left out, so that MetalLB's own pools stay what they are. */
function readReserve(
  spec: Field,
): Pick<
  Pool,
  'excludeAddresses' | 'retentionMs' | 'quarantineMs' | 'drain' | 'onConflict' | 'maxAddressesPerNamespace'
> {
  const excludeAddresses = readExcluded(spec.field('excludeAddresses'));
  const retentionMs = readTime(spec.field('retention'));
  const quarantineMs = readTime(spec.field('quarantine'));
  const drain = readOneOf(spec.field('drain'), DRAINS, 'is no way to drain');
  const onConflict = readOneOf(spec.field('onConflict'), CONFLICT_POLICIES, 'is no way to meet a conflict');
  const quota = spec.field('maxAddressesPerNamespace');
  const maxAddressesPerNamespace = quota.integer(0);
  if (!quota.absent && Number.isSafeInteger(quota.value) && maxAddressesPerNamespace < 1) {
    quota.invalid('must be at least 1; leave it out for no limit');
  }
  return {
    ...(excludeAddresses.length === 0 ? {} : { excludeAddresses }),
    ...(retentionMs === 0 ? {} : { retentionMs }),
    ...(quarantineMs === 0 ? {} : { quarantineMs }),
    ...(drain === undefined ? {} : { drain }),
    ...(onConflict === undefined || onConflict === 'Keep' ? {} : { onConflict }),
    ...(maxAddressesPerNamespace < 1 ? {} : { maxAddressesPerNamespace }),
  };
}

/** Entries that the pool does not hold say nothing about it, and do no harm. */
function readExcluded(list: Field): AddressRange[] {
  return list.items().flatMap((item) => {
    const range = parseRangeOrAddress(item.text());
    if (range.ok) return [range.value];
    if (typeof item.value === 'string') item.invalid(range.error);
    return [];
  });
}

/** Milliseconds; 0 where it is absent, or faulty. */
function readTime(field: Field): number {
  const text = field.text('0s');
  const time = parseDuration(text);
  if (!time.ok) {
    field.invalid(time.error);
    return 0;
  }
  if (time.value < 0) field.invalid(`"${text}" is negative; leave it out for none`);
  else if (time.value > MAX_TIME_HOURS * 3_600_000)
    field.invalid(`"${text}" is longer than ${MAX_TIME_HOURS}h, a year`);
  else return time.value;
  return 0;
}

function readOneOf<Choice extends string>(
  field: Field,
  choices: readonly Choice[],
  complaint: string,
): Choice | undefined {
  if (field.absent) return undefined;
  const text = field.text();
  const choice = choices.find((known) => known === text);
  if (choice === undefined && typeof field.value === 'string') {
    const all = `${choices.slice(0, -1).join(', ')} and ${choices.at(-1) ?? ''}`;
    field.invalid(`"${text}" ${complaint}; there are ${all}`);
  }
  return choice;
}

function readAllocation(field: Field, known: readonly NamespaceView[]): ServiceAllocation {
  const named = field.field('namespaces').distinctTexts();
  const selectors = readSelectors(field.field('namespaceSelectors'));
  const selected = known.filter(({ labels }) => anySelectorMatches(selectors, labels)).map(({ name }) => name);
  return {
    priority: field.field('priority').integer(0),
    restrictsNamespaces: named.length > 0 || selectors.length > 0,
    namespaces: Array.from(new Set([...named, ...selected])).sort(),
    serviceSelectors: readSelectors(field.field('serviceSelectors')),
  };
}
