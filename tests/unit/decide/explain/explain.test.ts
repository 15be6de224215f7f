import { describe, expect, test } from '@jest/globals';
import { allocate } from '../../../../src/runtime/decide/allocation/allocate.ts';
import {
  ALLOCATED_CONDITION,
  allocatedCondition,
} from '../../../../src/runtime/decide/allocation/allocated-condition.ts';
import type { ExplainWorld } from '../../../../src/runtime/decide/explain/case.ts';
import { explainProblems, explainService } from '../../../../src/runtime/decide/explain/explain.ts';
import type {
  AddressExplanation,
  Explanation,
  ExplanationReason,
  PoolReason,
} from '../../../../src/runtime/decide/explain/explanation.ts';
import type { Release } from '../../../../src/runtime/model/release.ts';
import { formatKey, type ServiceView } from '../../../../src/runtime/model/service.ts';
import { rawPool } from '../../../support/raw-resources.ts';
import { config, ip, pool, range, service } from '../../../support/views.ts';
import { explainWorld, NOW, worldOf } from './explain-world.ts';

const A = pool('a', ['10.0.0.1-10.0.0.2']);
const DUAL = [ip('10.68.0.1'), ip('fd00::1')];

const asking = (annotations: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(annotations).map(([name, value]) => [`metallb.io/${name}`, value]));
const web = (given: Partial<ServiceView> = {}): ServiceView => service('web', { createdAtMs: 9, ...given });
/** A Service that holds addresses of a pool. */
const holder = (name: string, from: string, ips: readonly string[], given: Partial<ServiceView> = {}): ServiceView =>
  service(name, {
    ...given,
    annotations: { ...asking({ 'ip-allocated-from-pool': from }), ...given.annotations },
    ingress: ips.map((text) => ({ ip: ip(text) })),
  });
const gaveUp = (address: string, owner: string, given: Partial<Release> = {}): Release => ({
  ip: ip(address),
  pool: 'a',
  owner,
  releasedAtMs: NOW - 100,
  cause: 'Moved',
  ...given,
});
const only = (namespaces: readonly string[]) => ({
  serviceAllocation: { priority: 0, restrictsNamespaces: true, namespaces, serviceSelectors: [] },
});
const selects = (tier: string) => ({
  serviceAllocation: {
    priority: 0,
    restrictsNamespaces: false,
    namespaces: [],
    serviceSelectors: [{ matchLabels: { tier } }],
  },
});

interface Row {
  readonly given: ExplainWorld;
  readonly reason: ExplanationReason;
  /** Looked for in what was lost. */
  readonly lost?: string;
  /** The first piece of advice; undefined: there is none. */
  readonly first: string | undefined;
  readonly asAsked?: boolean;
}

