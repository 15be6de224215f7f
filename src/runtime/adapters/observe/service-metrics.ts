/** How Services fare: who waits for an address, why, and how long it takes to get one. No such metrics in MetalLB. */
import { Gauge, Histogram, type Registry } from 'prom-client';

/** Seconds. From what an idle API server takes to what somebody will have called about. */
const BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800];

export interface ServiceMetrics {
  /** Services without an address, by reason; a reason that nobody has any more goes. */
  pending(byReason: ReadonlyMap<string, number>): void;
  /** A Service got its first address this long after it was first seen without one. */
  served(seconds: number): void;
}

export function serviceMetrics(registry: Registry): ServiceMetrics {
  const registers = [registry];
  const pending = new Gauge({
    name: 'metallb_allocator_services_pending',
    help: 'Services without an address, by the reason in their condition metallb.io/Allocated.',
    labelNames: ['reason'],
    registers,
  });
  const served = new Histogram({
    name: 'metallb_allocator_time_to_address_seconds',
    help: 'Time from a Service’s creation until its address was written.',
    buckets: BUCKETS,
    registers,
  });
  return {
    pending(byReason) {
      pending.reset();
      for (const [reason, count] of byReason) pending.set({ reason }, count);
    },
    served: (seconds) => served.observe(seconds),
  };
}
