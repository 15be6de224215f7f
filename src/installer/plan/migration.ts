/**
 * An old configuration's text → the custom resources that mean the same. Pure. Everything that is wrong comes back
 * together, at its place in the YAML: what the programs would say of it, and what the resource definitions would.
 */
import { configFromConversion } from '../../runtime/decide/configuration/config-from-configmap.ts';
import {
  type ConfigMapConversion,
  resourcesFromConfigMap,
} from '../../runtime/decide/configuration/config-map-conversion.ts';
import type { Config } from '../../runtime/model/config.ts';
import type { KubeObject } from '../kube-object.ts';
import { type CustomKind, formatPath, schemaFaults } from '../render/crd-schema.ts';

export interface MigrationSource {
  /** The configuration as parsed YAML. */
  readonly yaml: unknown;
  /** Begins every fault's path: "ConfigMap metallb-system/config", or a file's name. */
  readonly label: string;
  readonly namespace: string;
}

export interface MigrationPlan {
  /** In the order in which they can be written: what others name first, pools last. */
  readonly objects: readonly KubeObject[];
  /** What the ConfigMap puts in force, pools under the names that it has for them. */
  readonly config: Config;
  /** The same with the pools' new names. */
  readonly converted: Config;
  readonly warnings: readonly string[];
}

export type MigrationResult =
  | { readonly ok: true; readonly plan: MigrationPlan }
  | { readonly ok: false; readonly problems: readonly string[] };

const VERSIONS: Readonly<Record<string, string>> = { BGPPeer: 'metallb.io/v1beta2' };
const WRITE_ORDER = ['BFDProfile', 'Community', 'BGPPeer', 'BGPAdvertisement', 'L2Advertisement', 'IPAddressPool'];

export function planMigration(source: MigrationSource, kinds: readonly CustomKind[]): MigrationResult {
  const conversion = resourcesFromConfigMap(source.yaml, source.label, source.namespace);
  const { config, converted, errors } = configFromConversion(conversion);
  const problems = errors.map(({ path, message }) => `${path}: ${message}`);
  const objects = conversion.resources.map(({ resource }) => toObject(resource));
  // What the schema refuses the readers mostly refused already, in better words.
  if (problems.length === 0) problems.push(...refusals(objects, conversion, kinds));
  if (config === undefined || converted === undefined || problems.length > 0) return { ok: false, problems };
  const ordered = WRITE_ORDER.flatMap((kind) => objects.filter((object) => object.kind === kind));
  return { ok: true, plan: { objects: ordered, config, converted, warnings: warnings(conversion) } };
}

function toObject({ kind, name, namespace, spec }: ConfigMapConversion['resources'][number]['resource']): KubeObject {
  return { apiVersion: VERSIONS[kind] ?? 'metallb.io/v1beta1', kind, metadata: { name, namespace }, spec };
}

function refusals(
  objects: readonly KubeObject[],
  { resources }: ConfigMapConversion,
  kinds: readonly CustomKind[],
): string[] {
  return objects.flatMap((object, index) => {
    const kind = kinds.find((each) => each.apiVersion === object.apiVersion && each.kind === object.kind);
    const origin = resources[index]?.origin;
    if (kind === undefined || origin === undefined) return [];
    return schemaFaults(kind, object).map(({ path, message }) => `${origin(formatPath(path))}: ${message}`);
  });
}

function warnings({ renamed, resources }: ConfigMapConversion): string[] {
  const isPublic = resources.some(({ resource }) => Object.hasOwn(resource.spec as object, 'password'));
  const pools = resources.filter(({ resource }) => resource.kind === 'IPAddressPool');
  return [
    ...renamed.map(({ kind, from, to }) =>
      kind === 'IPAddressPool'
        ? `the pool "${from}" becomes "${to}": Services that ask for it by the annotation address-pool must ask for "${to}"`
        : `the BFD profile "${from}" becomes "${to}"`,
    ),
    ...(isPublic ? ['a peer’s password stands readable in its BGPPeer; passwordSecret takes it from a Secret'] : []),
    ...(pools.length === 0 ? ['there are no address pools: no Service gets an address'] : []),
  ];
}