/** A row a reason, of "default/web"; the compiler holds the table to the union. */
const REASONS: Readonly<Record<ExplanationReason, Row>> = {
  Allocated: {
    given: explainWorld([A], [holder('web', 'a', ['10.0.0.1'])]),
    reason: 'Allocated',
    first: undefined,
    asAsked: true,
  },
  AllocatedOneFamily: {
    given: explainWorld([A], [web({ clusterIps: DUAL, ipFamilyPolicy: 'RequireDualStack', ...shown('10.0.0.1') })]),
    reason: 'AllocatedOneFamily',
    first: 'add IPv6 addresses to spec.addresses of pool "a"',
  },
  AllocatedFewer: {
    given: explainWorld([A], [web({ annotations: asking({ 'address-count': '3' }) })]),
    reason: 'AllocatedFewer',
    first: 'free an address of pool "a" or add a range to it: 2 of 2 IPv4 in use by default/web',
  },
  AddressConflict: {
    given: explainWorld([A], [holder('web', 'a', ['10.0.0.1'])], {
      exclusions: [{ range: range('10.0.0.1/32'), reason: 'NodeAddress', detail: 'node n1' }],
    }),
    reason: 'AddressConflict',
    first: 'ask for another address: annotation metallb.io/loadBalancerIPs',
  },
  PoolDraining: {
    given: explainWorld(
      [pool('a', ['10.0.0.1/32'], { drain: 'MoveServices' }), pool('b', ['10.0.1.1/32'], { autoAssign: false })],
      [holder('web', 'a', ['10.0.0.1'])],
    ),
    reason: 'PoolDraining',
    first:
      'set annotation metallb.io/address-pool=b to get an address of pool "b", which is not given out automatically',
  },
  NotLoadBalancer: {
    given: explainWorld([A], [holder('web', 'a', ['10.0.0.1'], { type: 'ClusterIP' })]),
    reason: 'NotLoadBalancer',
    first: 'set spec.type to LoadBalancer, if the Service is to have an address; it is ClusterIP now',
    asAsked: true,
  },
  ForeignStatus: {
    given: explainWorld([A], [web({ ...shown('192.0.2.9') })]),
    reason: 'ForeignStatus',
    first: 'nothing, if another load balancer serves it; give it a spec.loadBalancerClass then, so that nobody wonders',
    asAsked: true,
  },
  NoClusterIP: {
    given: explainWorld([A], [web({ clusterIps: [] })]),
    reason: 'NoClusterIP',
    first:
      'create the Service anew without clusterIP: None; a headless Service has nothing that a node could forward to',
  },
  NotEnoughClusterIPs: {
    given: explainWorld([A], [web({ ipFamilyPolicy: 'RequireDualStack' })]),
    reason: 'NotEnoughClusterIPs',
    first: 'set spec.ipFamilyPolicy to PreferDualStack, if one family is enough',
  },
  RequestsConflict: {
    given: explainWorld(
      [A],
      [web({ annotations: asking({ loadBalancerIPs: '10.0.0.1' }), loadBalancerIp: '10.0.0.2' })],
    ),
    reason: 'RequestsConflict',
    first:
      'remove spec.loadBalancerIP or annotation metallb.io/loadBalancerIPs; the annotation can name an address of each family',
  },
  RequestMalformed: {
    given: explainWorld([A], [web({ annotations: asking({ 'address-count': 'many' }) })]),
    reason: 'RequestMalformed',
    first: 'correct what the message names: annotation metallb.io/address-count: "many" is not a number from 1 to 64',
  },
  RequestFamilyMismatch: {
    given: explainWorld([A], [web({ annotations: asking({ loadBalancerIPs: 'fd00::1' }) })]),
    reason: 'RequestFamilyMismatch',
    first:
      'name one address of each family that the Service has in annotation metallb.io/loadBalancerIPs, or leave it away',
  },
  RequestedAddressNotInPool: {
    given: explainWorld([A], [web({ loadBalancerIp: '192.0.2.1' })]),
    reason: 'RequestedAddressNotInPool',
    first: 'ask for an address of a pool in spec.loadBalancerIP: a (10.0.0.1-10.0.0.2)',
  },
  RequestedAddressInUse: {
    given: explainWorld([A], [holder('db', 'a', ['10.0.0.1']), web({ loadBalancerIp: '10.0.0.1' })]),
    reason: 'RequestedAddressInUse',
    first:
      'to share 10.0.0.1 with default/db, remove what is in the way: neither of the two has annotation metallb.io/allow-shared-ip; both use port TCP/80',
  },
  RequestedAddressExcluded: {
    given: explainWorld(
      [pool('a', ['10.0.0.1-10.0.0.2'], { excludeAddresses: [range('10.0.0.1/32')] })],
      [web({ loadBalancerIp: '10.0.0.1' })],
    ),
    reason: 'RequestedAddressExcluded',
    first: 'ask for another address of pool "a" in spec.loadBalancerIP',
  },
  RequestedAddressReserved: {
    given: explainWorld(
      [pool('a', ['10.0.0.1-10.0.0.2'], { quarantineMs: 5000 })],
      [web({ loadBalancerIp: '10.0.0.1' })],
      { releases: [gaveUp('10.0.0.1', 'default/db')] },
    ),
    reason: 'RequestedAddressReserved',
    first:
      'wait until T+4900, or shorten spec.quarantine of pool "a", which counts from when default/db gave 10.0.0.1 up',
  },
  RequestedAddressRefused: {
    given: explainWorld([pool('a', ['10.0.0.1/32'], only(['db']))], [web({ loadBalancerIp: '10.0.0.1' })]),
    reason: 'RequestedAddressRefused',
    first: 'add namespace "default" to spec.serviceAllocation.namespaces of pool "a"',
  },
  RequestedPoolUnknown: {
    given: explainWorld([A], [web({ annotations: asking({ 'address-pool': 'b' }) })]),
    reason: 'RequestedPoolUnknown',
    first: 'correct annotation metallb.io/address-pool: the pools are a',
  },
  RequestedPoolRefused: {
    given: explainWorld(
      [A, pool('b', ['10.0.1.1/32'], { drain: 'NoNewAddresses' })],
      [web({ annotations: { 'metallb.universe.tf/address-pool': 'b' } })],
    ),
    reason: 'RequestedPoolRefused',
    first: 'take spec.drain off pool "b", which is being emptied',
  },
  NoPools: {
    given: explainWorld([], [web()]),
    reason: 'NoPools',
    first: 'create an IPAddressPool (./install addon metallb makes one of metallb_vip_pool)',
  },
  NoPoolAllowed: {
    given: explainWorld([pool('a', ['10.0.0.1/32'], selects('front'))], [web()]),
    reason: 'NoPoolAllowed',
    first: 'give the Service labels that pool "a" selects: tier=front',
  },
  PoolsExhausted: {
    given: explainWorld([pool('a', ['10.0.0.1/32'])], [holder('db', 'a', ['10.0.0.1']), web()]),
    reason: 'PoolsExhausted',
    first: 'free an address of pool "a" or add a range to it: 1 of 1 IPv4 in use by default/db',
  },
  QuotaReached: {
    given: explainWorld([A], [holder('db', 'a', ['10.0.0.1']), web()], { namespaceLimits: new Map([['default', 1]]) }),
    reason: 'QuotaReached',
    first:
      'raise annotation metallb.io/max-addresses of namespace default, or delete a Service that holds an address (1 held by db)',
  },
  AddressNotInPool: {
    given: explainWorld([pool('a', ['10.0.0.1/32'], { autoAssign: false })], [holder('web', 'a', ['192.0.2.1'])]),
    reason: 'NoPoolAllowed',
    lost: 'AddressNotInPool',
    first:
      'set annotation metallb.io/address-pool=a to get an address of pool "a", which is not given out automatically',
  },
  PoolRefused: {
    given: explainWorld([pool('a', ['10.0.0.1/32'], only(['db']))], [holder('web', 'a', ['10.0.0.1'])]),
    reason: 'NoPoolAllowed',
    lost: 'PoolRefused',
    first: 'add namespace "default" to spec.serviceAllocation.namespaces of pool "a"',
  },
  AddressInUse: {
    given: explainWorld(
      [pool('a', ['10.0.0.1/32'])],
      [holder('db', 'a', ['10.0.0.1']), holder('web', 'a', ['10.0.0.1'], { createdAtMs: 9 })],
    ),
    reason: 'PoolsExhausted',
    lost: 'AddressInUse',
    first: 'free an address of pool "a" or add a range to it: 1 of 1 IPv4 in use by default/db',
  },
  SurplusAddress: {
    given: explainWorld([A], [holder('web', 'a', ['10.0.0.1', '10.0.0.2'])]),
    reason: 'Allocated',
    lost: 'SurplusAddress',
    first: 'to have more than one address of a family, set annotation metallb.io/address-count on default/web',
  },
  NoSuchService: {
    given: explainWorld([A], [service('web', { namespace: 'shop' })]),
    reason: 'NoSuchService',
    first: 'check the name and the namespace (-n); there is shop/web',
  },
  OtherClass: {
    given: explainWorld([A], [web({ loadBalancerClass: 'cloud' })], { loadBalancerClass: 'ours' }),
    reason: 'OtherClass',
    first:
      'create the Service anew with spec.loadBalancerClass: ours (the field cannot be changed), or install what serves the class it has',
  },
  NoConfiguration: {
    given: worldOf(undefined, [web()], {
      decided: {
        config: undefined,
        source: 'config-map',
        errors: [{ path: 'ConfigMap metallb-system/config config', message: 'is not YAML', kind: 'invalid' }],
        faulty: [],
      },
    }),
    reason: 'NoConfiguration',
    first: 'correct the old ConfigMap: ConfigMap metallb-system/config config: is not YAML',
  },
};

