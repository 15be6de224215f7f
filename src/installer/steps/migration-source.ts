/** Where an old configuration comes from: a file, which may be the ConfigMap's manifest or just what is in it, or the cluster. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parseAllDocuments, parseDocument } from 'yaml';
import { CONFIG_KEY, parseConfigText } from '../../runtime/model/config-text.ts';
import { errorText, InstallError } from '../errors.ts';
import type { KubeObject } from '../kube-object.ts';
import { ADDON_NAMESPACE } from '../plan/addon-plan.ts';
import type { MigrationSource } from '../plan/migration.ts';
import { orInstallError } from './apply-objects.ts';
import type { Cluster } from './cluster.ts';

export const READ_SOURCE = 'read the old configuration';
export const CONFIG_MAP_REF = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'config', namespace: ADDON_NAMESPACE },
} as const;

export async function readSourceFile(typed: string, workingDirectory: string): Promise<MigrationSource> {
  let text: string;
  try {
    text = await readFile(path.resolve(workingDirectory, typed), 'utf8');
  } catch (cause) {
    const hint =
      'name a file with the old ConfigMap, as `kubectl get configmap -o yaml` writes it, or with its inner YAML';
    throw new InstallError({
      kind: 'usage',
      step: READ_SOURCE,
      problem: `${typed} cannot be read: ${errorText(cause)}`,
      hint,
      cause,
    });
  }
  const manifest = parseAllDocuments(text)
    .map((document) => (document.errors.length === 0 ? (document.toJS({ maxAliasCount: 100 }) as unknown) : undefined))
    .find(isConfigMap);
  if (manifest !== undefined) return sourceOf(manifest);
  return { yaml: parsed(text, typed), label: typed, namespace: ADDON_NAMESPACE };
}

/** The cluster's ConfigMap; throws when there is none. */
export async function readSourceObject(cluster: Cluster): Promise<{ source: MigrationSource; configMap: KubeObject }> {
  const configMap = await orInstallError(READ_SOURCE, cluster.get(CONFIG_MAP_REF));
  if (configMap === undefined) {
    throw new InstallError({
      kind: 'cluster',
      step: READ_SOURCE,
      problem: `there is no ConfigMap ${ADDON_NAMESPACE}/config in the cluster at ${cluster.server}`,
      hint: 'there is nothing to migrate; a configuration in a file is converted with --file FILE',
    });
  }
  return { source: sourceOf(configMap), configMap };
}

function sourceOf(configMap: KubeObject): MigrationSource {
  const namespace = configMap.metadata.namespace ?? ADDON_NAMESPACE;
  const label = `ConfigMap ${namespace}/${configMap.metadata.name}`;
  const text = (configMap['data'] as Readonly<Record<string, unknown>> | undefined)?.[CONFIG_KEY];
  if (typeof text !== 'string') throw unreadable(label, `has no key "${CONFIG_KEY}"`);
  return { yaml: parsed(text, label), label, namespace };
}

function parsed(text: string, label: string): unknown {
  const result = parseConfigText(text, parseDocument);
  if (!result.ok) throw unreadable(label, result.error);
  return result.value;
}

function unreadable(label: string, problem: string): InstallError {
  return new InstallError({
    kind: 'inventory',
    step: READ_SOURCE,
    problem: `${label} ${problem}`,
    hint: 'MetalLB 0.7 to 0.12 read a ConfigMap whose key "config" holds YAML',
  });
}

function isConfigMap(value: unknown): value is KubeObject {
  return typeof value === 'object' && value !== null && (value as { kind?: unknown }).kind === 'ConfigMap';
}
