/**
 * What this node answers for at this moment: the plan's part for it, held against the claims as they are now. The plan is
 * made in the other thread and may be older than the latest claim, so it is never carried out against one.
 *
 *     plan ──▶ to claim: nobody has claimed it since the plan was made ─▶ claimed, answered
 *              held, yielding ─────────────────────────────────────────▶ answered while the highest claim is ours
 *     a higher claim of another node ──▶ not answered any more, at once
 *     no longer in the plan ───────────▶ released
 *
 * Elected by hash there are no claims: the plan is carried out as it is.
 */
import type { TableEntry } from '../../decide/layer2/table-for.ts';
import type { AnnouncedAddress } from '../../model/announcements.ts';
import type { Ip } from '../../model/ip.ts';
import type { WantedPlace } from './conflict-watch.ts';

export interface AnnouncedOptions {
  readonly nodeName: string;
  /** Whose claim to the address counts now; undefined: nobody's. */
  readonly ownerOf: (ip: Ip) => string | undefined;
  /** Whether this node really announces it, and does not merely ask the LAN whether it may. */
  readonly isAnnounced: (ip: Ip) => boolean;
}

/** This node's part of a plan. */
export interface AddressTable {
  readonly election: 'spread' | 'metallb';
  readonly entries: readonly AddressEntry[];
}

/** An address of the table, and how the watch over conflicts is to take it. */
export interface AddressEntry extends TableEntry, Hold {
  /** The other node that had it last before it came into the table; absent: none is known. */
  readonly from?: string;
}

export type Hold = Pick<WantedPlace, 'policy' | 'held'>;

/** What is to be claimed and to be given back, for the answers to be true. */
export interface ClaimChanges {
  readonly claim: readonly Ip[];
  readonly release: readonly Ip[];
  /** Of what is answered from now on, what another node had: which. */
  readonly takenOver: ReadonlyMap<Ip, string>;
}

export class Announced {
  readonly #options: AnnouncedOptions;
  #table: AddressTable = { election: 'spread', entries: [] };
  /** The table's entries, by address. */
  #entries: ReadonlyMap<Ip, AddressEntry> = new Map();
  readonly #claimed = new Set<Ip>();
  /** Of those, the ones that a speaker announced before: another that claimed them, or this one. */
  readonly #takenOver = new Set<Ip>();
  #mayClaim = false;
  #isInDoubt = false;

  constructor(options: AnnouncedOptions) {
    this.#options = options;
  }

  /** Takes over this node's part of a new plan. */
  take(table: AddressTable): ClaimChanges {
    const before = new Set(this.#planned().map(({ ip }) => ip));
    this.#table = table;
    this.#entries = new Map(table.entries.map((entry) => [entry.ip, entry]));
    const release = Array.from(this.#claimed).filter((ip) => table.election === 'metallb' || !this.#entries.has(ip));
    this.#forget(release);
    if (table.election === 'spread') return { ...this.#claim(), release };
    const takenOver = table.entries.flatMap(({ ip, from }) =>
      before.has(ip) || from === undefined ? [] : [[ip, from] as const],
    );
    return { claim: [], release, takenOver: new Map(takenOver) };
  }

  /** The others' claims are known: from now on it may claim what nobody else has. */
  allowClaims(): ClaimChanges {
    this.#mayClaim = true;
    return { ...this.#claim(), release: [] };
  }

  /** Others have claimed these. */
  overtaken(ips: readonly Ip[]): void {
    this.#forget(ips);
  }

  /** How the watch over conflicts is to take an address that is answered. */
  hold(ip: Ip): Hold {
    const { policy, held } = this.#entries.get(ip) ?? UNKNOWN;
    return { policy, held: this.#takenOver.has(ip) ? 'by-a-speaker' : held };
  }

  /** In doubt whether it counts as dead it answers for nothing. */
  setDoubt(isInDoubt: boolean): void {
    this.#isInDoubt = isInDoubt;
    // What it has announced itself it need not ask the LAN for again when it is assured.
    if (!isInDoubt) return;
    for (const ip of this.#claimed) if (this.#options.isAnnounced(ip)) this.#takenOver.add(ip);
  }

  /** Addresses that it has claimed. */
  get claimed(): ReadonlySet<Ip> {
    return this.#claimed;
  }

  /** What is to be answered now. */
  addresses(): readonly AnnouncedAddress[] {
    if (this.#isInDoubt) return [];
    return this.#planned().map(({ ip, interfaces }) => ({ ip, interfaces }));
  }

  /** What is to be answered when it is in no doubt. */
  #planned(): readonly AddressEntry[] {
    const { election, entries } = this.#table;
    return election === 'metallb' ? entries : entries.filter(({ ip }) => this.#claimed.has(ip));
  }

  #claim(): Pick<ClaimChanges, 'claim' | 'takenOver'> {
    const claim: Ip[] = [];
    const takenOver = new Map<Ip, string>();
    if (!this.#mayClaim || this.#table.election === 'metallb') return { claim, takenOver };
    const { nodeName, ownerOf } = this.#options;
    for (const { ip, standing, holder, from } of this.#table.entries) {
      if (this.#claimed.has(ip)) continue;
      const owner = ownerOf(ip);
      // Ours by a claim of this process that was released and is planned again: it counts until others have heard.
      if (owner !== nodeName && (standing !== 'to-claim' || owner !== holder)) continue;
      claim.push(ip);
      if (owner !== undefined) this.#takenOver.add(ip);
      // The claim of one that is dead does not count any more; who it was, the plan says.
      const other = owner ?? from;
      if (other !== undefined && other !== nodeName) takenOver.set(ip, other);
    }
    for (const ip of claim) this.#claimed.add(ip);
    return { claim, takenOver };
  }

  #forget(ips: readonly Ip[]): void {
    for (const ip of ips) {
      this.#claimed.delete(ip);
      this.#takenOver.delete(ip);
    }
  }
}

/** Of an address that the table does not have: it is probed before it is announced. */
const UNKNOWN: Hold = { policy: 'yield', held: 'by-nobody' };
