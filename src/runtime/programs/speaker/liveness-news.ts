/**
 * Gathers what the liveness machine finds out into a view for the thread that plans, at most one a turn of the event
 * loop, and tells the log what people want to know of it.
 */
import type { Log } from '../../engine/log.ts';
import type { Claim } from '../../model/claim.ts';
import type { Ip } from '../../model/ip.ts';
import type { LivenessSnapshot } from '../../protocols/liveness/interface.ts';
import type { LinkOutput } from './liveness-link.ts';
import type { LivenessView } from './messages.ts';

export interface LivenessNewsOptions {
  readonly log: Log;
  /** What the machine believes now, and the claims that it knows of. */
  readonly snapshot: () => Pick<LivenessSnapshot, 'node' | 'leaving' | 'peers'>;
  readonly claims: () => readonly Claim[];
  /** Runs the callback when what is being handled now has been. */
  readonly soon: (callback: () => void) => void;
  readonly onView: (view: LivenessView) => void;
}

export class LivenessNews {
  readonly #options: LivenessNewsOptions;
  #isDue = false;

  constructor(options: LivenessNewsOptions) {
    this.#options = options;
  }

  take(output: LinkOutput): void {
    const { log } = this.#options;
    switch (output.kind) {
      case 'peer': {
        const { node, state, reason, witnesses } = output;
        log.info({ peer: node, state, why: reason, ...(witnesses && { witnesses }) }, 'another speaker');
        break;
      }
      case 'leaving':
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
      this.#options.onView(this.#view());
    });
  }

  #view(): LivenessView {
    const { snapshot, claims } = this.#options;
    const { node, leaving, peers } = snapshot();
    const alsoLeaving = peers.filter((peer) => peer.leaving && peer.state === 'alive').map((peer) => peer.node);
    return {
      states: Object.fromEntries(peers.map((peer) => [peer.node, peer.state])),
      leaving: [...(leaving ? [node] : []), ...alsoLeaving].sort(),
      claims: claims(),
    };
  }
}

/** As many addresses as a line of the log is to hold. */
export function some(ips: readonly Ip[]): { readonly ips: readonly Ip[]; readonly count: number } {
  return { ips: ips.slice(0, 10), count: ips.length };
}
