/**
 * Which configuration is in force: the custom resources as soon as there is any IPAddressPool, else the old ConfigMap if
 * there is one, else the custom resources (that is: no pools). The ConfigMap never adds to the resources, because two
 * half configurations that overlap help nobody; that it is ignored is said on it, and what it would do differently.
 *
 * Pools with the annotation WAITING_ANNOTATION do not set the ConfigMap aside: `./install migrate` makes the pools of it one
 * by one, and the first must not put the others out of force. The annotation is on the pools and not on the ConfigMap,
 * so that no program can see one without the other.
 */
import { type Config, type ConfigError, holdsBack } from '../../model/config.ts';
import type { Result } from '../../model/result.ts';
import { type FaultyObject, type LastGood, NO_LAST_GOOD } from './accepted.ts';
import { configDifferences } from './config-differences.ts';
import { type ConfigMapResult, configFromConfigMap } from './config-from-configmap.ts';
import { type ConfigResources, configFromResources } from './config-from-resources.ts';
import type { IgnoredConfigMap } from './config-ignored.ts';

/** On an IPAddressPool, set to "true": as long as there is a ConfigMap, that stays in force. */
export const WAITING_ANNOTATION = 'metallb.io/waits-for-configmap';

export interface ConfigSources {
  readonly resources: ConfigResources;
  /** The old ConfigMap, if it exists. */
  readonly configMap?: {
    /** "ConfigMap metallb-system/config" */
    readonly path: string;
    /** Its key "config" as parsed YAML, or why that failed. */
    readonly yaml: Result<unknown>;
  };
}

/** What was in force before: kept by the caller between calls, opaque to it. */
export interface ConfigMemory {
  readonly lastGood: LastGood;
  readonly configMap: Config | undefined;
}

export const NO_MEMORY: ConfigMemory = { lastGood: NO_LAST_GOOD, configMap: undefined };

export interface DecidedConfig {
  /**
   * Undefined: only a faulty ConfigMap is known, and never was a good one. Nothing can be decided then, and above all
   * nothing be taken away.
   */
  readonly config: Config | undefined;
  readonly source: 'resources' | 'config-map';
  /** Every fault of the source in force. */
  readonly errors: readonly ConfigError[];
  /** The custom resources that have faults. */
  readonly faulty: readonly FaultyObject[];
  /** Of a ConfigMap that is there and not in force: what it would do differently, or its own faults. */
  readonly ignored?: IgnoredConfigMap;
  readonly memory: ConfigMemory;
}

export function decideConfig(sources: ConfigSources, memory: ConfigMemory): DecidedConfig {
  const { resources, configMap } = sources;
  const fromResources = configFromResources(resources, memory.lastGood);
  const { lastGood } = fromResources;
  const setsAside = resources.pools.some(({ annotations }) => annotations[WAITING_ANNOTATION] !== 'true');
  if (configMap === undefined || setsAside) {
    const { config, errors, faulty } = fromResources;
    const ignored = configMap === undefined ? {} : { ignored: compare(config, configMap, resources) };
    return { config, source: 'resources', errors, faulty, memory: { lastGood, configMap: undefined }, ...ignored };
  }
  const { config, errors } = read(configMap, resources);
  const inForce = config ?? memory.configMap;
  return {
    config: inForce,
    source: 'config-map',
    errors,
    faulty: fromResources.faulty,
    memory: { lastGood, configMap: inForce },
  };
}

type ConfigMapSource = NonNullable<ConfigSources['configMap']>;

function read({ yaml, path }: ConfigMapSource, { nodes, node }: ConfigResources): ConfigMapResult {
  if (yaml.ok) return configFromConfigMap(yaml.value, path, { nodes, node });
  const errors: ConfigError[] = [{ path: `${path} config`, message: yaml.error, kind: 'invalid' }];
  return { config: undefined, converted: undefined, errors };
}

function compare(config: Config, configMap: ConfigMapSource, resources: ConfigResources): IgnoredConfigMap {
  const { converted, errors } = read(configMap, resources);
  const differences =
    converted === undefined
      ? []
      : configDifferences({ name: 'the ConfigMap', config: converted }, { name: 'the custom resources', config });
  return { differences, errors: errors.filter(holdsBack) };
}
