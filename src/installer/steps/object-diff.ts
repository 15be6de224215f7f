/**
 * What differs between an object as it is and as a dry run says it would be. Pure. What the server keeps for itself
 * (resource version, time stamps) is no difference; taking over the ownership of fields is one, although nothing shows.
 */
import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '../kube-object.ts';
import type { ObjectChange } from '../progress.ts';
import { formatRef } from './cluster.ts';

/** Shown of a changed object; --verbose is no reason to print a whole chart. */
const MAX_FIELDS = 20;

export function diffObject(live: KubeObject | undefined, wanted: KubeObject, manager: string): ObjectChange {
  const object = formatRef(wanted);
  if (live === undefined) return { action: 'create', object, fields: [] };
  const fields = diffValues(visibleParts(live), visibleParts(wanted), '');
  if (fields.length > 0) return { action: 'update', object, fields: fields.slice(0, MAX_FIELDS) };
  if (isDeepStrictEqual(ownedFields(live, manager), ownedFields(wanted, manager))) {
    return { action: 'unchanged', object, fields: [] };
  }
  return { action: 'update', object, fields: ['metadata.managedFields: fields are taken over from another writer'] };
}

/** The fields in which two versions of an object differ, as the user would write it. */
export function diffFields(before: KubeObject, after: KubeObject): readonly string[] {
  return diffValues(before, after, '').slice(0, MAX_FIELDS);
}

function visibleParts(object: KubeObject): unknown {
  const { status: _, metadata, ...rest } = object;
  const {
    managedFields: _m,
    resourceVersion: _r,
    generation: _g,
    uid: _u,
    creationTimestamp: _c,
    ...visible
  } = metadata;
  return { ...rest, metadata: visible };
}

function ownedFields(object: KubeObject, manager: string): unknown {
  const entries = object.metadata['managedFields'];
  const own = Array.isArray(entries) ? entries.filter((entry) => isApplyEntryOf(entry, manager)) : [];
  return own.map(({ time: _, ...entry }) => entry);
}

function isApplyEntryOf(entry: unknown, manager: string): boolean {
  return (
    typeof entry === 'object' &&
    entry !== null &&
    'manager' in entry &&
    entry.manager === manager &&
    'operation' in entry &&
    entry.operation === 'Apply'
  );
}

function diffValues(before: unknown, after: unknown, path: string): readonly string[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (isMap(before) && isMap(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return keys.flatMap((key) => diffValues(before[key], after[key], path === '' ? key : `${path}.${key}`));
  }
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    return before.flatMap((item, index) => diffValues(item, after[index], `${path}[${index}]`));
  }
  return [`${path}: ${show(before)} → ${show(after)}`];
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function show(value: unknown): string {
  if (value === undefined) return '(none)';
  const text = JSON.stringify(value);
  return text.length > 120 ? `${text.slice(0, 117)}…` : text;
}
