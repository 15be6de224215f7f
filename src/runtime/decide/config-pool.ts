/** One IPAddressPool as it is written: everything that can be told without looking at other pools. */

import type { NamespaceView } from '../model/cluster.ts';
import type { ConfigError, Pool, ServiceAllocation } from '../model/config.ts';
import { anySelectorMatches } from '../model/labels.ts';
import { type AddressRange, parseAddressRange } from '../model/range.ts';
import { formatResource, type RawResource } from '../model/resource.ts';
import { Field } from './config-field.ts';
import { readSelectors } from './config-selectors.ts';

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
  const pool = {
    name: resource.name,
    ranges: written.map(({ range }) => range),
    autoAssign: spec.field('autoAssign').boolean(true),
    avoidBuggyIps: spec.field('avoidBuggyIPs').boolean(false),
    ...(allocation.absent ? {} : { serviceAllocation: readAllocation(allocation, namespaces) }),
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
