/**
 * Services as the API server holds them, and a controller without memory: each round decides over everything anew and
 * writes what differs, until nothing does. Counts the writes and keeps the Events, so that a test can say what was
 * written and told, and that a world at rest stays at rest.
 *
 *     const world = new ServiceWorld([pool('p', ['10.0.0.0/30'])], [service('a')]);
 *     world.settle();
 *     world.shows('a');   // "10.0.0.0 Allocated"
 */
import { allocate } from '../../src/runtime/decide/allocation/allocate.ts';
import { ALLOCATED_CONDITION } from '../../src/runtime/decide/allocation/allocated-condition.ts';
import type { Pool } from '../../src/runtime/model/config.ts';
import { type ConditionView, formatKey, type ServiceView } from '../../src/runtime/model/service.ts';
import { serviceEvents, serviceWrite } from '../../src/runtime/programs/controller/service-diff.ts';
import { config, ip } from './views.ts';

/** A world that is not at rest after this many rounds never will be. */
const MAX_ROUNDS = 10;
const NOW = '2026-01-02T03:04:05Z';

/** What a Service's status shows. */
export const held = (...texts: readonly string[]): Pick<ServiceView, 'ingress'> => ({
  ingress: texts.map((text) => ({ ip: ip(text) })),
});

/** What it asks for. */
export const asks = (annotations: Readonly<Record<string, string>>): Pick<ServiceView, 'annotations'> => ({
  annotations,
});

/** A Service with cluster addresses of both families; the first is the primary one. */
export const DUAL = { clusterIps: [ip('10.68.0.1'), ip('fd68::1')], ipFamilies: ['ipv4', 'ipv6'] as const };
export const PREFER = { ...DUAL, ipFamilyPolicy: 'PreferDualStack' as const };
export const REQUIRE = { ...DUAL, ipFamilyPolicy: 'RequireDualStack' as const };
export const V6 = { clusterIps: [ip('fd68::1')], ipFamilies: ['ipv6'] as const };

/** serviceAllocation as the configuration's reader fills it in. */
export function only(given: {
  readonly priority?: number;
  readonly namespaces?: readonly string[];
  /** Label values of "tier" that are let in. */
  readonly tiers?: readonly string[];
}): Pick<Pool, 'serviceAllocation'> {
  const { priority = 0, namespaces, tiers = [] } = given;
  return {
    serviceAllocation: {
      priority,
      restrictsNamespaces: namespaces !== undefined,
      namespaces: namespaces ?? [],
      serviceSelectors: tiers.map((tier) => ({ matchLabels: { tier } })),
    },
  };
}

export class ServiceWorld {
  pools: readonly Pool[];
  /** Only Services of this class. */
  readonly loadBalancerClass: string | undefined;
  /** Status writes so far. */
  writes = 0;
  readonly #services = new Map<string, ServiceView>();
  #events: string[] = [];

  constructor(pools: readonly Pool[], services: readonly ServiceView[], loadBalancerClass?: string) {
    this.pools = pools;
    this.loadBalancerClass = loadBalancerClass;
    for (const view of services) this.#services.set(formatKey(view), view);
  }

  /** Decides and writes until nothing is left to write. */
  settle(): void {
    for (let round = 0; round < MAX_ROUNDS; round++) if (this.#round() === 0) return;
    throw new Error(`not at rest after ${MAX_ROUNDS} rounds:\n${this.#events.join('\n')}`);
  }

  /** A user edits a Service. */
  edit(name: string, given: Partial<ServiceView>): void {
    this.#put({ ...this.get(name), ...given });
  }

  /** A user edits annotations: null removes one, all others stay. */
  annotate(name: string, changes: Readonly<Record<string, string | null>>): void {
    this.edit(name, { annotations: merged(this.get(name).annotations, changes) });
  }

  add(view: ServiceView): void {
    this.#services.set(formatKey(view), view);
  }

  delete(name: string): void {
    this.#services.delete(keyOf(name));
  }

  /** By name, or "namespace/name". */
  get(name: string): ServiceView {
    const view = this.#services.get(keyOf(name));
    if (view === undefined) throw new Error(`no Service ${name}`);
    return view;
  }

  /** "10.0.0.1 fd00::1 Allocated": what its status says, and the reason in its condition. */
  shows(name: string): string {
    const { ingress } = this.get(name);
    const addresses = ingress.map(({ ip: address, hostname }) => address ?? hostname ?? '');
    return [...addresses, this.condition(name)?.reason ?? ''].join(' ').trim();
  }

  condition(name: string): ConditionView | undefined {
    return this.get(name).conditions.find(({ type }) => type === ALLOCATED_CONDITION);
  }

  /** The value of metallb.io/ip-allocated-from-pool. */
  poolOf(name: string): string | undefined {
    return this.get(name).annotations['metallb.io/ip-allocated-from-pool'];
  }

  /** "name Type reason: message" of every Event since the last call. */
  takeEvents(): string[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  /** Returns how many Services were written. */
  #round(): number {
    const allocations = allocate({
      config: config({ pools: this.pools }),
      services: Array.from(this.#services.values()),
      loadBalancerClass: this.loadBalancerClass,
    });
    let count = 0;
    for (const allocation of allocations) {
      const { service } = allocation;
      const write = serviceWrite(allocation, NOW);
      if (write === undefined) continue;
      count += 1;
      for (const { type, reason, message } of serviceEvents(allocation))
        this.#events.push(`${service.name} ${type} ${reason}: ${message}`);
      const { ips, annotations, condition } = write;
      const others = service.conditions.filter(({ type }) => type !== condition?.type);
      this.#put({
        ...service,
        annotations: merged(service.annotations, annotations),
        // The API server fills in ipMode.
        ...(ips === undefined ? {} : { ingress: ips.map((address) => ({ ip: address, ipMode: 'VIP' })) }),
        ...(condition === undefined ? {} : { conditions: 'status' in condition ? [...others, condition] : others }),
      });
    }
    this.writes += count;
    return count;
  }

  #put(view: ServiceView): void {
    this.#services.set(formatKey(view), { ...view, resourceVersion: `${Number(view.resourceVersion) + 1}` });
  }
}

function keyOf(name: string): string {
  return name.includes('/') ? name : `default/${name}`;
}

function merged(
  annotations: Readonly<Record<string, string>>,
  changes: Readonly<Record<string, string | null>>,
): Record<string, string> {
  const all: Record<string, string | null> = { ...annotations, ...changes };
  return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== null));
}
