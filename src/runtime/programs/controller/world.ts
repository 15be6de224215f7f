/**
 * OBSERVE and DECIDE, in the controller: what follows from the caches, kept up to date. A changed Service costs what it
 * touches; a change of the rules (configuration, excluded addresses, limits) decides over the whole world anew. What
 * Services gave up is remembered from one to the other, and read back from the pools' statuses.
 */
import { isDeepStrictEqual } from 'node:util';
import { type AllocationRules, Allocator } from '../../decide/allocation/allocator.ts';
import { namespaceLimits } from '../../decide/allocation/namespace-limits.ts';
import type { PoolUsage } from '../../decide/allocation/pool-usage.ts';
import { storedReleases } from '../../decide/allocation/stored-releases.ts';
import type { DecidedConfig } from '../../decide/configuration/config-source.ts';
import type { Clock } from '../../engine/ports.ts';
import type { ConfigMapView } from '../../model/cluster.ts';
import type { ConfigError } from '../../model/config.ts';
import type { Release } from '../../model/release.ts';
import type { RawResource } from '../../model/resource.ts';
import type { ServiceView } from '../../model/service.ts';
import type { ControllerCaches } from './caches.ts';

/** Everything the controller wants the cluster to say, as of the last look. */
export interface Decision {
  readonly decided: DecidedConfig;
  readonly configMap: ConfigMapView | undefined;
  /** Undefined: no configuration is known, so nothing can be said of any Service. */
  readonly allocator: Allocator | undefined;
  /** "namespace/name" of the Services that may have something to be written. */
  readonly touched: ReadonlySet<string>;
  /** Names of the pools whose figures may have changed. */
  readonly pools: ReadonlySet<string>;
  /** By pool, worked out when first asked for. */
  readonly usage: () => ReadonlyMap<string, PoolUsage>;
}

type Rules = Required<Pick<AllocationRules, 'config' | 'exclusions' | 'namespaceLimits'>>;

export class World {
  readonly #caches: ControllerCaches;
  readonly #clock: Clock;
  readonly #loadBalancerClass: string | undefined;
  readonly #changedServices = new Set<string>();
  #isAnew = true;
  #decided: DecidedConfig | undefined;
  /** What the configuration alone comes to; the same value as long as it is the same. */
  #ofConfiguration: DecidedConfig | undefined;
  /** As of the configuration decided last, which is decided anew when a namespace changes. */
  #limits: ReadonlyMap<string, number> = new Map();
  /** Faults that show elsewhere than in what is read here, told with the others. */
  #further: readonly ConfigError[] = [];
  #rules: Rules | undefined;
  #allocator: Allocator | undefined;
  /** Pools as they were read → what their statuses remember. */
  readonly #stored = new WeakMap<RawResource, readonly Release[]>();

  constructor(caches: ControllerCaches, clock: Clock, loadBalancerClass: string | undefined) {
    this.#caches = caches;
    this.#clock = clock;
    this.#loadBalancerClass = loadBalancerClass;
  }

  serviceChanged(key: string): void {
    this.#changedServices.add(key);
  }

  /** The next decision is to be over everything, and everything is to be looked at for writing. */
  lookAtEverything(): void {
    this.#isAnew = true;
  }

  /** What is told with the configuration's own faults from the next decision on. */
  tellFurther(faults: readonly ConfigError[]): void {
    this.#further = faults;
    this.#ofConfiguration = undefined;
  }

  decide(): Decision {
    const decided = this.#decideConfig();
    const configMap = this.#caches.configuration.configMap();
    const touched = decided.config === undefined ? new Set<string>() : this.#decideServices(decided.config);
    const allocator = decided.config === undefined ? undefined : this.#allocator;
    let usage: ReadonlyMap<string, PoolUsage> | undefined;
    return {
      decided,
      configMap,
      allocator,
      touched,
      pools: allocator?.takeChangedPools() ?? new Set(),
      usage: () => {
        usage ??= new Map(allocator?.usage().map((figures) => [figures.pool, figures]));
        return usage;
      },
    };
  }

  /** The configuration with the namespaces' limits, which are told of with it where they are faulty. */
  #decideConfig(): DecidedConfig {
    const { configuration } = this.#caches;
    const decided = configuration.decide();
    if (this.#decided !== undefined && decided === this.#ofConfiguration) return this.#decided;
    const { limits, errors } = namespaceLimits(configuration.namespaces());
    const further = [...errors, ...this.#further];
    this.#limits = limits;
    this.#ofConfiguration = decided;
    this.#decided = further.length === 0 ? decided : { ...decided, errors: [...decided.errors, ...further] };
    return this.#decided;
  }

  #decideServices(config: AllocationRules['config']): ReadonlySet<string> {
    const nowMs = this.#clock.wallMs();
    const rules = { config, exclusions: this.#caches.exclusions.exclusions(), namespaceLimits: this.#limits };
    const releases = this.#storedReleases();
    const changes = new Map(Array.from(this.#changedServices, (key) => [key, this.#caches.services.get(key)]));
    this.#changedServices.clear();
    // Told first, even when all is decided anew: this is where it is noticed what deleted Services gave up.
    const touched = new Set(this.#allocator?.update(changes, nowMs));
    const isSame = isDeepStrictEqual(rules, this.#rules);
    this.#rules = rules;
    if (this.#allocator !== undefined && !this.#isAnew && isSame) {
      for (const key of this.#allocator.recall(releases, nowMs)) touched.add(key);
      return touched;
    }
    const known = [...releases, ...(this.#allocator?.releases() ?? [])];
    const services: readonly ServiceView[] = this.#caches.services.list();
    this.#allocator = new Allocator(
      {
        ...rules,
        loadBalancerClass: this.#loadBalancerClass,
        releases: known,
        nowMs,
      },
      services,
    );
    this.#isAnew = false;
    return new Set(services.map(({ namespace, name }) => `${namespace}/${name}`));
  }

  #storedReleases(): readonly Release[] {
    return this.#caches.configuration.resources.ipaddresspools.list().flatMap((pool) => {
      const known = this.#stored.get(pool) ?? storedReleases(pool, Date.parse);
      this.#stored.set(pool, known);
      return known;
    });
  }
}
