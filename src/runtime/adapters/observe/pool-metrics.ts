/** How full the pools are, under MetalLB's names. Series of a pool that is gone go, too. */
import { Gauge, type Registry } from 'prom-client';

export interface PoolFigures {
  readonly pool: string;
  readonly assigned: { readonly ipv4: number; readonly ipv6: number };
  /** Up to 2^128; beyond what a float holds exactly, the nearest. */
  readonly capacity: { readonly ipv4: bigint; readonly ipv6: bigint };
  /** Services that hold an address of it. */
  readonly services: number;
  readonly retained: number;
  readonly quarantined: number;
  readonly conflicting: number;
}

export function poolMetrics(registry: Registry): { set(figures: Iterable<PoolFigures>): void } {
  const gauge = (name: string, help: string): Gauge<'pool'> =>
    new Gauge({ name, help, labelNames: ['pool'], registers: [registry] });
  const total = gauge('metallb_allocator_addresses_total', 'Addresses that the pool can give.');
  const inUse = gauge('metallb_allocator_addresses_in_use_total', 'Addresses of the pool in use.');
  const total4 = gauge('metallb_allocator_ipv4_addresses_total', 'IPv4 addresses that the pool can give.');
  const inUse4 = gauge('metallb_allocator_ipv4_addresses_in_use_total', 'IPv4 addresses of the pool in use.');
  const total6 = gauge('metallb_allocator_ipv6_addresses_total', 'IPv6 addresses that the pool can give.');
  const inUse6 = gauge('metallb_allocator_ipv6_addresses_in_use_total', 'IPv6 addresses of the pool in use.');
  const services = gauge('metallb_allocator_services_allocated_total', 'Services that hold an address of the pool.');
  const retained = gauge(
    'metallb_allocator_addresses_retained',
    'Addresses that wait for a deleted Service to return.',
  );
  const quarantined = gauge(
    'metallb_allocator_addresses_quarantined',
    'Addresses that rest before somebody else gets them.',
  );
  const conflicting = gauge(
    'metallb_allocator_addresses_conflicting',
    'Addresses that a Service holds although they are somebody else’s: a node’s, a gateway’s, a network’s.',
  );
  return {
    set(figures) {
      for (const each of [total, inUse, total4, inUse4, total6, inUse6]) each.reset();
      for (const each of [services, retained, quarantined, conflicting]) each.reset();
      for (const { pool, assigned, capacity, ...counts } of figures) {
        services.set({ pool }, counts.services);
        retained.set({ pool }, counts.retained);
        quarantined.set({ pool }, counts.quarantined);
        conflicting.set({ pool }, counts.conflicting);
        total.set({ pool }, Number(capacity.ipv4 + capacity.ipv6));
        inUse.set({ pool }, assigned.ipv4 + assigned.ipv6);
        total4.set({ pool }, Number(capacity.ipv4));
        inUse4.set({ pool }, assigned.ipv4);
        total6.set({ pool }, Number(capacity.ipv6));
        inUse6.set({ pool }, assigned.ipv6);
      }
    },
  };
}
