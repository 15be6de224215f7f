/**
 * Reads what the addon brings along in roles/cluster-addon: defaults, templates (which the user may have edited), the
 * chart and its custom resource definitions.
 */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse as parseYaml } from 'yaml';
import { InstallError } from '../errors.ts';
import { parseConfigFile } from '../inventory/config-file.ts';
import { formatProblem, type Located } from '../inventory/located.ts';
import type { KubeObject } from '../kube-object.ts';
import type { Protocol } from '../plan/addon-plan.ts';
import { type CustomKind, compileKinds } from '../render/crd-schema.ts';
import type { TemplateText } from '../render/render-addon.ts';

const PROJECT = path.resolve(import.meta.dirname, '../../..');
const ROLE = 'roles/cluster-addon';

export interface Role {
  readonly defaults: ReadonlyMap<string, Located>;
  /** The custom resource definitions, ordered by file name. */
  readonly definitions: readonly KubeObject[];
  readonly kinds: readonly CustomKind[];
  readonly valuesTemplate: TemplateText;
  readonly valuesSchema?: object;
  /** Absolute path of the Helm chart. */
  readonly chart: string;
}

export async function readRole(): Promise<Role> {
  const defaultsLabel = `${ROLE}/defaults/main.yml`;
  const [defaultsText, valuesTemplate, definitions, schemaText] = await Promise.all([
    readProjectFile(defaultsLabel),
    readTemplate('values'),
    readDefinitions(),
    readProjectFile(`${ROLE}/files/metallb/values.schema.json`),
  ]);
  const defaults = parseConfigFile(defaultsText, defaultsLabel);
  if (defaults.problems.length > 0) {
    throw new InstallError({
      kind: 'inventory',
      step: 'read the defaults',
      problem: defaults.problems.map(formatProblem),
      hint: 'this file belongs to the addon: bring the original back with `git checkout`, and set variables in the inventory',
    });
  }
  return {
    defaults: defaults.variables,
    definitions,
    kinds: compileKinds(definitions),
    valuesTemplate,
    valuesSchema: JSON.parse(schemaText) as object,
    chart: path.join(PROJECT, ROLE, 'files/metallb'),
  };
}

/** The template of the protocol's custom resources. */
export function readResourcesTemplate(protocol: Protocol): Promise<TemplateText> {
  return readTemplate(protocol);
}

async function readTemplate(name: string): Promise<TemplateText> {
  const label = `${ROLE}/templates/metallb/${name}.yaml.hbs`;
  return { label, text: await readProjectFile(label) };
}

async function readDefinitions(): Promise<readonly KubeObject[]> {
  const directory = `${ROLE}/files/metallb/crds`;
  const names = (await readdir(path.join(PROJECT, directory))).filter((name) => name.endsWith('.yaml')).sort();
  return Promise.all(
    names.map(async (name) => parseYaml(await readProjectFile(path.join(directory, name))) as KubeObject),
  );
}

async function readProjectFile(label: string): Promise<string> {
  try {
    return await readFile(path.join(PROJECT, label), 'utf8');
  } catch (cause) {
    throw new InstallError({
      kind: 'environment',
      step: 'read the addon’s own files',
      problem: `${label} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      hint: 'the checkout is incomplete: `git status` shows what is missing, `git checkout` brings it back',
      cause,
    });
  }
}
