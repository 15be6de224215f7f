/**
 * One BGPAdvertisement as it is written, its names resolved: pools by name and label, communities by name. What it must
 * not contradict, other advertisements and the pools' sizes, is bgp-conflicts.ts.
 */
import { type BgpCommunity, formatCommunity, parseCommunity } from '../../model/bgp-community.ts';
import type { BgpAdvertisement, ConfigError } from '../../model/config.ts';
import type { Labels } from '../../model/labels.ts';
import { formatResource, type RawResource } from '../../model/resource.ts';
import { compareText } from '../../model/text-order.ts';
import { Field } from './config-field.ts';
import { readPoolChoice } from './config-pool-choice.ts';
import { readSelectors } from './config-selectors.ts';

/** What an advertisement may name. */
export interface AdvertisementReferences {
  /** Every pool in force. */
  readonly poolLabels: ReadonlyMap<string, Labels>;
  /** Names given to communities. */
  readonly communities: ReadonlyMap<string, BgpCommunity>;
  /** The name of every BGPPeer there is, in force or not. */
  readonly peers: ReadonlySet<string>;
}

export interface ReadBgpAdvertisement {
  readonly advertisement: BgpAdvertisement;
  readonly errors: readonly ConfigError[];
}

const MAX_LOCAL_PREF = 4_294_967_295;
const MAX_MULTI_EXIT_DISC = 4_294_967_295;
/** MetalLB's. */
const MOST_COMMUNITIES = 63;

export function readBgpAdvertisement(resource: RawResource, references: AdvertisementReferences): ReadBgpAdvertisement {
  const errors: ConfigError[] = [];
  const spec = new Field(resource.spec, `${formatResource(resource)} spec`, errors);
  // 0 and absent are the same to MetalLB.
  const localPref = spec.field('localPref').within(0, MAX_LOCAL_PREF) ?? 0;
  const asPathPrepend = spec.field('asPathPrepend').within(1, 10);
  const multiExitDisc = spec.field('multiExitDisc').within(0, MAX_MULTI_EXIT_DISC);
  const advertisement: BgpAdvertisement = {
    name: resource.name,
    pools: readPoolChoice(spec, references.poolLabels),
    aggregationLength: spec.field('aggregationLength').within(1, 32) ?? 32,
    aggregationLengthV6: spec.field('aggregationLengthV6').within(0, 128) ?? 128,
    ...(localPref === 0 ? {} : { localPref }),
    ...(asPathPrepend === undefined ? {} : { asPathPrepend }),
    ...(multiExitDisc === undefined ? {} : { multiExitDisc }),
    ...readWithoutEndpoints(spec.field('withoutEndpoints')),
    communities: readCommunities(spec.field('communities'), references.communities),
    peers: readPeers(spec.field('peers'), references.peers),
    nodeSelectors: readSelectors(spec.field('nodeSelectors')),
    serviceSelectors: readSelectors(spec.field('serviceSelectors')),
  };
  const { aggregationLength, aggregationLengthV6, serviceSelectors } = advertisement;
  if (serviceSelectors.length > 0 && (aggregationLength !== 32 || aggregationLengthV6 !== 128)) {
    spec
      .field('serviceSelectors')
      .invalid('choose single addresses, and an aggregation length announces whole networks: remove one of both');
  }
  return { advertisement, errors };
}

/** Withdraw is the same as absent. */
function readWithoutEndpoints(field: Field): Pick<BgpAdvertisement, 'withoutEndpoints'> {
  const { value } = field;
  if (value === undefined || value === null || value === 'Withdraw') return {};
  if (value === 'Announce') return { withoutEndpoints: value };
  field.invalid('must be Withdraw or Announce');
  return {};
}

function readCommunities(list: Field, named: ReadonlyMap<string, BgpCommunity>): readonly BgpCommunity[] {
  const found = new Map<string, BgpCommunity>();
  const seen = new Set<string>();
  const items = list.items();
  if (items.length > MOST_COMMUNITIES) list.invalid(`has ${items.length} entries; ${MOST_COMMUNITIES} is the most`);
  for (const item of items) {
    const text = item.text();
    if (seen.has(text)) item.invalid(`"${text}" is listed twice`);
    seen.add(text);
    const community = resolveCommunity(item, text, named);
    if (community !== undefined) found.set(formatCommunity(community), community);
  }
  return Array.from(found)
    .sort(([a], [b]) => compareText(a, b))
    .map(([, community]) => community);
}

/** A name comes first, so that one may be given to what looks like a community. */
function resolveCommunity(
  item: Field,
  text: string,
  named: ReadonlyMap<string, BgpCommunity>,
): BgpCommunity | undefined {
  const known = named.get(text);
  if (known !== undefined || typeof item.value !== 'string') return known;
  const literal = parseCommunity(text);
  if (literal.ok) return literal.value;
  if (literal.error.kind === 'value') item.invalid(literal.error.message);
  else item.unresolved(`no Community object gives the name "${text}", and it is no community itself`);
  return undefined;
}

function readPeers(list: Field, known: ReadonlySet<string>): string[] {
  const names = list.distinctTexts();
  for (const name of names) {
    if (!known.has(name)) list.dangling(`there is no BGPPeer "${name}"`);
  }
  return names.sort();
}
