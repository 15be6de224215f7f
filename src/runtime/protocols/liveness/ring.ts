/**
 * The order in which speakers watch each other: a ring by the hash of their names, the same for all who know the same
 * names. Whoever comes next watches; the dead are passed over.
 */
import type { Sha256Hex } from '../../model/platform.ts';
import { compareText } from '../../model/text-order.ts';
import type { NodeId } from './messages.ts';

/** A speaker's place in the ring, and its short name in messages. */
export function nodeId(node: string, sha256Hex: Sha256Hex): NodeId {
  return sha256Hex(node).slice(0, 16);
}

export class Ring {
  readonly #ids: readonly NodeId[];
  readonly #places: ReadonlyMap<NodeId, number>;

  constructor(ids: Iterable<NodeId>) {
    this.#ids = [...new Set(ids)].sort(compareText);
    this.#places = new Map(this.#ids.map((id, place) => [id, place]));
  }

  /** The next ones after it, nearest first, that pass; never itself. */
  after(id: NodeId, count: number, passes: (id: NodeId) => boolean): NodeId[] {
    return this.#walk(id, 1, count, passes);
  }

  /** The ones before it, nearest first, that pass; never itself. */
  before(id: NodeId, count: number, passes: (id: NodeId) => boolean): NodeId[] {
    return this.#walk(id, -1, count, passes);
  }

  #walk(id: NodeId, step: 1 | -1, count: number, passes: (id: NodeId) => boolean): NodeId[] {
    const found: NodeId[] = [];
    const start = this.#places.get(id);
    if (start === undefined) return found;
    const size = this.#ids.length;
    for (let distance = 1; distance < size && found.length < count; distance++) {
      const other = this.#ids[(start + step * distance + size) % size];
      if (other !== undefined && passes(other)) found.push(other);
    }
    return found;
  }
}
