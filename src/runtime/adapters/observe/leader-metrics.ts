/** Whether this one leads, and what it kept back because it did not. */
import { Counter, Gauge, type Registry } from 'prom-client';

export interface LeaderMetrics {
  /** 1 while this controller gives out the addresses. Over all replicas it adds up to one. */
  readonly leads: Gauge;
  /** Writes that were kept back because this controller did not lead any more when they were about to go out. */
  readonly writesRefused: Counter;
}

/** `leads` is asked at every scrape: a process that was stopped must not show what was true before. */
export function leaderMetrics(registry: Registry, leads: () => boolean): LeaderMetrics {
  const registers = [registry];
  return {
    leads: new Gauge({
      name: 'metallb_controller_leader',
      help: '1 while this controller is the one that gives out addresses, 0 while it stands by.',
      registers,
      collect() {
        this.set(leads() ? 1 : 0);
      },
    }),
    writesRefused: new Counter({
      name: 'metallb_controller_writes_refused_total',
      help: 'Writes that were kept back because this controller did not lead any more.',
      registers,
    }),
  };
}
