/** MetalLB's metrics of the controller, by name and label. Part B.12; see docs/metallb-compatibility.md. */
import { describe, expect, test } from '@jest/globals';
import { clientMetrics, newRegistry } from '../../../src/runtime/adapters/observe/metrics.ts';
import { poolMetrics } from '../../../src/runtime/adapters/observe/pool-metrics.ts';
import { Allocator } from '../../../src/runtime/decide/allocation/allocator.ts';
import { PREFER } from '../../support/service-world.ts';
import { config, pool, service } from '../../support/views.ts';

const FIGURES = [
  {
    name: 'B.12 metallb_allocator_addresses_total is a gauge by pool',
    metric: 'metallb_allocator_addresses_total',
    want: 6,
  },
  {
    name: 'B.12 metallb_allocator_addresses_in_use_total is a gauge by pool',
    metric: 'metallb_allocator_addresses_in_use_total',
    want: 3,
  },
  {
    name: 'B.12 metallb_allocator_ipv4_addresses_total is a gauge by pool',
    metric: 'metallb_allocator_ipv4_addresses_total',
    want: 2,
  },
  {
    name: 'B.12 metallb_allocator_ipv4_addresses_in_use_total is a gauge by pool',
    metric: 'metallb_allocator_ipv4_addresses_in_use_total',
    want: 2,
  },
  {
    name: 'B.12 metallb_allocator_ipv6_addresses_total is a gauge by pool',
    metric: 'metallb_allocator_ipv6_addresses_total',
    want: 4,
  },
  {
    name: 'B.12 metallb_allocator_ipv6_addresses_in_use_total is a gauge by pool',
    metric: 'metallb_allocator_ipv6_addresses_in_use_total',
    want: 1,
  },
  {
    name: 'B.12 metallb_allocator_services_allocated_total counts the Services of a pool',
    metric: 'metallb_allocator_services_allocated_total',
    want: 2,
  },
];

function measured(): { readonly text: () => Promise<string>; readonly forget: () => void } {
  const registry = newRegistry();
  const metrics = poolMetrics(registry);
  const p = pool('p', ['10.0.0.1-10.0.0.2', 'fd00::/126']);
  const services = [service('a'), service('b', PREFER)];
  metrics.set(new Allocator({ config: config({ pools: [p] }), loadBalancerClass: undefined }, services).usage());
  return { text: () => registry.metrics(), forget: () => metrics.set([]) };
}

describe('pools', () => {
  test.each(FIGURES)('$name', async ({ metric, want }) => {
    const text = await measured().text();
    expect(text).toContain(`# TYPE ${metric} gauge`);
    expect(text).toContain(`${metric}{pool="p"} ${want}\n`);
  });

  test('B.12 series of a pool go with the pool', async () => {
    const { text, forget } = measured();
    forget();
    expect(await text()).not.toContain('{pool=');
  });
});

test.each([
  {
    name: 'B.12 metallb_k8s_client_updates_total is a counter',
    metric: 'metallb_k8s_client_updates_total',
    type: 'counter',
  },
  {
    name: 'B.12 metallb_k8s_client_update_errors_total is a counter',
    metric: 'metallb_k8s_client_update_errors_total',
    type: 'counter',
  },
  {
    name: 'B.12 metallb_k8s_client_config_loaded_bool is a gauge',
    metric: 'metallb_k8s_client_config_loaded_bool',
    type: 'gauge',
  },
  {
    name: 'B.12 metallb_k8s_client_config_stale_bool is a gauge',
    metric: 'metallb_k8s_client_config_stale_bool',
    type: 'gauge',
  },
])('$name', async ({ metric, type }) => {
  const registry = newRegistry();
  clientMetrics(registry);
  expect(await registry.metrics()).toContain(`# TYPE ${metric} ${type}\n${metric} 0\n`);
});
