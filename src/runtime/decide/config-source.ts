/**
 * Which configuration is in force: the custom resources as soon as there is any IPAddressPool, else the old ConfigMap if
 * there is one, else the custom resources (that is: no pools). The ConfigMap never adds to the resources, because two
 * half configurations that overlap help nobody; that it is ignored is said on it.
 */
import type { Config, ConfigError } from '../model/config.ts';
import type { Result } from '../model/result.ts';
import { type FaultyObject, type LastGood, NO_LAST_GOOD } from './accepted.ts';
import { configFromConfigMap } from './config-from-configmap.ts';
import { type ConfigResources, configFromResources } from './config-from-resources.ts';

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
  /** The custom resources that are not in force as they are written. */
  readonly faulty: readonly FaultyObject[];
  readonly memory: ConfigMemory;
}

export function decideConfig(sources: ConfigSources, memory: ConfigMemory): DecidedConfig {
  const fromResources = configFromResources(sources.resources, memory.lastGood);
  const { lastGood } = fromResources;
  if (sources.resources.pools.length > 0 || sources.configMap === undefined) {
    const { config, errors, faulty } = fromResources;
    return { config, source: 'resources', errors, faulty, memory: { lastGood, configMap: undefined } };
  }
  const { yaml, path } = sources.configMap;
  const { config, errors } = yaml.ok ? configFromConfigMap(yaml.value, path) : unreadable(path, yaml.error);
  const inForce = config ?? memory.configMap;
  return {
    config: inForce,
    source: 'config-map',
    errors,
    faulty: fromResources.faulty,
    memory: { lastGood, configMap: inForce },
  };
}

function unreadable(path: string, message: string): { config: undefined; errors: readonly ConfigError[] } {
  return { config: undefined, errors: [{ path: `${path} config`, message, kind: 'invalid' }] };
}
