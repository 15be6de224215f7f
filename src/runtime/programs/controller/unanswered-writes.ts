/**
 * Writes of Services that are under way, or whose answer was lost: done or not, nobody knows. An address that such a
 * write gave to one Service is not to be written on another yet, because a decision knows of a write only when it is done.
 *
 *     sent ─┬─ done, or refused (4xx) ─────────────────────────────▶ forgotten, and whoever waited is told
 *           (done: kept until the next decision, which knows of it)
 *           └─ no answer (5xx, timeout, broken connection) ─▶ kept until the copy has another version of the Service
 */
import { KubeError } from '../../adapters/kube/kube-error.ts';
import type { ServiceStatusWrite } from '../../adapters/kube/write-service.ts';
import type { Ip } from '../../model/ip.ts';

export interface UnansweredWritesOptions {
  /** The version of the Service in the copy; undefined: it is not there. */
  readonly versionOf: (key: string) => string | undefined;
  /** An answer came that some other Service was held up for. */
  readonly onAnswer: () => void;
}

interface Unanswered {
  /** Of the Service, as it was decided on: with a later one the write cannot be done any more. */
  readonly resourceVersion: string;
  /** The addresses that the Service may have got. */
  readonly ips: readonly Ip[];
}

export class UnansweredWrites {
  readonly #options: UnansweredWritesOptions;
  readonly #writes = new Map<string, Unanswered>();
  /** Done since the decision in force was taken, which does not know of them. */
  readonly #landed = new Map<string, readonly Ip[]>();
  #isWaitedFor = false;

  constructor(options: UnansweredWritesOptions) {
    this.#options = options;
  }

  /** Sends the write; settles as `send` does. One at a time for a key. */
  async send(key: string, write: ServiceStatusWrite, send: () => Promise<unknown>): Promise<unknown> {
    const { resourceVersion } = write.service;
    const known = this.#writes.get(key);
    // Of the writes on one version one at most is done, but that may be any of them.
    const before = known?.resourceVersion === resourceVersion ? known : undefined;
    this.#writes.set(key, { resourceVersion, ips: [...(before?.ips ?? []), ...(write.ips ?? [])] });
    try {
      const written = await send();
      this.#landed.set(key, write.ips ?? []);
      this.#answered(key, undefined);
      return written;
    } catch (error) {
      if (error instanceof KubeError && error.status >= 400 && error.status < 500) this.#answered(key, before);
      throw error;
    }
  }

  /**
   * Whether one of the addresses may just be getting to another Service. `isMeant`: that one is to have it as well, so
   * the two share it.
   */
  holdUp(key: string, ips: readonly Ip[], isMeant: (other: string, ip: Ip) => boolean): boolean {
    for (const [other, landed] of this.#landed) {
      if (other !== key && ips.some((ip) => landed.includes(ip) && !isMeant(other, ip))) return true;
    }
    for (const [other, write] of this.#writes) {
      // Another version of it, or none: the copy has what came of the write.
      if (this.#options.versionOf(other) !== write.resourceVersion) this.#writes.delete(other);
      else if (other !== key && ips.some((ip) => write.ips.includes(ip) && !isMeant(other, ip))) {
        this.#isWaitedFor = true;
        return true;
      }
    }
    return false;
  }

  /** A decision was taken from everything that is in the copy. */
  decided(): void {
    this.#landed.clear();
  }

  /** Another controller writes from now on; by the time this one does again, what it sent has ended. */
  forget(): void {
    this.#writes.clear();
    this.#landed.clear();
    this.#isWaitedFor = false;
  }

  #answered(key: string, left: Unanswered | undefined): void {
    if (left === undefined) this.#writes.delete(key);
    else this.#writes.set(key, left);
    if (this.#isWaitedFor) this.#options.onAnswer();
    this.#isWaitedFor = false;
  }
}
