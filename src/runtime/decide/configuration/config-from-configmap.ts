/**
 * The old ConfigMap of MetalLB up to 0.12 to the configuration in force: converted to custom resources and read as such,
 * so that it and its conversion cannot mean different things. As strict as the daemons that read it were, and any fault
 * at all leaves the last good ConfigMap in force, because its parts have no identity of their own that could be kept one
 * by one.
 *
 * Takes the YAML parsed; paths in faults are the YAML's: "config.address-pools[0].addresses[1]".
 *
 * Deviation: a community may be a large one, which the old daemons did not know.
 */
import type { Config, ConfigError } from '../../model/config.ts';
import { formatResource, type RawResource } from '../../model/resource.ts';
import { type ConfigResources, configFromResources } from './config-from-resources.ts';
import { type ConfigMapConversion, type ConvertedResource, resourcesFromConfigMap } from './config-map-conversion.ts';

export interface ConfigMapResult {
  /** Pools under the names that they have in the YAML, because Services ask for them by those. Undefined: see errors. */
  readonly config: Config | undefined;
  /** The same as the converted resources would have it; differs in the names of pools only. */
  readonly converted: Config | undefined;
  /** All that is wrong; any of it means that the last good one is to be kept. */
  readonly errors: readonly ConfigError[];
}

/** `object` begins every fault's path: "ConfigMap metallb-system/config". */
export function configFromConfigMap(
  yaml: unknown,
  object: string,
  surroundings: Pick<ConfigResources, 'nodes' | 'node'> = {},
): ConfigMapResult {
  return configFromConversion(resourcesFromConfigMap(yaml, object), surroundings);
}

export function configFromConversion(
  conversion: ConfigMapConversion,
  surroundings: Pick<ConfigResources, 'nodes' | 'node'> = {},
): ConfigMapResult {
  const resources = configResources(conversion.resources.map(({ resource }) => resource));
  const result = configFromResources({ ...resources, ...surroundings });
  const errors = [...conversion.errors, ...inYaml(result.errors, conversion)];
  if (errors.length > 0) return { config: undefined, converted: undefined, errors };
  return { config: withGivenNames(result.config, conversion), converted: result.config, errors };
}

/** Resources of all kinds, sorted into what configFromResources takes. */
export function configResources(resources: readonly RawResource[]): ConfigResources {
  const ofKind = (kind: string): readonly RawResource[] => resources.filter((resource) => resource.kind === kind);
  return {
    pools: ofKind('IPAddressPool'),
    l2Advertisements: ofKind('L2Advertisement'),
    bgpPeers: ofKind('BGPPeer'),
    bgpAdvertisements: ofKind('BGPAdvertisement'),
    communities: ofKind('Community'),
    bfdProfiles: ofKind('BFDProfile'),
    namespaces: [],
  };
}

/** Faults of the converted resources, at the places in the YAML, in its order; without those that were told already. */
function inYaml(faults: readonly ConfigError[], conversion: ConfigMapConversion): ConfigError[] {
  const told = new Set(conversion.errors.map(({ path }) => path));
  const byObject = new Map<string, { readonly converted: ConvertedResource; readonly order: number }>(
    conversion.resources.map((converted, order) => [formatResource(converted.resource), { converted, order }]),
  );
  return faults
    .flatMap(({ path, message }) => {
      const space = path.indexOf(' ', path.indexOf(' ') + 1);
      const found = byObject.get(path.slice(0, space));
      if (found === undefined) return [];
      const place = found.converted.origin(path.slice(space + 1));
      // All that could be waited for is in the same text, so whatever is missing must be written there.
      const error: ConfigError = { path: place, message, kind: 'invalid' };
      return told.has(place) ? [] : [{ error, order: found.order }];
    })
    .sort((a, b) => a.order - b.order)
    .map(({ error }) => error);
}

function withGivenNames(config: Config, { renamed }: ConfigMapConversion): Config {
  const given = new Map(renamed.filter(({ kind }) => kind === 'IPAddressPool').map(({ from, to }) => [to, from]));
  if (given.size === 0) return config;
  const nameOf = (name: string): string => given.get(name) ?? name;
  const named = <Item extends { readonly pools: readonly string[] }>(item: Item): Item => ({
    ...item,
    pools: item.pools.map(nameOf).sort(),
  });
  return {
    ...config,
    pools: config.pools
      .map((pool) => ({ ...pool, name: nameOf(pool.name) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    l2Advertisements: config.l2Advertisements.map(named),
    bgpAdvertisements: config.bgpAdvertisements.map(named),
  };
}
