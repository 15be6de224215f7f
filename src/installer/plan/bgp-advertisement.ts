/**
 * What routers are told of a pool: each pool's own `advertisements`, else metallb_advertisements, else one. What an
 * advertisement does not say itself its pool says, and what the pool does not say the variables that hold for all:
 *
 *     advertisement.local_pref ─▶ pool.local_pref ─▶ metallb_local_pref ─▶ none
 *
 * Bounds are those of BGPAdvertisement.
 */
import type { Located, SourcePosition } from '../inventory/located.ts';
import type { PlannedAdvertisement } from './addon-plan.ts';
import { readLabelSelector, readObjectName } from './domain-readers.ts';
import {
  type Fields,
  type Reader,
  type Report,
  readFields,
  readInteger,
  readList,
  readOneOf,
  readText,
  withoutUnset,
} from './readers.ts';

const MAX_32_BITS = 4_294_967_295;
/** What an advertisement sets when nobody says otherwise: single addresses. */
const HOST_LENGTHS = { aggregationLength: 32, aggregationLengthV6: 128 };

/** What one level says; what it leaves out the next one says. */
export type AdvertisementFields = Partial<Omit<PlannedAdvertisement, 'name' | 'at'>>;

/** One entry of a list of advertisements. */
export interface WrittenAdvertisement {
  /** Tells it from its pool's others. Absent: its place in the list does. */
  readonly name?: string;
  readonly at: SourcePosition;
  readonly fields: AdvertisementFields;
}

/** Those that a pool has, too; node selectors hold for both protocols there, service selectors choose who may use it. */
export const ADVERTISEMENT_FIELDS = [
  'aggregation_length',
  'aggregation_length_v6',
  'local_pref',
  'communities',
  'peers',
  'as_path_prepend',
  'multi_exit_disc',
  'without_endpoints',
];

/** `prefix`: of the variables that hold for all, which have no lists. */
export function readAdvertisementFields(fields: Fields, prefix: 'metallb_' | '' = ''): AdvertisementFields {
  return withoutUnset({
    aggregationLength: fields.get(`${prefix}aggregation_length`, readInteger(1, 32)),
    aggregationLengthV6: fields.get(`${prefix}aggregation_length_v6`, readInteger(1, 128)),
    localPref: fields.get(`${prefix}local_pref`, readInteger(0, MAX_32_BITS)),
    asPathPrepend: fields.get(`${prefix}as_path_prepend`, readInteger(1, 10)),
    multiExitDisc: fields.get(`${prefix}multi_exit_disc`, readInteger(0, MAX_32_BITS)),
    withoutEndpoints: fields.get(`${prefix}without_endpoints`, readOneOf(['Withdraw', 'Announce'])),
    ...(prefix === ''
      ? {
          communities: fields.get('communities', readList(readText)),
          peers: fields.get('peers', readList(readObjectName)),
        }
      : {}),
  });
}

export const readWrittenAdvertisement: Reader<WrittenAdvertisement> = (value: Located, what, report) => {
  const known = ['name', ...ADVERTISEMENT_FIELDS, 'node_selectors', 'service_selectors'];
  const fields = readFields(value, what, known, report);
  if (fields === undefined) return undefined;
  const name = fields.get('name', readObjectName);
  return {
    ...(name === undefined ? {} : { name }),
    at: fields.at,
    fields: {
      ...readAdvertisementFields(fields),
      ...withoutUnset({
        nodeSelectors: fields.get('node_selectors', readList(readLabelSelector)),
        serviceSelectors: fields.get('service_selectors', readList(readLabelSelector)),
      }),
    },
  };
};

/** What a pool has of its own, and what holds for all. */
export interface AdvertisementSources {
  readonly pool: { readonly name: string; readonly at: SourcePosition };
  /** Empty: it has none. */
  readonly written: readonly WrittenAdvertisement[];
  /** From what counts most to what counts least. */
  readonly defaults: readonly AdvertisementFields[];
}

/** At least one. */
export function settleAdvertisements(sources: AdvertisementSources, report: Report): readonly PlannedAdvertisement[] {
  const { pool, defaults } = sources;
  const written = sources.written.length > 0 ? sources.written : [{ at: pool.at, fields: {} }];
  return written.map((each, index) => {
    const { serviceSelectors = [], ...fields } = merge([each.fields, ...defaults]);
    const settled = { ...HOST_LENGTHS, communities: [], peers: [], nodeSelectors: [], ...fields, serviceSelectors };
    const { aggregationLength, aggregationLengthV6 } = settled;
    if (serviceSelectors.length > 0 && (aggregationLength !== 32 || aggregationLengthV6 !== 128)) {
      report(
        each.at,
        `the advertisement of the pool "${pool.name}" has service_selectors, which choose single addresses, and announces ` +
          `/${aggregationLength} and /${aggregationLengthV6}: set its aggregation_length to 32 and aggregation_length_v6 to 128`,
      );
    }
    return { ...settled, name: nameOf(pool.name, each, index), at: each.at };
  });
}

/** The first has the pool's own name, so that a pool with one advertisement has one of its name. */
function nameOf(pool: string, { name }: { readonly name?: string }, index: number): string {
  if (name !== undefined) return `${pool}-${name}`;
  return index === 0 ? pool : `${pool}-${index + 1}`;
}

function merge(levels: readonly AdvertisementFields[]): AdvertisementFields {
  return Object.assign({}, ...levels.toReversed());
}
