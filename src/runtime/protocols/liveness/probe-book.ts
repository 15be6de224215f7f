/** The probes that are under way, so that their answers tell the round trip. */
import type { Instant } from '../../model/time.ts';

/** More than that are forgotten, the oldest first: most of them went to nobody. */
const MOST = 512;

export class ProbeBook {
  readonly #sent = new Map<number, { readonly node: string; readonly at: Instant }>();
  #lastId = 0;

  /** The id of the new probe. */
  add(node: string, at: Instant): number {
    this.#lastId = (this.#lastId + 1) >>> 0;
    this.#sent.set(this.#lastId, { node, at });
    if (this.#sent.size > MOST) {
      const [oldest] = this.#sent.keys();
      if (oldest !== undefined) this.#sent.delete(oldest);
    }
    return this.#lastId;
  }

  /** When it was sent, if it was and nobody has answered it yet. */
  take(id: number, node: string): Instant | undefined {
    const probe = this.#sent.get(id);
    if (probe?.node !== node) return undefined;
    this.#sent.delete(id);
    return probe.at;
  }
}
