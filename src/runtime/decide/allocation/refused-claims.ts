/**
 * The Services that have less than they ask for, in the order of claim, and which of them may hope after something
 * changed: those whom a freed address could serve, who ask for an address that changed hands, or who share under a key
 * where addresses came or went. Without freed addresses nobody is looked at but those few.
 */
import type { Ip } from '../../model/ip.ts';
import type { Grant } from './allocation.ts';
import type { Changes } from './allocation-state.ts';
import { type Claimant, compareClaims } from './claimant.ts';
import { restriction } from './pool-choice.ts';

interface Refused {
  readonly claimant: Claimant;
  readonly grant: Grant;
}

export class RefusedClaims<Entry extends Refused> {
  readonly #changes: Changes;
  /** In the order of claim. */
  readonly #inOrder: Entry[] = [];
  readonly #byKey = new Map<string, Entry>();
  /** By what they ask for by name. */
  readonly #byIp = new Map<Ip, Set<Entry>>();
  readonly #bySharingKey = new Map<string, Set<Entry>>();
  /** Refused by a quota: whatever anybody takes or gives up may be what decides, or at least what the reason is. */
  readonly #byQuota = new Set<Entry>();

  constructor(changes: Changes) {
    this.#changes = changes;
  }

  add(entry: Entry): void {
    const at = this.#position(entry);
    this.#byKey.set(entry.claimant.key, entry);
    if (isQuotaReached(entry)) this.#byQuota.add(entry);
    else this.#byQuota.delete(entry);
    if (this.#inOrder[at]?.claimant.key === entry.claimant.key) {
      this.#inOrder[at] = entry;
      return;
    }
    this.#inOrder.splice(at, 0, entry);
    for (const ip of requestedIps(entry)) addTo(this.#byIp, ip, entry);
    if (entry.claimant.sharing.key !== '') addTo(this.#bySharingKey, entry.claimant.sharing.key, entry);
  }

  /** Whether it was there. */
  delete(entry: Entry): boolean {
    const at = this.#position(entry);
    if (this.#inOrder[at]?.claimant.key !== entry.claimant.key) return false;
    this.#inOrder.splice(at, 1);
    this.#byKey.delete(entry.claimant.key);
    this.#byQuota.delete(entry);
    for (const ip of requestedIps(entry)) deleteFrom(this.#byIp, ip, entry);
    deleteFrom(this.#bySharingKey, entry.claimant.sharing.key, entry);
    return true;
  }

  /** Those for whom a change may make a difference, in the order of claim. */
  hopeful(): readonly Entry[] {
    const { freed, moved, awaited, sharingKeys, hasRoomUnderLimits } = this.#changes;
    if (freed.size > 0 || hasRoomUnderLimits) return this.#inOrder.filter((entry) => this.mayHope(entry));
    const found = new Set<Entry>(moved.size > 0 ? this.#byQuota : []);
    if (this.#byIp.size > 0) for (const ip of moved) for (const entry of this.#byIp.get(ip) ?? []) found.add(entry);
    for (const key of awaited) {
      const entry = this.#byKey.get(key);
      if (entry !== undefined) found.add(entry);
    }
    for (const key of sharingKeys) for (const entry of this.#bySharingKey.get(key) ?? []) found.add(entry);
    return Array.from(found).sort((a, b) => compareClaims(a.claimant, b.claimant));
  }

  /** Whether this one is among the hopeful as things stand now. */
  mayHope(entry: Entry): boolean {
    const { claimant, grant } = entry;
    const { request, sharing, service } = claimant;
    const { freed, moved, awaited, sharingKeys, hasRoomUnderLimits } = this.#changes;
    if (!request.ok) return false;
    if (awaited.has(claimant.key) || (moved.size > 0 && this.#byQuota.has(entry))) return true;
    if (hasRoomUnderLimits || (sharing.key !== '' && sharingKeys.has(sharing.key))) return true;
    if (request.value.ips?.some((ip) => moved.has(ip))) return true;
    for (const pool of new Set(freed.values())) {
      if (pool === grant.pool || pool.name === request.value.pool) return true;
      if (request.value.pool === undefined && pool.autoAssign && restriction(pool, service) === undefined) return true;
    }
    return false;
  }

  #position(entry: Entry): number {
    let low = 0;
    let high = this.#inOrder.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#inOrder[middle];
      if (other !== undefined && compareClaims(other.claimant, entry.claimant) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function isQuotaReached({ grant: { refusal } }: Refused): boolean {
  return (
    refusal?.pools.some(({ reason }) => reason === 'NamespaceQuotaReached' || reason === 'PoolQuotaReached') ?? false
  );
}

function requestedIps({ claimant }: Refused): readonly Ip[] {
  return claimant.request.ok ? (claimant.request.value.ips ?? []) : [];
}

function addTo<Key, Entry>(index: Map<Key, Set<Entry>>, key: Key, entry: Entry): void {
  const entries = index.get(key) ?? new Set<Entry>();
  index.set(key, entries.add(entry));
}

function deleteFrom<Key, Entry>(index: Map<Key, Set<Entry>>, key: Key, entry: Entry): void {
  const entries = index.get(key);
  entries?.delete(entry);
  if (entries?.size === 0) index.delete(key);
}
