/** What an explanation is made from: the world, what allocation made of it, and the one Service in question. */
import type { Pool } from '../../model/config.ts';
import { compareIps, type Ip, type IpFamily, ipFamily } from '../../model/ip.ts';
import { formatKey, type ServiceView } from '../../model/service.ts';
import type { Allocation } from '../allocation/allocation.ts';
import { type AllocationRules, Allocator } from '../allocation/allocator.ts';
import { poolsInOrder } from '../allocation/pool-choice.ts';
import type { PoolUsage } from '../allocation/pool-usage.ts';
import { readRequest, type ServiceRequest } from '../allocation/service-request.ts';
import type { DecidedConfig } from '../configuration/config-source.ts';
import type { BgpWorld } from './bgp-world.ts';
import type { Layer2World } from './layer2-world.ts';

export interface ExplainWorld extends Omit<AllocationRules, 'config'> {
  /** What is in force, and what is wrong with it. */
  readonly decided: Pick<DecidedConfig, 'config' | 'source' | 'errors' | 'faulty'>;
  readonly services: readonly ServiceView[];
  /** Absent: it was not looked at who announces. */
  readonly layer2?: Layer2World;
  /** Given with layer2. */
  readonly bgp?: BgpWorld;
  /** What is known of the controller's pods, a sentence: "0 of 2 pods of it are ready". "": nothing. */
  readonly controllerState: string;
  /** Milliseconds since the Unix epoch as people read them. */
  readonly formatTime: (ms: number) => string;
}

/** A world that was allocated. */
export interface DecidedWorld {
  readonly world: ExplainWorld;
  readonly allocator: Allocator;
  readonly allocations: ReadonlyMap<string, Allocation>;
  /** In the order they are asked. */
  readonly pools: readonly Pool[];
  readonly usage: ReadonlyMap<string, PoolUsage>;
  readonly services: ReadonlyMap<string, ServiceView>;
}

/** Undefined: no configuration is known. */
export function decideWorld(world: ExplainWorld): DecidedWorld | undefined {
  const { config } = world.decided;
  if (config === undefined) return undefined;
  const allocator = new Allocator({ ...world, config }, world.services);
  return {
    world,
    allocator,
    allocations: new Map(allocator.list().map((allocation) => [formatKey(allocation.service), allocation])),
    pools: poolsInOrder(config),
    usage: new Map(allocator.usage().map((usage) => [usage.pool, usage])),
    services: new Map(world.services.map((service) => [formatKey(service), service])),
  };
}

/** A Service of ours in it. */
export interface Case extends DecidedWorld {
  readonly key: string;
  readonly service: ServiceView;
  readonly allocation: Allocation;
  /** Undefined: it cannot be read. */
  readonly request: ServiceRequest | undefined;
  /** The pool that the Service asks for, by its name or by an address of it. Undefined: any will do. */
  readonly wantedPool: string | undefined;
}

export function openCase(decided: DecidedWorld, service: ServiceView, allocation: Allocation): Case {
  const read = readRequest(service);
  const request = read.ok ? read.value : undefined;
  const [ip] = request?.ips ?? [];
  const wantedPool = request?.pool ?? (ip === undefined ? undefined : decided.allocator.standing(ip).pool?.name);
  return { ...decided, key: formatKey(service), service, allocation, request, wantedPool };
}

/** The Services that hold addresses of the pool, of the namespace if one is given; by name. */
export function holdersOf({ allocations }: DecidedWorld, pool: string | undefined, namespace?: string): Allocation[] {
  return Array.from(allocations.values()).filter(
    ({ ips, pool: own, service }) =>
      ips.length > 0 &&
      own !== undefined &&
      (pool === undefined || own === pool) &&
      (namespace === undefined || service.namespace === namespace),
  );
}

/** The different addresses of these, ordered. */
export function addressesOf(holders: readonly Allocation[], family?: IpFamily): readonly Ip[] {
  const ips = holders.flatMap(({ ips: own }) => own.filter((ip) => family === undefined || ipFamily(ip) === family));
  return Array.from(new Set(ips)).sort(compareIps);
}

/** "IPv4", "IPv4 and IPv6" */
export function familyNames(families: readonly IpFamily[]): string {
  return families.map((family) => (family === 'ipv4' ? 'IPv4' : 'IPv6')).join(' and ');
}
