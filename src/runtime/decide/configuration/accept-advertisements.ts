/** Which L2Advertisements and BGPAdvertisements are in force, in which version and for which pools. */
import { type BgpAdvertisement, type ConfigError, holdsBack, type L2Advertisement } from '../../model/config.ts';
import type { Labels } from '../../model/labels.ts';
import { formatResource, type RawResource } from '../../model/resource.ts';
import { type Accepted, inPrecedence, type LastGood, Verdicts } from './accepted.ts';
import { type PoolShape, poolFaults, wantOtherLocalPref } from './bgp-conflicts.ts';
import { type AdvertisementReferences, readBgpAdvertisement } from './config-bgp-advertisement.ts';
import { readL2Advertisement } from './config-l2-advertisement.ts';
import { concerns, type LabelledNode } from './node-choice.ts';

/** One advertisement may contradict thousands of pools; a person needs to see a few. */
const MOST_TOLD = 5;

/** A faulty one without a last good version is left out. */
export function acceptL2Advertisements(
  objects: readonly RawResource[],
  poolLabels: ReadonlyMap<string, Labels>,
  lastGood: LastGood,
): { readonly verdicts: Verdicts; readonly inForce: readonly L2Advertisement[] } {
  const verdicts = new Verdicts();
  const inForce: L2Advertisement[] = [];
  for (const object of objects) {
    const { advertisement, errors } = readL2Advertisement(object, poolLabels);
    const isGood = verdicts.judge(object, errors);
    const version = isGood ? object : lastGood.get(formatResource(object))?.object;
    if (version === undefined) continue;
    verdicts.remember({ object: version });
    inForce.push(isGood ? advertisement : readL2Advertisement(version, poolLabels).advertisement);
  }
  return { verdicts, inForce };
}

export interface BgpSurroundings {
  readonly references: AdvertisementReferences;
  /** Of every pool in force. */
  readonly shapes: ReadonlyMap<string, PoolShape>;
  /** Peers in force that BFD watches in echo mode. */
  readonly echoPeers: readonly string[];
  readonly nodes: readonly LabelledNode[] | undefined;
  /** Only what concerns this node is looked at; undefined: all. */
  readonly node: LabelledNode | undefined;
}

/**
 * One that contradicts a pool or another advertisement is faulty, and stays in force in its last good version: for the
 * pools that version was in force for, and for those it is in order for. Without a last good version it stands for the
 * pools it is in order for, if it is in order otherwise. Never are two in force that contradict each other.
 */
export function acceptBgpAdvertisements(
  objects: readonly RawResource[],
  surroundings: BgpSurroundings,
  lastGood: LastGood,
): { readonly verdicts: Verdicts; readonly inForce: readonly BgpAdvertisement[] } {
  const { node, references } = surroundings;
  const verdicts = new Verdicts();
  const inForce = new AdvertisementsByPool(surroundings);
  for (const object of inPrecedence(objects, lastGood)) {
    const { advertisement, errors } = readBgpAdvertisement(object, references);
    const previous = lastGood.get(formatResource(object));
    const before = previous === undefined ? undefined : advertisementOf(previous, references);
    if (!concerns(node, advertisement, before)) continue;
    const faults = advertisement.pools.flatMap((pool) => inForce.faults(advertisement, pool));
    const isGood = verdicts.judge(object, [...errors, ...errorsOf(object, faults)]);
    const partly = errors.some(holdsBack) ? undefined : advertisement;
    const version = isGood ? advertisement : (before ?? partly);
    if (version === undefined || !concerns(node, version)) continue;
    const covered = isGood ? undefined : previous?.covered;
    const pools = version.pools.filter((pool) => inForce.isOpen(version, pool, covered));
    const accepted = isGood ? object : previous?.object;
    if (accepted !== undefined) {
      verdicts.remember({ object: accepted, covered: new Set(pools), communities: version.communities });
    }
    inForce.add({ ...version, pools });
  }
  return { verdicts, inForce: inForce.list };
}

/** The advertisement as it was accepted, with the communities it had then should a name be gone. */
function advertisementOf({ object, communities }: Accepted, references: AdvertisementReferences): BgpAdvertisement {
  const { advertisement } = readBgpAdvertisement(object, references);
  return { ...advertisement, communities: communities ?? advertisement.communities };
}

interface Fault {
  readonly field: string;
  readonly message: string;
}

function errorsOf(object: RawResource, faults: readonly Fault[]): ConfigError[] {
  const spec = `${formatResource(object)} spec`;
  const told = faults.slice(0, MOST_TOLD).map(({ field, message }) => ({ path: `${spec}.${field}`, message }));
  const [next] = faults.slice(MOST_TOLD);
  if (next !== undefined) {
    told.push({ path: `${spec}.${next.field}`, message: `and ${faults.length - MOST_TOLD} more contradictions` });
  }
  return told.map((each) => ({ ...each, kind: 'invalid' }));
}

class AdvertisementsByPool {
  readonly list: BgpAdvertisement[] = [];
  readonly #byPool = new Map<string, BgpAdvertisement[]>();
  readonly #surroundings: BgpSurroundings;

  constructor(surroundings: BgpSurroundings) {
    this.#surroundings = surroundings;
  }

  add(advertisement: BgpAdvertisement): void {
    this.list.push(advertisement);
    for (const pool of advertisement.pools) {
      const others = this.#byPool.get(pool);
      if (others === undefined) this.#byPool.set(pool, [advertisement]);
      else others.push(advertisement);
    }
  }

  faults(advertisement: BgpAdvertisement, pool: string): Fault[] {
    const rival = this.#rival(advertisement, pool);
    const faults: Fault[] = this.#poolFaults(advertisement, pool);
    if (rival === undefined) return faults;
    const message =
      `the local preference ${advertisement.localPref ?? 0} contradicts ${rival.localPref ?? 0} of BGPAdvertisement ` +
      `"${rival.name}", which announces the same routes of the pool "${pool}" to the same peers from the same nodes`;
    return [...faults, { field: 'localPref', message }];
  }

  /** Whether a version that may be faulty can be in force for the pool; `covered`: those it was in force for. */
  isOpen(advertisement: BgpAdvertisement, pool: string, covered: ReadonlySet<string> | undefined): boolean {
    if (this.#rival(advertisement, pool) !== undefined) return false;
    return covered?.has(pool) === true || this.#poolFaults(advertisement, pool).length === 0;
  }

  #rival(advertisement: BgpAdvertisement, pool: string): BgpAdvertisement | undefined {
    const { shapes, nodes } = this.#surroundings;
    const shape = shapes.get(pool);
    if (shape === undefined) return undefined;
    return this.#byPool.get(pool)?.find((other) => wantOtherLocalPref(advertisement, other, shape, nodes));
  }

  #poolFaults(advertisement: BgpAdvertisement, pool: string) {
    const { shapes, echoPeers } = this.#surroundings;
    const shape = shapes.get(pool);
    const { peers } = advertisement;
    const watched = peers.length === 0 ? echoPeers : echoPeers.filter((name) => peers.includes(name));
    return shape === undefined ? [] : poolFaults(advertisement, shape, watched);
  }
}
