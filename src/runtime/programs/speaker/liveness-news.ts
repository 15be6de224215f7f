/**
 * Gathers what the liveness machine finds out into a view for the thread that plans, at most one a turn of the event
 * loop, and tells the log what people want to know of it.
 */
import type { Log } from '../../engine/log.ts';
import type { Claim } from '../../model/claim.ts';
import type { Ip } from '../../model/ip.ts';
import type { PeerState } from '../../protocols/liveness/interface.ts';
import type { LinkOutput } from './liveness-link.ts';
import type { LivenessView } from './messages.ts';

export interface LivenessNewsOptions {
  readonly nodeName: string;
  readonly log: Log;
  readonly claims: () => readonly Claim[];
  /** Runs the callback when what is being handled now has been. */
  readonly soon: (callback: () => void) => void;
  readonly onView: (view: LivenessView) => void;
}

export class LivenessNews {
  readonly #options: LivenessNewsOptions;
  readonly #states = new Map<string, PeerState>();
  readonly #leaving = new Set<string>();
  #isDue = false;

  constructor(options: LivenessNewsOptions) {
    this.#options = options;
  }

  /** Nothing is known any more of those that are not among these. */
  setPeers(nodes: ReadonlySet<string>): void {
    for (const node of this.#states.keys()) if (!nodes.has(node)) this.#states.delete(node);
    for (const node of this.#leaving)
      if (!nodes.has(node) && node !== this.#options.nodeName) this.#leaving.delete(node);
    this.changed();
  }

  /** This node wants its addresses taken over. */
  leaves(): void {
    this.#leaving.add(this.#options.nodeName);
    this.changed();
  }

  take(output: LinkOutput): void {
    const { log } = this.#options;
    switch (output.kind) {
      case 'peer': {
        const { node, state, reason, witnesses } = output;
        this.#states.set(node, state);
        if (state !== 'alive') this.#leaving.delete(node);
        log.info({ peer: node, state, why: reason, ...(witnesses && { witnesses }) }, 'another speaker');
        break;
      }
      case 'leaving':
        this.#leaving.add(output.node);
        log.info({ peer: output.node }, 'another speaker leaves');
        break;
      case 'claims-changed':
        break;
      case 'overtaken': {
        const by = [...new Set(output.claims.map(({ node }) => node))];
        log.info({ ...some(output.claims.map(({ ip }) => ip)), by }, 'others have claimed addresses of this node');
        break;
      }
      case 'doubt':
        log.warn(
          { lateMs: Math.round(output.lateMs) },
          'held up for so long that others may have taken over; asking them',
        );
        return;
      case 'assured':
        return;
      case 'cut-off':
        if (output.cutOff) log.warn({}, 'no other speaker is heard any more');
        else log.info({}, 'other speakers are heard again');
        return;
    }
    this.changed();
  }

  /** Something is not as it was in the last view. */
  changed(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    this.#options.soon(() => {
      this.#isDue = false;
      this.#options.onView({
        states: Object.fromEntries(this.#states),
        leaving: [...this.#leaving].sort(),
        claims: this.#options.claims(),
      });
    });
  }
}

/** As many addresses as a line of the log is to hold. */
export function some(ips: readonly Ip[]): { readonly ips: readonly Ip[]; readonly count: number } {
  return { ips: ips.slice(0, 10), count: ips.length };
}
