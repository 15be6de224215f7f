/**
 * Names for the custom resources that an old ConfigMap becomes. It could call a pool anything; the API server takes lower
 * case, digits and '-' only. Names are made as MetalLB's own converter makes them, so that a cluster that was converted
 * with it is recognised.
 *
 * Deviation: what its converter leaves to fail later is settled here: a name that ends in '-' or holds other characters,
 * one without a letter, and two that become the same.
 */
const KEPT = /^[a-z][-a-z0-9]{0,61}[a-z0-9]$/;
const MAX_LENGTH = 63;

/** A name for each, in their order: all different. `word` begins the name of what has no letter in its own. */
export function resourceNames(given: readonly string[], word: string): string[] {
  const wanted = given.map((name) => normalName(name, word));
  const names = new Array<string>(given.length).fill('');
  const taken = new Set<string>();
  // Who is called so already keeps it, whatever comes before.
  for (const [i, name] of given.entries()) {
    if (wanted[i] !== name || taken.has(name)) continue;
    names[i] = name;
    taken.add(name);
  }
  for (const [i, name] of wanted.entries()) {
    if (names[i] !== '') continue;
    const free = firstFree(name, taken);
    names[i] = free;
    taken.add(free);
  }
  return names;
}

function normalName(given: string, word: string): string {
  if (KEPT.test(given)) return given;
  const lower = given.slice(0, MAX_LENGTH).toLowerCase();
  const plain = lower.replaceAll(/[^-a-z0-9]/g, '-');
  const fromLetter = plain.replace(/^[^a-z]+/, '').replace(/-+$/, '');
  if (fromLetter !== '') return fromLetter;
  const digits = plain.replace(/^-+/, '').replace(/-+$/, '');
  return digits === '' ? word : `${word}-${digits}`.slice(0, MAX_LENGTH);
}

function firstFree(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name)) return name;
  for (let number = 2; ; number++) {
    const ending = `-${number}`;
    const candidate = name.slice(0, MAX_LENGTH - ending.length) + ending;
    if (!taken.has(candidate)) return candidate;
  }
}
