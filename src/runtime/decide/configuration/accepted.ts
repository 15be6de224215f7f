/**
 * What the acceptance of every kind has in common: who is heard first, what is remembered of an accepted object, and the
 * record of what was found. See config-from-resources.ts for the rules.
 */
import type { BgpCommunity } from '../../model/bgp-community.ts';
import { type BfdProfile, type ConfigError, holdsBack } from '../../model/config.ts';
import { formatResource, type RawResource } from '../../model/resource.ts';
import { compareText } from '../../model/text-order.ts';

/** The version of an object that was accepted last, with what it was resolved to, should that go away. */
export interface Accepted {
  readonly object: RawResource;
  /** Of a BGPAdvertisement: the pools it was in force for, and its communities. */
  readonly covered?: ReadonlySet<string>;
  readonly communities?: readonly BgpCommunity[];
  /** Of a BGPPeer: the profile it named, and its password. */
  readonly bfdProfile?: BfdProfile;
  readonly password?: string;
}

/** By "Kind ns/name". Opaque to callers: hand it back next time. */
export type LastGood = ReadonlyMap<string, Accepted>;

export const NO_LAST_GOOD: LastGood = new Map();

/** What is wrong with one object. */
export interface FaultyObject {
  readonly object: RawResource;
  /** At least one. */
  readonly errors: readonly ConfigError[];
}

/** What was found about the objects of a kind. */
export class Verdicts {
  readonly errors: ConfigError[] = [];
  readonly faulty: FaultyObject[] = [];
  readonly accepted = new Map<string, Accepted>();

  /** Notes the errors, and says whether the object can be in force as it is written. */
  judge(object: RawResource, errors: readonly ConfigError[]): boolean {
    if (errors.length === 0) return true;
    this.errors.push(...errors);
    this.faulty.push({ object, errors });
    return !errors.some(holdsBack);
  }

  remember(accepted: Accepted): void {
    this.accepted.set(formatResource(accepted.object), accepted);
  }
}

/**
 * The objects in the order in which they may claim what only one can have: unchanged since accepted; then edited; then
 * new; then new and refused before. Of equals the older, then the earlier name.
 */
export function inPrecedence(objects: readonly RawResource[], lastGood: LastGood): RawResource[] {
  return objects
    .map((object) => ({ object, rank: rankOf(object, lastGood) }))
    .sort((a, b) => a.rank - b.rank || byAge(a, b))
    .map(({ object }) => object);
}

/** The older first; of one age by name. */
export function byAge(a: { readonly object: RawResource }, b: { readonly object: RawResource }): number {
  return (
    a.object.createdAtMs - b.object.createdAtMs ||
    compareText(a.object.name, b.object.name) ||
    compareText(a.object.namespace, b.object.namespace)
  );
}

function rankOf(object: RawResource, lastGood: LastGood): number {
  const known = lastGood.get(formatResource(object))?.object;
  if (known === undefined || known.uid !== object.uid) return wasRefused(object) ? 3 : 2;
  return known.generation === object.generation ? 0 : 1;
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
