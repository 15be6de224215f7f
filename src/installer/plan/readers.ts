/**
 * Readers turn a located value into a typed one, or report what is wrong with it and give undefined. They never throw
 * and never stop at the first fault: the user sees all of them at once. Every reader treats an absent value, an empty
 * text and an explicit null alike, as "not set", because that is how Ansible inventories switch a variable off.
 */
import type { Located, SourcePosition } from '../inventory/located.ts';
import { didYouMean } from './nearest-name.ts';

/** Takes note of a fault. `what` in messages is the variable's name with its path: "metallb_pools[0].priority". */
export type Report = (at: SourcePosition, message: string) => void;
export type Reader<T> = (value: Located, what: string, report: Report) => T | undefined;

export function isUnset(value: Located | undefined): boolean {
  return value === undefined || (value.kind === 'scalar' && (value.value === null || value.value === ''));
}

export const readText: Reader<string> = (value, what, report) => {
  if (value.kind !== 'scalar') return wrong(value, what, 'one value', report);
  const text = String(value.value).trim();
  if (text.includes('{{')) {
    report(value.at, `${what} holds a Jinja expression, which is not evaluated here: write the value itself`);
    return undefined;
  }
  return text;
};

/** yes/no in every spelling that Ansible takes. */
export const readYesNo: Reader<boolean> = (value, what, report) => {
  const text = value.kind === 'scalar' ? String(value.value).toLowerCase() : '';
  if (['yes', 'true', 'on', '1', 'y'].includes(text)) return true;
  if (['no', 'false', 'off', '0', 'n'].includes(text)) return false;
  return wrong(value, what, '"yes" or "no"', report);
};

/** A whole number within the bounds, both included. */
export function readInteger(min: number, max: number): Reader<number> {
  return (value, what, report) => {
    const text = value.kind === 'scalar' ? String(value.value).trim() : '';
    if (/^-?[0-9]{1,15}$/.test(text) && Number(text) >= min && Number(text) <= max) return Number(text);
    return wrong(value, what, `a number from ${min} to ${max}`, report);
  };
}

export function readOneOf<const T extends string>(choices: readonly T[]): Reader<T> {
  return (value, what, report) => {
    const text = value.kind === 'scalar' ? String(value.value) : '';
    const choice = choices.find((candidate) => candidate === text);
    if (choice !== undefined) return choice;
    const meant = didYouMean(text, choices);
    return wrong(value, what, `${choices.map((candidate) => `"${candidate}"`).join(' or ')}${meant}`, report);
  };
}

/** A list; a single value stands for a list of one. Faulty items are reported and left out. */
export function readList<T>(readItem: Reader<T>): Reader<readonly T[]> {
  return (value, what, report) => {
    if (isUnset(value)) return [];
    const items = value.kind === 'list' ? value.items : [value];
    const indexed = value.kind === 'list';
    const read = items.map((item, index) => readItem(item, indexed ? `${what}[${index}]` : what, report));
    return read.filter((item) => item !== undefined);
  };
}

/** A map of texts, such as labels. */
export const readTextMap: Reader<Readonly<Record<string, string>>> = (value, what, report) => {
  if (isUnset(value)) return {};
  if (value.kind !== 'map') return wrong(value, what, 'a map of names to values', report);
  const entries = [...value.entries].map(
    ([key, item]) => [key, readText(item, `${what}.${key}`, report) ?? ''] as const,
  );
  return Object.fromEntries(entries);
};

/** Access to the fields of one map, all of them known; unknown ones are reported with the nearest known name. */
export interface Fields {
  readonly at: SourcePosition;
  /** The field's value, or undefined when it is unset or faulty (which has then been reported). */
  get<T>(name: string, reader: Reader<T>): T | undefined;
  /** The same for a field that must be there. */
  need<T>(name: string, reader: Reader<T>): T | undefined;
  positionOf(name: string): SourcePosition;
}

export function readFields(value: Located, what: string, known: readonly string[], report: Report): Fields | undefined {
  if (value.kind !== 'map') return wrong(value, what, `a map with the keys ${known.join(', ')}`, report);
  for (const [key, entry] of value.entries) {
    if (!known.includes(key)) report(entry.at, `${what} has no key "${key}"${didYouMean(key, known)}`);
  }
  return fieldsOf(value.entries, value.at, (name) => `${what}.${name}`, report);
}

/** Fields over a map that has been checked already. */
export function fieldsOf(
  entries: ReadonlyMap<string, Located>,
  at: SourcePosition,
  describe: (name: string) => string,
  report: Report,
): Fields {
  const get = <T>(name: string, reader: Reader<T>): T | undefined => {
    const entry = entries.get(name);
    return entry === undefined || isUnset(entry) ? undefined : reader(entry, describe(name), report);
  };
  return {
    at,
    get,
    need<T>(name: string, reader: Reader<T>) {
      if (isUnset(entries.get(name))) report(entries.get(name)?.at ?? at, `${describe(name)} is missing`);
      return get(name, reader);
    },
    positionOf: (name) => entries.get(name)?.at ?? at,
  };
}

/** The object without the keys that have no value: what is not set is absent. */
export function withoutUnset<T extends object>(object: T): Present<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Present<T>;
}

type Present<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

function wrong(value: Located, what: string, wanted: string, report: Report): undefined {
  report(value.at, `${what} is ${describeValue(value)}, it must be ${wanted}`);
  return undefined;
}

function describeValue(value: Located): string {
  return value.kind === 'scalar' ? JSON.stringify(value.value) : `a ${value.kind}`;
}
