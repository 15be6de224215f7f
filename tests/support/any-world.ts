/**
 * Random worlds for properties of allocation: small pools and many Services, so that exhaustion, sharing, moves and
 * conflicts are the rule.
 */
import fc from 'fast-check';
import type { Pool } from '../../src/runtime/model/config.ts';
import { config, ip, pool, range, service } from './views.ts';

const RANGES = [
  ['10.0.0.1-10.0.0.3'],
  ['10.0.1.0/30', 'fd00:1::/126'],
  ['fd00:2::/64'],
  ['10.0.2.254-10.0.3.1', 'fd00:3::1/128'],
];

const anyPool = (index: number): fc.Arbitrary<Pool> =>
  fc
    .record({
      autoAssign: fc.boolean(),
      avoidBuggyIps: fc.boolean(),
      allocation: fc.option(
        fc.record({
          priority: fc.integer({ min: 0, max: 2 }),
          restrictsNamespaces: fc.boolean(),
          namespaces: fc.subarray(['default', 'other']),
          serviceSelectors: fc.subarray([{ matchLabels: { tier: 'web' } }]),
        }),
      ),
      frozen: fc.integer({ min: 0, max: 9 }),
      drain: fc.constantFrom(undefined, undefined, undefined, 'NoNewAddresses' as const, 'MoveServices' as const),
      onConflict: fc.constantFrom(undefined, 'Reallocate' as const, 'Defend' as const),
      quota: fc.option(fc.integer({ min: 1, max: 3 }), { freq: 3 }),
      retentionMs: fc.constantFrom(0, 0, 1000),
      quarantineMs: fc.constantFrom(0, 0, 500),
    })
    .map(({ autoAssign, avoidBuggyIps, allocation, frozen, drain, onConflict, quota, retentionMs, quarantineMs }) =>
      pool(`p${index}`, RANGES[index] ?? [], {
        autoAssign,
        avoidBuggyIps,
        ...(allocation === null ? {} : { serviceAllocation: allocation }),
        ...(frozen === 0 ? { frozen: true as const } : {}),
        ...(drain === undefined ? {} : { drain }),
        ...(onConflict === undefined ? {} : { onConflict }),
        ...(quota === null ? {} : { maxAddressesPerNamespace: quota }),
        retentionMs,
        quarantineMs,
      }),
    );

const anyConfig = fc
  .tuple(anyPool(0), anyPool(1), anyPool(2), anyPool(3), fc.subarray([0, 1, 2, 3]))
  .map(([a, b, c, d, used]) => config({ pools: [a, b, c, d].filter((_, i) => used.includes(i)) }));

const ADDRESSES = [
  '10.0.0.1',
  '10.0.0.2',
  '10.0.1.0',
  '10.0.1.1',
  '10.0.3.0',
  'fd00:1::',
  'fd00:2::5',
  'fd00:3::1',
  '192.0.2.9',
];
const anyAnnotations = fc.record(
  {
    'metallb.io/address-pool': fc.constantFrom('p0', 'p1', 'p3', 'nowhere'),
    'metallb.io/loadBalancerIPs': fc.constantFrom(...ADDRESSES, '10.0.1.1,fd00:1::2', 'nonsense'),
    'metallb.io/allow-shared-ip': fc.constantFrom('a', 'b'),
    'metallb.io/address-count': fc.constantFrom('1', '2', '3'),
    'metallb.io/leave-draining-pool': fc.constant('true'),
    'metallb.io/ip-allocated-from-pool': fc.constantFrom('p0', 'p1'),
  },
  { requiredKeys: [] },
);

export const anyService = fc
  .record({
    namespace: fc.constantFrom('default', 'other'),
    createdAtMs: fc.integer({ min: 0, max: 3 }),
    type: fc.constantFrom('LoadBalancer', 'LoadBalancer', 'LoadBalancer', 'ClusterIP'),
    annotations: anyAnnotations,
    labels: fc.constantFrom({}, { tier: 'web' }),
    families: fc.constantFrom(['10.68.0.1'], ['fd00::1'], ['10.68.0.1', 'fd00::1'], ['fd00::1', '10.68.0.1'], []),
    ipFamilyPolicy: fc.constantFrom('SingleStack' as const, 'PreferDualStack' as const, 'RequireDualStack' as const),
    externalTrafficPolicy: fc.constantFrom('Cluster' as const, 'Local' as const),
    port: fc.constantFrom(80, 443, 53),
    held: fc.subarray(ADDRESSES, { maxLength: 3 }),
    deleting: fc.integer({ min: 0, max: 9 }).map((draw) => draw === 0),
  })
  .map(({ families, port, held, ...given }) => ({
    ...given,
    clusterIps: families.map(ip),
    ports: [{ protocol: 'TCP' as const, port }],
    ingress: held.map((text) => ({ ip: ip(text) })),
  }));

export const anyWorld = fc.record({
  config: anyConfig,
  services: fc
    .array(anyService, { maxLength: 12 })
    .map((list) => list.map((given, i) => service(`s${i}`, { ...given, selector: { app: `a${i % 2}` } }))),
  loadBalancerClass: fc.constant(undefined),
  exclusions: fc.subarray([
    { range: range('10.0.0.2/32'), reason: 'NodeAddress' as const, detail: 'node a' },
    { range: range('fd00:2::/120'), reason: 'PodNetwork' as const, detail: '' },
    { range: range('10.0.0.1/32'), reason: 'InUseOnLan' as const, detail: 'host 52:54:00:00:00:99' },
    { range: range('10.0.1.0/32'), reason: 'InUseOnLan' as const, detail: 'host 52:54:00:00:00:99' },
    { range: range('fd00:1::/128'), reason: 'InUseOnLan' as const, detail: 'host 52:54:00:00:00:98' },
  ]),
  namespaceLimits: fc.constantFrom(new Map(), new Map([['default', 2]])),
  releases: fc.array(
    fc.record({
      ip: fc.constantFrom(...ADDRESSES.map(ip)),
      pool: fc.constant('p0'),
      owner: fc.constantFrom('default/s0', 'other/s1', 'default/s2'),
      releasedAtMs: fc.constantFrom(0, 200, 600),
      cause: fc.constantFrom('Deleted' as const, 'Moved' as const),
    }),
    { maxLength: 3 },
  ),
  nowMs: fc.constant(1000),
});

export type World = ValueOf<typeof anyWorld>;
export type ValueOf<Arbitrary> = Arbitrary extends fc.Arbitrary<infer Value> ? Value : never;
