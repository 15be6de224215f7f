/**
 * What the controller would say of these objects, asked before they are sent: the very functions that it decides with.
 * They see what a schema cannot: ranges that are reversed, addresses that two pools claim. Pure.
 */
import { configResources } from '../../runtime/decide/configuration/config-from-configmap.ts';
import { configFromResources } from '../../runtime/decide/configuration/config-from-resources.ts';
import { formatResource, type RawResource } from '../../runtime/model/resource.ts';
import type { KubeObject } from '../kube-object.ts';
import { ADDON_NAMESPACE } from '../plan/addon-plan.ts';

export interface RuleFault {
  /** Index into the objects. */
  readonly index: number;
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** Of two objects that contradict each other, the later one is at fault. */
export function controllerFaults(objects: readonly KubeObject[]): readonly RuleFault[] {
  const resources = objects.map(rawResource);
  const { errors } = configFromResources(configResources(resources));
  return errors.flatMap(({ path, message, kind }) => {
    const index = resources.findIndex((resource) => isWithin(path, formatResource(resource)));
    // What is not among these objects may well be in the cluster.
    if (kind !== 'invalid' || index < 0) return [];
    const resource = resources[index];
    const field = resource === undefined ? '' : path.slice(formatResource(resource).length).trim();
    return [{ index, path: parsePath(field), message: `${path.replace(`${ADDON_NAMESPACE}/`, '')}: ${message}` }];
  });
}

function isWithin(path: string, object: string): boolean {
  return path === object || path.startsWith(`${object} `);
}

/** "spec.addresses[0]" → ["spec", "addresses", 0] */
function parsePath(text: string): readonly (string | number)[] {
  return [...text.matchAll(/\[(\d+)\]|([^.[\]]+)/g)].map(([, index, name]) =>
    index === undefined ? (name ?? '') : Number(index),
  );
}

/** An object as the decisions take it; the index stands for its age. */
export function rawResource(object: KubeObject, index: number): RawResource {
  const { name, labels, annotations } = object.metadata;
  return {
    kind: object.kind,
    namespace: ADDON_NAMESPACE,
    name,
    uid: '',
    resourceVersion: '',
    createdAtMs: index,
    generation: 0,
    labels: textMap(labels),
    annotations: textMap(annotations),
    spec: object['spec'],
    status: undefined,
  };
}

function textMap(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(Object.entries(value).map(([key, text]) => [key, String(text)]));
}
