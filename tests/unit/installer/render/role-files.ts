/** The addon's own templates and schemas, as the installer reads them. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import type { KubeObject } from '../../../../src/installer/kube-object.ts';
import { compileKinds } from '../../../../src/installer/render/crd-schema.ts';
import type { TemplateText } from '../../../../src/installer/render/render-addon.ts';
import { PROJECT } from '../plan/make-plan.ts';

const ROLE = path.join(PROJECT, 'roles/cluster-addon');
const CRDS = path.join(ROLE, 'files/metallb/crds');

export const definitions = readdirSync(CRDS)
  .filter((name) => name.endsWith('.yaml'))
  .sort()
  .map((name) => parse(readFileSync(path.join(CRDS, name), 'utf8')) as KubeObject);

export const kinds = compileKinds(definitions);

export const valuesSchema = JSON.parse(
  readFileSync(path.join(ROLE, 'files/metallb/values.schema.json'), 'utf8'),
) as object;

export function templateOf(name: 'layer2' | 'bgp' | 'calico' | 'values'): TemplateText {
  const label = `${name}.yaml.hbs`;
  return { label, text: readFileSync(path.join(ROLE, 'templates/metallb', label), 'utf8') };
}
