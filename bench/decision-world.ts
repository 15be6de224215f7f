/**
 * A cluster for measuring decisions: a hundred pools, filled from the first one on as the allocator itself fills them,
 * and any multiple of a hundred Services, of each twenty:
 *
 *     10 hold an IPv4 address          1 holds the address that it asks for     1 (or 2) want any address
 *      2 hold one of each family       1 holds one of the pool that it          1 asks for a free address
 *      2 share an address with two       asks for, its namespace's own          1 wants one of each family
 *        others of the same kind
 *
 * One in a hundred asks for the first pool, which is full, and waits. Pure: the same count gives the same world.
 */
import type { Allocation } from '../src/runtime/decide/allocation/allocation.ts';
import type { Config, Pool } from '../src/runtime/model/config.ts';
import { type Ip, ipFromValue } from '../src/runtime/model/ip.ts';
import type { AddressRange } from '../src/runtime/model/range.ts';
import type { ServiceView } from '../src/runtime/model/service.ts';
import { config, pool, service } from '../tests/support/views.ts';

const POOLS = 100;
/** Every tenth pool serves one namespace only. */
const TENANT_EVERY = 10;
/** Free addresses of each pool beyond its share of the Services, so that Services more than these have room. */
const SPARE = 16;
const IN_A_BLOCK = 20;
const SHARERS = 4;
/** 10.0.0.0: each pool has a /16 of its own, and uses its beginning. */
const FIRST_V4 = 10n << 24n;
/** fd00:: */
const FIRST_V6 = 0xfdn << 120n;
/** 172.16.0.0, and fc00:: */
const CLUSTER_V4 = 0xac10n << 16n;
const CLUSTER_V6 = 0xfcn << 120n;

export type Verdicts = Readonly<Record<Allocation['verdict'], number>>;

export interface DecisionWorld {
  readonly config: Config;
  readonly services: readonly ServiceView[];
  /** How many of the Services a full pass decides how. */
  readonly expected: Verdicts;
  /** A Service that is not in the world yet and wants any address. */
  oneMore(index: number): ServiceView;
  /** One of those that hold an address of the pool that is full, which others wait for. */
  wanted(index: number): ServiceView;
  /** One of those that hold an address that nobody waits for. */
  unwanted(index: number): ServiceView;
}

/** `count` is a multiple of a hundred. */
export function decisionWorld(count: number): DecisionWorld {
  if (count % (IN_A_BLOCK * 5) !== 0) throw new Error(`the world's shares do not divide ${count} Services`);
  const space = new AddressSpace(count);
  const services = Array.from({ length: count }, (_, index) => makeService(index, space));
  const plain = services.filter((view) => view.ingress.length === 1 && Object.keys(view.annotations).length === 1);
  const inFullPool = plain.filter(({ annotations }) => annotations[FROM_POOL] === poolName(0));
  const elsewhere = plain.filter(({ annotations }) => annotations[FROM_POOL] !== poolName(0));
  return {
    config: config({ pools: space.pools }),
    services,
    expected: { keep: count * 0.8, assign: count * 0.19, refuse: count * 0.01, release: 0 },
    oneMore: (index) => makeView(`more-${index}`, count + index, space),
    wanted: (index) => at(inFullPool, index),
    unwanted: (index) => at(elsewhere, index),
  };
}

/** The Service as the API shows it once the allocation is written. */
export function written({ service: view, ips, pool: from }: Allocation): ServiceView {
  return {
    ...view,
    annotations: { ...view.annotations, ...(from === undefined ? {} : { [FROM_POOL]: from }) },
    ingress: ips.map((ip) => ({ ip })),
  };
}

export function countVerdicts(allocations: readonly Allocation[]): Verdicts {
  const counts = { keep: 0, assign: 0, refuse: 0, release: 0 };
  for (const { verdict } of allocations) counts[verdict] += 1;
  return counts;
}

const FROM_POOL = 'metallb.io/ip-allocated-from-pool';

function makeService(index: number, space: AddressSpace): ServiceView {
  const block = Math.floor(index / IN_A_BLOCK);
  const place = index % IN_A_BLOCK;
  const view = (given: Partial<ServiceView>) => makeView(`service-${index}`, index, space, given);
  if (place < 10) return view(holding(space.next()));
  if (place < 12) return view({ ...dualStack(index), ...holding(space.next(), 'dual') });
  if (place < 14) {
    const sharer = block * 2 + place - 12;
    const group = Math.floor(sharer / SHARERS);
    const annotations = { 'metallb.io/allow-shared-ip': `group-${group}` };
    const ports = [{ protocol: 'TCP' as const, port: 8000 + (sharer % SHARERS) }];
    return view({ ports, ...holding(space.ofGroup(group), 'single', annotations) });
  }
  if (place === 14) {
    const held = space.next();
    return view(holding(held, 'single', { 'metallb.io/loadBalancerIPs': held.v4 }));
  }
  if (place === 15) {
    const tenant = block % (POOLS / TENANT_EVERY);
    const held = space.nextOfTenant(tenant);
    return view({
      namespace: tenantName(tenant),
      ...holding(held, 'single', { 'metallb.io/address-pool': held.pool }),
    });
  }
  if (place === 17) return view({ annotations: { 'metallb.io/loadBalancerIPs': space.highest().v4 } });
  if (place === 18) return view(dualStack(index));
  if (place === 19 && block % 5 === 0) return view({ annotations: { 'metallb.io/address-pool': poolName(0) } });
  return view({});
}