function shown(...ips: readonly string[]): Pick<ServiceView, 'ingress'> {
  return { ingress: ips.map((text) => ({ ip: ip(text) })) };
}

const explained = (world: ExplainWorld): Explanation => explainService(world, 'default/web');

describe('every reason', () => {
  test.each(Object.entries(REASONS))('%s', (name, { given, reason, lost, first, asAsked = false }) => {
    const explanation = explained(given);
    const { allocation } = explanation;
    expect(lost ?? reason).toBe(name);
    expect([allocation.reason, allocation.lost?.reason]).toEqual([reason, lost]);
    expect(allocation.advice[0]).toBe(first);
    expect(explanation.asAsked).toBe(asAsked);
    // Plain data: nothing is lost on the way through JSON.
    expect(JSON.parse(JSON.stringify(explanation))).toEqual(explanation);
    expect(JSON.stringify(explanation)).not.toMatch(/undefined|\[object/);
  });
});

interface PoolRow {
  readonly given: ExplainWorld;
  /** Of pool "a". */
  readonly message: string;
  readonly also?: readonly string[];
}

const POOL_REASONS: Readonly<Record<PoolReason, PoolRow>> = {
  Serves: {
    given: explainWorld([A], [holder('web', 'a', ['10.0.0.1'])]),
    message: 'serves this Service: 10.0.0.1',
  },
  CouldServe: {
    given: explainWorld([pool('0', ['10.0.1.1/32']), A], [holder('web', '0', ['10.0.1.1'])]),
    message: 'could serve this Service; pool "0" does',
  },
  NotAsked: {
    given: explainWorld([A], [web({ clusterIps: [] })]),
    message: 'not asked: what the Service asks for cannot be met',
  },
  NotRequested: {
    given: explainWorld(
      [A, pool('b', ['10.0.1.1/32'], { drain: 'NoNewAddresses' })],
      [web({ loadBalancerIp: '10.0.1.1' })],
    ),
    message: 'not asked: the Service asks for 10.0.1.1, of pool "b"',
  },
  AutoAssignOff: {
    given: explainWorld([pool('a', ['10.0.0.1/32'], { ...only(['x', 'y']), autoAssign: false })], [web()]),
    message:
      'gives addresses only to Services that ask for it or for one of them (spec.autoAssign is false); also: serves the namespaces x, y only',
    also: ['NamespaceNotAllowed'],
  },
  NamespaceNotAllowed: {
    given: explainWorld([pool('a', ['10.0.0.1/32'], only([]))], [web()]),
    message: 'serves no namespace: its spec.serviceAllocation selects none that exists',
  },
  ServiceNotSelected: {
    given: explainWorld([pool('a', ['10.0.0.1/32'], selects('front'))], [web({ labels: { tier: 'back' } })]),
    message: 'serves only Services with tier=front; this one has tier=back',
  },
  PoolFaulty: {
    given: explainWorld([pool('a', ['10.0.0.1/32'], { frozen: true, autoAssign: false })], [web()], {
      decided: {
        config: config({ pools: [pool('a', ['10.0.0.1/32'], { frozen: true, autoAssign: false })] }),
        source: 'resources',
        errors: [],
        faulty: [
          {
            object: rawPool('a', ['x']),
            errors: [{ path: 'IPAddressPool metallb-system/a spec.addresses[0]', message: 'wrong', kind: 'invalid' }],
          },
        ],
      },
    }),
    message:
      'is faulty and gives out nothing new: IPAddressPool metallb-system/a spec.addresses[0]: wrong (a controller that has seen it in order goes on with that version)',
  },
  PoolDraining: {
    given: explainWorld([pool('a', ['10.0.0.1/32'], { drain: 'NoNewAddresses' })], [web()]),
    message: 'is being emptied and gives out nothing new (spec.drain is NoNewAddresses)',
  },
  NamespaceQuotaReached: {
    given: explainWorld([A], [holder('db', 'a', ['10.0.0.1']), web()], { namespaceLimits: new Map([['default', 1]]) }),
    message: 'namespace default has all it may have, of all pools: 1 of 1 (default/db)',
  },
  PoolQuotaReached: {
    given: explainWorld(
      [pool('a', ['10.0.0.1-10.0.0.9'], { maxAddressesPerNamespace: 1 })],
      [holder('db', 'a', ['10.0.0.1']), web()],
    ),
    message: 'namespace default has all of this pool that it may have: 1 of 1 (default/db)',
  },
  FamilyMissing: {
    given: explainWorld([pool('a', ['fd00::1/128'])], [web()]),
    message: 'has IPv6 only; the Service has IPv4',
  },
  Exhausted: {
    given: explainWorld(
      [pool('a', ['10.0.0.1-10.0.0.5'], { quarantineMs: 200, retentionMs: 5000 })],
      [holder('db', 'a', ['10.0.0.1']), holder('api', 'a', ['10.0.0.2']), web()],
      {
        releases: [gaveUp('10.0.0.3', 'x/old'), gaveUp('10.0.0.4', 'x/gone', { cause: 'Deleted' })],
        exclusions: [{ range: range('10.0.0.5/32'), reason: 'Gateway', detail: 'node n1' }],
      },
    ),
    message:
      'no address is left: 2 of 5 IPv4 in use (by default/api, default/db); 1 retained and 1 in quarantine (10.0.0.3, given up by x/old, until T+100); 1 skipped: 10.0.0.5 (Gateway, node n1)',
  },
};

describe('every pool', () => {
  test.each(Object.entries(POOL_REASONS))('%s', (reason, { given, message, also = [] }) => {
    const [found] = explained(given).allocation.pools.filter(({ pool: name }) => name === 'a');
    expect(found).toEqual({ pool: 'a', reason, message, also });
  });

  test('all are told, however many there are', () => {
    const pools = Array.from({ length: 60 }, (_, i) => pool(`p${i}`, [`10.0.${i}.1/32`], { autoAssign: false }));
    const { pools: told, advice } = explained(explainWorld(pools, [web()])).allocation;
    expect(told).toHaveLength(60);
    expect(advice).toHaveLength(8);
  });

  test('what an address of is kept from this Service only by its own claim is not counted against it', () => {
    const world = explainWorld(
      [pool('a', ['10.0.0.1/32'], { retentionMs: 5000 })],
      [web({ annotations: asking({ 'address-pool': 'a' }) })],
      { releases: [gaveUp('10.0.0.1', 'default/web', { cause: 'Deleted' })] },
    );
    expect(explained(world).allocation).toMatchObject({ reason: 'Allocated', addresses: ['10.0.0.1'] });
  });
});

interface AddressRow {
  readonly given: ExplainWorld;
  readonly message: string;
}

const shares = asking({ 'allow-shared-ip': 'k' });
const STANDINGS: Readonly<Record<AddressExplanation['standing'], AddressRow>> = {
  own: {
    given: explainWorld([A], [holder('web', 'a', ['10.0.0.1'], { loadBalancerIp: '10.0.0.1' })]),
    message: 'this Service has it, of pool "a"',
  },
  free: {
    given: explainWorld([A], [web({ loadBalancerIp: '10.0.0.1', annotations: asking({ 'address-pool': 'other' }) })]),
    message: 'free, in pool "a"',
  },
  shareable: {
    given: explainWorld(
      [A],
      [
        holder('db', 'a', ['10.0.0.1'], { annotations: shares }),
        web({
          loadBalancerIp: '10.0.0.1',
          annotations: { ...shares, ...asking({ 'address-pool': 'other' }) },
          ports: [{ protocol: 'UDP', port: 80 }],
        }),
      ],
    ),
    message: 'shared by default/db; this Service may join',
  },
  'in-use': {
    given: explainWorld(
      [A],
      [
        holder('db', 'a', ['10.0.0.1'], { annotations: shares }),
        web({ loadBalancerIp: '10.0.0.1', annotations: shares, externalTrafficPolicy: 'Local' }),
      ],
    ),
    message: 'held by default/db (externalTrafficPolicy is Cluster there and Local here; both use port TCP/80)',
  },
  excluded: {
    given: explainWorld([A], [web({ loadBalancerIp: '10.0.0.1' })], {
      exclusions: [{ range: range('10.0.0.0/30'), reason: 'PodNetwork', detail: '' }],
    }),
    message: 'never given out: PodNetwork',
  },
  reserved: {
    given: explainWorld([pool('a', ['10.0.0.1/32'], { retentionMs: 5000 })], [web({ loadBalancerIp: '10.0.0.1' })], {
      releases: [gaveUp('10.0.0.1', 'default/db', { cause: 'Deleted' })],
    }),
    message: 'kept for default/db until T+4900 (spec.retention of pool "a")',
  },
  'not-in-pool': {
    given: explainWorld([pool('a', ['10.0.0.0/30'], { avoidBuggyIps: true })], [web({ loadBalancerIp: '10.0.0.0' })]),
    message: 'pool "a" leaves it out (spec.avoidBuggyIPs)',
  },
};

describe('every standing of a requested address', () => {
  test.each(Object.entries(STANDINGS))('%s', (standing, { given, message }) => {
    const [requested, ...more] = explained(given).allocation.requested;
    expect(more).toEqual([]);
    expect(requested).toMatchObject({ standing, message });
  });

  test.each([
    [
      'no key here',
      {},
      { annotations: shares },
      'this Service has no annotation metallb.io/allow-shared-ip; the other has "k"',
    ],
    [
      'no key there',
      { annotations: shares },
      {},
      'the other has no annotation metallb.io/allow-shared-ip; this Service has "k"',
    ],
    [
      'another key',
      { annotations: asking({ 'allow-shared-ip': 'l' }) },
      { annotations: shares },
      'annotation metallb.io/allow-shared-ip is "k" there and "l" here',
    ],
    [
      'other pods',
      { annotations: shares, externalTrafficPolicy: 'Local' as const, selector: { app: 'x' } },
      { annotations: shares, externalTrafficPolicy: 'Local' as const, selector: { app: 'y' } },
      'with externalTrafficPolicy Local both must have the same selector',
    ],
  ])('not shared: %s', (_, mine, theirs, obstacle) => {
    const services = [
      holder('db', 'a', ['10.0.0.1'], { ports: [{ protocol: 'TCP', port: 1 }], ...theirs }),
      web({ loadBalancerIp: '10.0.0.1', ...mine }),
    ];
    const [requested] = explained(explainWorld([A], services)).allocation.requested;
    expect(requested?.holders).toEqual([{ service: 'default/db', obstacles: [obstacle] }]);
  });
});

describe('advice works', () => {
  /** The world after the advice was followed: then the Service has an address. */
  test.each<[string, string, ExplainWorld, ExplainWorld]>([
    [
      'an annotation for a pool that is not given out automatically, but not for one that would still refuse',
      'set annotation metallb.io/address-pool=b to get an address of pool "b", which is not given out automatically',
      explainWorld(
        [
          pool('a', ['10.0.0.1/32'], { autoAssign: false, ...only(['x']) }),
          pool('b', ['10.0.1.1/32'], { autoAssign: false }),
        ],
        [web()],
      ),
      explainWorld(
        [
          pool('a', ['10.0.0.1/32'], { autoAssign: false, ...only(['x']) }),
          pool('b', ['10.0.1.1/32'], { autoAssign: false }),
        ],
        [web({ annotations: asking({ 'address-pool': 'b' }) })],
      ),
    ],
    [
      'everything that is in a pool’s way is told at once',
      'add namespace "default" to spec.serviceAllocation.namespaces of pool "a", and give the Service labels that pool "a" selects: tier=front',
      explainWorld([pool('a', ['10.0.0.1/32'], both(['x']))], [web()]),
      explainWorld([pool('a', ['10.0.0.1/32'], both(['default']))], [web({ labels: { tier: 'front' } })]),
    ],
    [
      'waiting for an address that rests',
      'wait until T+4900, when 10.0.0.1 of pool "a" is free (or shorten its spec.quarantine); or add a range to pool "a": 0 of 1 IPv4 in use',
      explainWorld([pool('a', ['10.0.0.1/32'], { quarantineMs: 5000 })], [web()], {
        releases: [gaveUp('10.0.0.1', 'default/db')],
      }),
      explainWorld([pool('a', ['10.0.0.1/32'], { quarantineMs: 5000 })], [web()], {
        releases: [gaveUp('10.0.0.1', 'default/db')],
        nowMs: NOW + 4900,
      }),
    ],
  ])('%s', (_, advice, before, after) => {
    const { allocation } = explained(before);
    expect(allocation.addresses).toEqual([]);
    expect(allocation.advice).toContain(advice);
    expect(explained(after).allocation.addresses).toHaveLength(1);
  });

  test('a pool may let its Services leave an address that a foreign host holds', () => {
    const exclusions = [
      { range: range('10.0.0.1/32'), reason: 'InUseOnLan' as const, detail: 'host 52:54:00:00:00:99, seen by node n1' },
    ];
    const services = [holder('web', 'a', ['10.0.0.1'])];
    const before = explained(explainWorld([A], services, { exclusions })).allocation;
    expect([before.reason, before.addresses]).toEqual(['AddressConflict', ['10.0.0.1']]);
    expect(before.message).toContain('in use on the LAN (host 52:54:00:00:00:99, seen by node n1)');
    expect(before.advice).toEqual([
      'ask for another address: annotation metallb.io/loadBalancerIPs',
      'set spec.onConflict of pool "a" to Reallocate to have it given another by itself',
      'take 10.0.0.1 off whoever else uses it',
    ]);
    const moving = pool('a', ['10.0.0.1-10.0.0.2'], { onConflict: 'Reallocate' });
    const after = explained(explainWorld([moving], services, { exclusions })).allocation;
    expect([after.reason, after.addresses, after.advice]).toEqual(['Allocated', ['10.0.0.2'], []]);
    const full = pool('a', ['10.0.0.1/32', '10.0.0.3/32'], { onConflict: 'Reallocate' });
    const stuck = explained(explainWorld([full], [...services, holder('db', 'a', ['10.0.0.3'])], { exclusions }));
    expect(stuck.allocation.advice[0]).toBe(
      'free an address of pool "a" or add a range to it: 2 of 2 IPv4 in use by default/db, default/web',
    );
  });

  test('a request that any pool could serve may be left away; one that none could, not', () => {
    const unknown = web({ annotations: asking({ 'address-pool': 'nowhere' }) });
    const leave = 'leave the request away (annotation metallb.io/address-pool) to get any free address';
    expect(explained(explainWorld([A], [unknown])).allocation.advice).toContain(leave);
    const none = pool('a', ['10.0.0.1/32'], { drain: 'NoNewAddresses' });
    expect(explained(explainWorld([none], [unknown])).allocation.advice).not.toContain(leave);
  });
});

function both(namespaces: readonly string[]) {
  const { serviceAllocation } = only(namespaces);
  return { serviceAllocation: { ...serviceAllocation, serviceSelectors: [{ matchLabels: { tier: 'front' } }] } };
}

describe('the controller’s word', () => {
  const pending = explainWorld([pool('a', ['10.0.0.1/32'], { drain: 'NoNewAddresses' })], [web()]);
  const withCondition = (given: object): ExplainWorld => ({
    ...pending,
    services: [
      web({
        conditions: [
          {
            type: ALLOCATED_CONDITION,
            status: 'False',
            reason: 'NoPools',
            message: 'old',
            lastTransitionTime: 'T',
            ...given,
          },
        ],
      }),
    ],
  });

  test('none yet', () => {
    expect(explained(pending).allocation.controller).toEqual({
      agreement: 'silent',
      note: 'the controller has not said this yet; is it running? 1 of 1 pods are ready.',
    });
  });

  test('the same', () => {
    const [allocation] = allocate({
      ...pending,
      config: config({ pools: pending.decided.config?.pools ?? [] }),
    });
    if (allocation === undefined) throw new Error('nothing was decided');
    const { reason, message, controller } = explained(withCondition(allocatedCondition(allocation) ?? {})).allocation;
    expect({ reason, message }).toEqual({ reason: allocation.reason, message: allocation.message });
    expect(controller).toEqual({ agreement: 'same', note: '' });
  });

  test('another', () => {
    expect(explained(withCondition({})).allocation.controller).toEqual({
      agreement: 'other',
      note: 'the controller has not said this yet: it said NoPools (old), since T; is it running? 1 of 1 pods are ready.',
    });
  });

  test('said, but not yet written to the status', () => {
    const condition = { status: 'True', reason: 'Allocated', message: '10.0.0.1 from pool "a"' };
    const world = { ...withCondition(condition), decided: explainWorld([A], []).decided };
    expect(explained(world)).toMatchObject({
      asAsked: false,
      allocation: {
        verdict: 'assign',
        controller: { agreement: 'other', note: expect.stringContaining('not written') },
      },
    });
  });

  test('left over on a Service that is somebody else’s', () => {
    const [one] = withCondition({}).services;
    const services = one === undefined ? [] : [{ ...one, loadBalancerClass: 'cloud' }];
    expect(explained({ ...pending, services }).allocation.controller.agreement).toBe('other');
  });
});

describe('what the Service asks for and has', () => {
  test('as its annotations and status say', () => {
    const given = web({
      clusterIps: DUAL,
      ipFamilyPolicy: 'PreferDualStack',
      annotations: asking({ 'address-pool': 'a', 'allow-shared-ip': 'k', 'ip-allocated-from-pool': 'a' }),
      ingress: [{ ip: ip('10.0.0.1') }, { hostname: 'x.example' }],
    });
    const { asks, has } = explained(explainWorld([A], [given]));
    expect(asks).toEqual({
      type: 'LoadBalancer',
      tcpPorts: [80],
      families: ['ipv4', 'ipv6'],
      dualStack: 'prefer',
      count: 1,
      pool: 'a',
      sharingKey: 'k',
    });
    expect(has).toEqual({ addresses: ['10.0.0.1', 'x.example'], pool: 'a' });
  });

  test('a Service that is being deleted gets no advice but to wait', () => {
    const { advice, reason } = explained(explainWorld([A], [web({ deleting: true })])).allocation;
    expect(reason).toBe('NoPoolAllowed');
    expect(advice).toEqual(['nothing: the Service is being deleted; a finalizer of somebody may still hold it']);
  });
});

describe('the list of problems', () => {
  test('names who has less, and nobody else', () => {
    const world = explainWorld(
      [pool('a', ['10.0.0.1/32'])],
      [
        web(),
        service('unwritten', { namespace: 'b', createdAtMs: 20, ...shown() }),
        holder('db', 'a', ['10.0.0.1']),
        service('cluster', { type: 'ClusterIP' }),
        service('cloud', { loadBalancerClass: 'cloud' }),
        service('foreign', { ...shown('192.0.2.9') }),
      ],
    );
    const problems = explainProblems(world);
    expect(problems.map(({ service: { namespace, name }, reason }) => [namespace, name, reason])).toEqual([
      ['b', 'unwritten', 'PoolsExhausted'],
      ['default', 'web', 'PoolsExhausted'],
    ]);
    for (const { service: each, reason } of problems) {
      expect(explainService(world, formatKey(each)).allocation.reason).toBe(reason);
    }
  });

  test('one whose address is not written yet is among them', () => {
    expect(explainProblems(explainWorld([A], [web()]))).toEqual([
      {
        service: { namespace: 'default', name: 'web' },
        reason: 'Allocated',
        addresses: [],
        message: '10.0.0.1 from pool "a"; the controller has not said this yet; is it running? 1 of 1 pods are ready.',
      },
    ]);
  });

  test('without a configuration it is all that have nothing', () => {
    const { given } = REASONS.NoConfiguration;
    expect(explainProblems(given).map(({ reason }) => reason)).toEqual(['NoConfiguration']);
  });
});
