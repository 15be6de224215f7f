/** One L2Advertisement as it is written, its pool selectors resolved against the pools in force. */
import type { ConfigError, L2Advertisement, PreferredNodes } from '../../model/config.ts';
import type { Labels } from '../../model/labels.ts';
import { formatResource, type RawResource } from '../../model/resource.ts';
import { Field } from './config-field.ts';
import { readPoolChoice } from './config-pool-choice.ts';
import { readSelector, readSelectors } from './config-selectors.ts';

/** `poolLabels` holds every pool in force by its name. */
export function readL2Advertisement(
  resource: RawResource,
  poolLabels: ReadonlyMap<string, Labels>,
): { readonly advertisement: L2Advertisement; readonly errors: readonly ConfigError[] } {
  const errors: ConfigError[] = [];
  const spec = new Field(resource.spec, `${formatResource(resource)} spec`, errors);
  const interfaces = spec.field('interfaces').items();
  const advertisement = {
    name: resource.name,
    pools: readPoolChoice(spec, poolLabels),
    nodeSelectors: readSelectors(spec.field('nodeSelectors')),
    // Naming an interface twice is no contradiction, and MetalLB takes it.
    interfaces: Array.from(new Set(interfaces.map((item) => item.text()))).sort(),
    serviceSelectors: readSelectors(spec.field('serviceSelectors')),
    preferredNodeSelectors: spec.field('preferredNodeSelectors').items().map(readPreference),
  };
  return { advertisement, errors };
}

function readPreference(field: Field): PreferredNodes {
  return {
    weight: field.required('weight').within(1, 100) ?? 1,
    preference: readSelector(field.required('preference')),
  };
}