function makeView(
  name: string,
  index: number,
  { clusterIp }: AddressSpace,
  given: Partial<ServiceView> = {},
): ServiceView {
  return service(name, {
    namespace: `team-${index % 50}`,
    createdAtMs: index * 1000,
    clusterIps: [clusterIp(index)],
    ...given,
  });
}

function at(services: readonly ServiceView[], index: number): ServiceView {
  const found = services[index];
  if (found === undefined) throw new Error(`there are only ${services.length} such Services`);
  return found;
}

/** An address of each family in a pool. */
interface Place {
  readonly pool: string;
  readonly v4: Ip;
  readonly v6: Ip;
}

function holding(
  { pool: from, v4, v6 }: Place,
  stack: 'single' | 'dual' = 'single',
  annotations: Readonly<Record<string, string>> = {},
): Pick<ServiceView, 'ingress' | 'annotations'> {
  const ingress = stack === 'single' ? [{ ip: v4 }] : [{ ip: v4 }, { ip: v6 }];
  return { ingress, annotations: { ...annotations, [FROM_POOL]: from } };
}

function dualStack(index: number): Pick<ServiceView, 'clusterIps' | 'ipFamilies' | 'ipFamilyPolicy'> {
  const offset = BigInt(index) + 1n;
  return {
    clusterIps: [ipFromValue('ipv4', CLUSTER_V4 + offset), ipFromValue('ipv6', CLUSTER_V6 + offset)],
    ipFamilies: ['ipv4', 'ipv6'],
    ipFamilyPolicy: 'PreferDualStack',
  };
}

function poolName(number: number): string {
  return `pool-${String(number).padStart(2, '0')}`;
}

function tenantName(tenant: number): string {
  return `tenant-${tenant}`;
}

/** The pools, and which of their addresses come next. */
class AddressSpace {
  readonly pools: readonly Pool[];
  readonly #size: number;
  readonly #open: readonly number[];
  readonly #tenants: readonly number[];
  readonly #tenantsUsed: number[] = [];
  readonly #groups = new Map<number, Place>();
  #used = 0;
  #usedFromAbove = 0;

  constructor(services: number) {
    this.#size = Math.ceil(services / POOLS) + SPARE;
    const numbers = Array.from({ length: POOLS }, (_, number) => number);
    this.#open = numbers.filter((number) => number % TENANT_EVERY !== TENANT_EVERY - 1);
    this.#tenants = numbers.filter((number) => number % TENANT_EVERY === TENANT_EVERY - 1);
    this.pools = numbers.map((number) => this.#makePool(number));
  }

  /** The lowest place of the pools for everybody that is not taken. */
  next(): Place {
    this.#used += 1;
    return this.#openPlace(this.#used - 1);
  }

  /** The highest place that is not taken. */
  highest(): Place {
    this.#usedFromAbove += 1;
    return this.#openPlace(this.#open.length * this.#size - this.#usedFromAbove);
  }

  nextOfTenant(tenant: number): Place {
    const used = this.#tenantsUsed[tenant] ?? 0;
    this.#tenantsUsed[tenant] = used + 1;
    return place(this.#tenants[tenant] ?? 0, used);
  }

  /** The place that all of the group share. */
  ofGroup(group: number): Place {
    const held = this.#groups.get(group) ?? this.next();
    this.#groups.set(group, held);
    return held;
  }

  readonly clusterIp = (index: number): Ip => ipFromValue('ipv4', CLUSTER_V4 + BigInt(index) + 1n);

  #openPlace(index: number): Place {
    return place(this.#open[Math.floor(index / this.#size)] ?? 0, index % this.#size);
  }

  #makePool(number: number): Pool {
    const tenant = this.#tenants.indexOf(number);
    const serviceAllocation = {
      priority: 0,
      restrictsNamespaces: true,
      namespaces: [tenantName(tenant)],
      serviceSelectors: [],
    };
    const made = pool(poolName(number), [], tenant === -1 ? {} : { serviceAllocation });
    return { ...made, ranges: [this.#range('ipv4', number), this.#range('ipv6', number)] };
  }

  #range(family: AddressRange['family'], number: number): AddressRange {
    const first = firstOf(family, number);
    return { family, first, last: first + BigInt(this.#size) - 1n };
  }
}

function firstOf(family: AddressRange['family'], number: number): bigint {
  return family === 'ipv4' ? FIRST_V4 + (BigInt(number) << 16n) : FIRST_V6 + (BigInt(number) << 64n);
}

function place(number: number, offset: number): Place {
  return {
    pool: poolName(number),
    v4: ipFromValue('ipv4', firstOf('ipv4', number) + BigInt(offset)),
    v6: ipFromValue('ipv6', firstOf('ipv6', number) + BigInt(offset)),
  };
}
