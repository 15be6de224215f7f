/** Which pools an advertisement of either kind covers: by name, by label, or all of them. */
import { anySelectorMatches, type Labels } from '../../model/labels.ts';
import type { Field } from './config-field.ts';
import { readSelectors } from './config-selectors.ts';

/** Ordered names of pools in force; `poolLabels` holds every one of those by its name. */
export function readPoolChoice(spec: Field, poolLabels: ReadonlyMap<string, Labels>): string[] {
  const list = spec.field('ipAddressPools');
  const named = list.distinctTexts();
  const selectors = readSelectors(spec.field('ipAddressPoolSelectors'));
  // Neither names nor selectors: every pool. Names of which none exists: no pool.
  if (named.length === 0 && selectors.length === 0) return Array.from(poolLabels.keys()).sort();
  for (const name of named) {
    if (!poolLabels.has(name)) list.dangling(`there is no IPAddressPool "${name}"`);
  }
  const chosen = new Set(named.filter((name) => poolLabels.has(name)));
  // Thousands of pools with an advertisement each, which is what a converted ConfigMap gives, must not be walked in vain.
  if (selectors.length > 0) {
    for (const [name, labels] of poolLabels) if (anySelectorMatches(selectors, labels)) chosen.add(name);
  }
  return Array.from(chosen).sort();
}
