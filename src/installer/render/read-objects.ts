/**
 * Reads the custom resources back out of rendered YAML and checks them: against their schemas, and by the controller's
 * own rules (addresses that two pools claim). Every fault carries the rendered line.
 */
import { type Document, isMap, isNode, LineCounter, parseAllDocuments } from 'yaml';
import type { KubeObject } from '../kube-object.ts';
import { ADDON_NAMESPACE } from '../plan/addon-plan.ts';
import { didYouMean } from '../plan/nearest-name.ts';
import { controllerFaults } from './controller-rules.ts';
import { type CustomKind, formatPath, schemaFaults } from './crd-schema.ts';

export interface RenderFault {
  /** 1-based line of the rendered text. */
  readonly line: number;
  readonly message: string;
}

export interface ReadObjects {
  readonly objects: readonly KubeObject[];
  readonly faults: readonly RenderFault[];
}

/** Total: whatever the text holds, the result says what is wrong with it. */
export function readObjects(text: string, kinds: readonly CustomKind[]): ReadObjects {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, logLevel: 'silent' });
  const faults: RenderFault[] = [];
  const found: FoundObject[] = [];
  for (const document of Array.isArray(documents) ? documents : []) {
    const lineOf = (offset: number): number => lines.linePos(offset).line;
    const [error] = document.errors;
    if (error !== undefined) {
      // Those after the first are mostly its consequences.
      faults.push({ line: lineOf(error.pos[0]), message: yamlMessage(error.message) });
      continue;
    }
    if (document.contents === null || document.toJS() === null) continue;
    const line = lineOf(document.contents.range[0]);
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    const checked = checkObject(value, kinds);
    faults.push(
      ...checked.faults.map(({ path, message }) => ({ line: lineOfPath(document, path, lineOf) ?? line, message })),
    );
    const isSound = checked.faults.length === 0;
    if (checked.object !== undefined) found.push({ object: checked.object, document, line, isSound });
  }
  faults.push(...repeatedObjects(found), ...refusedByController(found, (offset) => lines.linePos(offset).line));
  return { objects: found.map(({ object }) => object), faults: faults.sort((a, b) => a.line - b.line) };
}

interface FoundObject {
  readonly object: KubeObject;
  readonly document: Document;
  /** Where it begins. */
  readonly line: number;
  /** Whether its schema had nothing to say. */
  readonly isSound: boolean;
}

interface PathFault {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

function checkObject(
  value: unknown,
  kinds: readonly CustomKind[],
): { object?: KubeObject; faults: readonly PathFault[] } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return {
      faults: [
        { path: [], message: 'this is not a Kubernetes object (a map with apiVersion, kind, metadata and spec)' },
      ],
    };
  }
  const { apiVersion, kind, metadata } = value as Record<string, unknown>;
  const known = kinds.find((candidate) => candidate.apiVersion === apiVersion && candidate.kind === kind);
  if (known === undefined) return { faults: [unknownKind(apiVersion, kind, kinds)] };
  const { name, namespace } = (typeof metadata === 'object' && metadata !== null ? metadata : {}) as Record<
    string,
    unknown
  >;
  if (typeof name !== 'string' || name === '') {
    return { faults: [{ path: ['metadata'], message: `${known.kind}: metadata.name is missing` }] };
  }
  if (namespace !== undefined && namespace !== ADDON_NAMESPACE) {
    const message = `${known.kind} ${name}: metadata.namespace must be ${ADDON_NAMESPACE} (or absent), objects elsewhere are not read`;
    return { faults: [{ path: ['metadata', 'namespace'], message }] };
  }
  const faults = schemaFaults(known, value).map(({ path, message, unknownField }) => {
    const meant = unknownField === undefined ? '' : didYouMean(unknownField.name, unknownField.known);
    return { path, message: `${known.kind} ${name}: ${formatPath(path)}: ${message}${meant}` };
  });
  const object = {
    ...(value as KubeObject),
    metadata: { ...(metadata as Record<string, unknown>), name, namespace: ADDON_NAMESPACE },
  };
  return { object, faults };
}

function unknownKind(apiVersion: unknown, kind: unknown, kinds: readonly CustomKind[]): PathFault {
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') {
    return { path: [], message: 'apiVersion and kind must both be there and be texts' };
  }
  const sameKind = kinds.find((candidate) => candidate.kind === kind);
  if (sameKind !== undefined) {
    return { path: ['apiVersion'], message: `${kind} is of ${sameKind.apiVersion}, not of ${apiVersion}` };
  }
  const names = [...new Set(kinds.map((candidate) => candidate.kind))];
  return { path: ['kind'], message: `${apiVersion} ${kind} is not a kind of this addon${didYouMean(kind, names)}` };
}

function lineOfPath(
  document: Document,
  path: readonly (string | number)[],
  lineOf: (offset: number) => number,
): number | undefined {
  // A field that is missing, or that is the object itself, is shown at the nearest thing around it that is there.
  for (let length = path.length; length > 0; length--) {
    const parent = document.getIn(path.slice(0, length - 1), true);
    const last = path[length - 1];
    const pair = isMap(parent)
      ? parent.items.find(({ key }) => isNode(key) && String(key) === String(last))
      : undefined;
    const node = pair === undefined ? document.getIn(path.slice(0, length), true) : pair.key;
    if (isNode(node) && node.range) return lineOf(node.range[0]);
  }
  return undefined;
}

function repeatedObjects(found: readonly FoundObject[]): readonly RenderFault[] {
  const firstLines = new Map<string, number>();
  return found.flatMap((one) => {
    const { line } = one;
    const key = nameOf(one);
    const first = firstLines.get(key);
    if (first !== undefined) return [{ line, message: `${key} is there twice` }];
    firstLines.set(key, line);
    return [];
  });
}

/** What breaks a schema, or bears a name that is taken, is not asked about again. */
function refusedByController(
  found: readonly FoundObject[],
  lineOf: (offset: number) => number,
): readonly RenderFault[] {
  const isFirst = (one: FoundObject): boolean => found.find((other) => nameOf(other) === nameOf(one)) === one;
  const sound = found.filter((one) => one.isSound && isFirst(one));
  return controllerFaults(sound.map(({ object }) => object)).flatMap(({ index, path, message }) => {
    const place = sound[index];
    return place === undefined ? [] : [{ line: lineOfPath(place.document, path, lineOf) ?? place.line, message }];
  });
}

function nameOf({ object }: FoundObject): string {
  return `${object.kind} ${object.metadata.name}`;
}

function yamlMessage(message: string): string {
  return `not well-formed YAML: ${(message.split('\n')[0] ?? message).replace(/ at line \d+, column \d+:?$/, '')}`;
}
