/**
 * The packet path's guard: what it may announce, given what is heard on the LAN. Joins the conflict detector
 * (protocols/conflict) to the clock, and keeps what the worker is to tell the cluster.
 *
 *     setWanted(places) ─▶ ┌────────────┐ ─▶ mayAnnounce(place)     asked for every place when answers are planned
 *     see(frame's facts) ▶ │  detector  │ ─▶ sendProbe, defend      frames to send at once
 *     setOwn/SpeakerMacs ▶ │            │ ─▶ onDecided              what may be announced, or must be heard, has changed
 *     interfaceGone ─────▶ └────────────┘ ─▶ onConflicts, onStaleOwner   for the worker
 *
 * Runs on the thread of the packet path; never waits.
 */
import { DeadlineTimer } from '../../engine/deadline-timer.ts';
import type { Clock, Random } from '../../engine/ports.ts';
import type { LanConflict } from '../../model/conflict.ts';
import type { Mac } from '../../model/mac.ts';
import { ConflictDetector } from '../../protocols/conflict/detector.ts';
import type {
  ConflictInput,
  ConflictOutput,
  ConflictPolicy,
  Place,
  Sighting,
} from '../../protocols/conflict/messages.ts';

export interface ConflictWatchOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly nodeName: string;
  /** Send one probe for the place's address out of its interface. */
  readonly sendProbe: (place: Place, mac: Mac) => void;
  /** Announce the place once, now: one round, no repeats. `mac` is who claimed it. */
  readonly defend: (place: Place, mac: Mac) => void;
  /**
   * mayAnnounce() answers otherwise than before, or an address that is wanted no more needs not be listened for any longer;
   * by itself: not called from within setWanted. After onConflicts.
   */
  readonly onDecided: () => void;
  /** All that foreign hosts hold, as this node sees it, at every change. */
  readonly onConflicts: (conflicts: readonly LanConflict[]) => void;
  /** Another speaker, `mac`, announces what this node announces: the claims are to be compared. */
  readonly onStaleOwner: (place: Place, mac: Mac) => void;
}

/** An address that is to be announced on an interface that can send. */
export interface WantedPlace extends Place {
  readonly mac: Mac;
  readonly policy: ConflictPolicy;
  /**
   * by-a-speaker: one of the cluster's speakers held it until now (there is a claim on it, this node's own of an earlier
   * process included), so it is announced at once. by-nobody: it is probed first.
   */
  readonly held: 'by-a-speaker' | 'by-nobody';
}

export class ConflictWatch {
  readonly #options: ConflictWatchOptions;
  readonly #detector: ConflictDetector;
  #wanted: ReadonlyMap<string, WantedPlace> = new Map();
  /** Of the wanted ones, those that may be announced. */
  readonly #announceable = new Set<string>();
  readonly #conflicts = new Map<string, LanConflict>();
  readonly #timer: DeadlineTimer;
  #open = true;

