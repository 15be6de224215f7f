/** One L2Advertisement as it is written, its pool selectors resolved against the pools in force. */
import type { ConfigError, L2Advertisement } from '../model/config.ts';
import { anySelectorMatches, type Labels } from '../model/labels.ts';
import { formatResource, type RawResource } from '../model/resource.ts';
import { Field } from './config-field.ts';
import { readSelectors } from './config-selectors.ts';

/** `poolLabels` holds every pool in force by its name. */
export function readL2Advertisement(
  resource: RawResource,
  poolLabels: ReadonlyMap<string, Labels>,
): { readonly advertisement: L2Advertisement; readonly errors: readonly ConfigError[] } {
  const errors: ConfigError[] = [];
  const spec = new Field(resource.spec, `${formatResource(resource)} spec`, errors);
  const interfaces = spec.field('interfaces').distinctTexts();
  const advertisement = {
    name: resource.name,
    pools: readPools(spec, poolLabels),
    nodeSelectors: readSelectors(spec.field('nodeSelectors')),
    interfaces: interfaces.sort(),
    serviceSelectors: readSelectors(spec.field('serviceSelectors')),
  };
  return { advertisement, errors };
}

function readPools(spec: Field, poolLabels: ReadonlyMap<string, Labels>): string[] {
  const list = spec.field('ipAddressPools');
  const named = list.distinctTexts();
  const selectors = readSelectors(spec.field('ipAddressPoolSelectors'));
  // Neither names nor selectors: every pool. Names of which none exists: no pool.
  if (named.length === 0 && selectors.length === 0) return Array.from(poolLabels.keys()).sort();
  for (const name of named) {
    if (!poolLabels.has(name)) list.unresolved(`there is no IPAddressPool "${name}"`);
  }
  const selected = Array.from(poolLabels).filter(([, labels]) => anySelectorMatches(selectors, labels));
  const existing = named.filter((name) => poolLabels.has(name));
  return Array.from(new Set([...existing, ...selected.map(([name]) => name)])).sort();
}
