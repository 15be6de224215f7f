/** The speakers there are, this one among them: by name, by place in the ring, and who of them watches whom. */
import type { Sha256Hex } from '../../model/platform.ts';
import { compareText } from '../../model/text-order.ts';
import type { Instant } from '../../model/time.ts';
import type { PeerIdentity } from './interface.ts';
import type { NodeId } from './messages.ts';
import { type Condition, Peer } from './peer.ts';
import { nodeId, Ring } from './ring.ts';
import { HELLO_CEILING_MS, WATCHERS } from './timings.ts';

/** For how long somebody unheard still counts as one who may witness: introductions take a moment. */
const INTRODUCTION_MS = HELLO_CEILING_MS / 2;

export class Roster {
  readonly self: { readonly node: string; readonly id: NodeId };
  readonly #sha256Hex: Sha256Hex;
  readonly #byNode = new Map<string, Peer>();
  /** Those that do not count as alive. */
  readonly #outOfReach = new Set<Peer>();
  #byId: ReadonlyMap<NodeId, Peer> = new Map();
  #ring: Ring;

  constructor(node: string, sha256Hex: Sha256Hex) {
    this.#sha256Hex = sha256Hex;
    this.self = { node, id: nodeId(node, sha256Hex) };
    this.#ring = new Ring([this.self.id]);
  }

  /** Takes the whole set. Returns who is new, and who is not there any more: under another boot, both. */
  replace(identities: readonly PeerIdentity[], now: Instant): { readonly added: Peer[]; readonly removed: Peer[] } {
    const wanted = new Map(identities.filter(({ node }) => node !== this.self.node).map((each) => [each.node, each]));
    const removed = [...this.#byNode.values()].filter(({ node, boot }) => wanted.get(node)?.boot !== boot);
    for (const peer of removed) {
      this.#byNode.delete(peer.node);
      this.#outOfReach.delete(peer);
    }
    const added: Peer[] = [];
    for (const { node, boot } of wanted.values()) {
      if (this.#byNode.has(node)) continue;
      const peer = new Peer({ node, boot, id: nodeId(node, this.#sha256Hex) }, now);
      this.#byNode.set(node, peer);
      this.#outOfReach.add(peer);
      added.push(peer);
    }
    this.#byId = new Map(this.all().map((peer) => [peer.id, peer]));
    this.#ring = new Ring([this.self.id, ...this.#byId.keys()]);
    return { added, removed };
  }

  get(node: string): Peer | undefined {
    return this.#byNode.get(node);
  }

  byId(id: NodeId): Peer | undefined {
    return this.#byId.get(id);
  }

  all(): Peer[] {
    return [...this.#byNode.values()];
  }

  setCondition(peer: Peer, condition: Condition): void {
    peer.condition = condition;
    if (condition === 'alive') this.#outOfReach.delete(peer);
    else this.#outOfReach.add(peer);
  }

  /** The unheard and those that are gone. */
  outOfReach(): Iterable<Peer> {
    return this.#outOfReach;
  }

  alive(): Peer[] {
    return this.all().filter(({ condition }) => condition === 'alive');
  }

  /** Who watches this speaker. */
  watchers(): Peer[] {
    return this.#peers(this.#ring.after(this.self.id, WATCHERS, this.#isAlive));
  }

  /** Whom this speaker watches. */
  watched(): Peer[] {
    return this.#peers(this.#ring.before(this.self.id, WATCHERS, this.#isAlive));
  }

  /** Whether this speaker is one of those that would watch the peer if it lived. */
  isWatcherOf(peer: Peer): boolean {
    return this.#ring.after(peer.id, WATCHERS, this.#isAlive).includes(this.self.id);
  }

  /** Others who can be asked about the peer, its watchers first. */
  askable(peer: Peer, count: number): Peer[] {
    const passes = (id: NodeId): boolean => id !== this.self.id && this.#isAlive(id);
    return this.#peers(this.#ring.after(peer.id, count, passes));
  }

  /** How many must witness the peer's silence: two, or one where there is one besides it. */
  witnessesNeeded(peer: Peer, now: Instant): 1 | 2 {
    const others = this.#byNode.size - this.#outOfReach.size - (peer.condition === 'alive' ? 1 : 0);
    if (others > 0) return 2;
    for (const other of this.#outOfReach) {
      if (other !== peer && other.condition === 'unheard' && now - other.since < INTRODUCTION_MS) return 2;
    }
    return 1;
  }

  /** All nodes' names but this one's, in order. */
  nodes(): string[] {
    return [...this.#byNode.keys()].sort(compareText);
  }

  readonly #isAlive = (id: NodeId): boolean => id === this.self.id || this.#byId.get(id)?.condition === 'alive';

  #peers(ids: readonly NodeId[]): Peer[] {
    return ids.flatMap((id) => this.#byId.get(id) ?? []);
  }
}