  constructor(options: ConflictWatchOptions) {
    this.#options = options;
    this.#detector = new ConflictDetector({ random: () => options.random.next() });
    this.#timer = new DeadlineTimer(
      options.clock,
      () => this.#detector.deadline(),
      () => this.#tell({ kind: 'timer' }),
    );
  }

  /** Replaces what is to be announced. Ask mayAnnounce() afterwards. */
  setWanted(wanted: readonly WantedPlace[]): void {
    const before = this.#wanted;
    this.#wanted = new Map(wanted.map((place) => [keyOf(place), place]));
    for (const [key, place] of before) {
      if (this.#wanted.has(key)) continue;
      this.#announceable.delete(key);
      this.#tell({ kind: 'released', ip: place.ip, interface: place.interface }, 'quietly');
    }
    for (const [key, place] of this.#wanted) {
      const known = before.get(key);
      if (known === undefined || isOther(known, place)) this.#want(key, place);
    }
  }

  /** Whether the place may be announced and answered for now; false for what is not wanted at all. */
  mayAnnounce(place: Place): boolean {
    return this.#announceable.has(keyOf(place));
  }

  /** Whether it is of any use to tell what is heard of the place. */
  isWatched(place: Place): boolean {
    return this.#detector.isWatched(place);
  }

  /** Somebody, `mac`, was heard of the place, in such a frame. */
  see(place: Place, as: Sighting, mac: Mac): void {
    if (this.#detector.isWatched(place))
      this.#tell({ kind: 'seen', ip: place.ip, interface: place.interface, as, mac });
  }

  /** Nothing can be sent or heard there any more. What is wanted there has to be wanted anew. */
  interfaceGone(name: string): void {
    this.#wanted = new Map([...this.#wanted].filter(([, place]) => place.interface !== name));
    for (const key of this.#announceable) if (!this.#wanted.has(key)) this.#announceable.delete(key);
    this.#tell({ kind: 'interface-gone', interface: name }, 'quietly');
  }

  /** The MACs of this node's interfaces, all of them. */
  setOwnMacs(macs: readonly Mac[]): void {
    this.#tell({ kind: 'own-macs', macs });
  }

  /** The MACs of all speakers of the cluster. */
  setSpeakerMacs(macs: readonly Mac[]): void {
    this.#tell({ kind: 'speaker-macs', macs });
  }

  /** For metrics and the debug view. */
  snapshot(): ReturnType<ConflictDetector['snapshot']> {
    return this.#detector.snapshot();
  }

  close(): void {
    this.#open = false;
    this.#timer.cancel();
  }

  #want(key: string, { ip, interface: name, mac, policy, held }: WantedPlace): void {
    // Before it is told, so that a conflict that is remembered takes it back.
    if (held === 'by-a-speaker') this.#announceable.add(key);
    this.#tell({ kind: held === 'by-a-speaker' ? 'watch' : 'probe', ip, interface: name, mac, policy }, 'quietly');
  }

  /** quietly: whoever tells asks mayAnnounce() itself afterwards. */
  #tell(input: ConflictInput, how: 'aloud' | 'quietly' = 'aloud'): void {
    if (!this.#open) return;
    const outputs = this.#detector.handle(input, this.#options.clock.now());
    this.#timer.arm();
    let isDecided = false;
    let areOthers = false;
    for (const output of outputs) {
      const changed = this.#act(output);
      isDecided ||= changed.decided;
      areOthers ||= changed.conflicts;
    }
    if (areOthers) this.#options.onConflicts([...this.#conflicts.values()]);
    if (isDecided && how === 'aloud') this.#options.onDecided();
  }

  #act(output: ConflictOutput): { readonly decided: boolean; readonly conflicts: boolean } {
    const key = keyOf(output);
    const place = { ip: output.ip, interface: output.interface };
    switch (output.kind) {
      case 'send-probe':
        this.#options.sendProbe(place, output.mac);
        return NOTHING;
      case 'defence':
        this.#options.defend(place, output.mac);
        return NOTHING;
      case 'stale-owner':
        this.#options.onStaleOwner(place, output.mac);
        return NOTHING;
      case 'free':
        return { decided: this.#allow(key), conflicts: false };
      case 'clear': {
        const conflicts = this.#conflicts.delete(key);
        return { decided: this.#wanted.has(key) ? this.#allow(key) : conflicts, conflicts };
      }
      case 'conflict': {
        const decided = output.then !== 'defend' && this.#announceable.delete(key);
        return { decided, conflicts: this.#note(key, place, output.mac) };
      }
    }
  }

  #allow(key: string): boolean {
    if (!this.#wanted.has(key) || this.#announceable.has(key)) return false;
    this.#announceable.add(key);
    return true;
  }

  #note(key: string, place: Place, mac: Mac): boolean {
    const known = this.#conflicts.get(key);
    if (known?.mac === mac) return false;
    const { nodeName, clock } = this.#options;
    this.#conflicts.set(key, { ...place, mac, sinceMs: known?.sinceMs ?? clock.wallMs(), node: nodeName });
    return true;
  }
}

const NOTHING = { decided: false, conflicts: false } as const;

function isOther(a: WantedPlace, b: WantedPlace): boolean {
  return a.mac !== b.mac || a.policy !== b.policy || a.held !== b.held;
}

function keyOf({ ip, interface: name }: Place): string {
  return `${ip} ${name}`;
}
