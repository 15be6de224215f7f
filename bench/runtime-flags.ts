/** The flags of the JavaScript runtime that the chart starts the controller with: what is measured is what is shipped. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';

const VALUES = path.resolve(import.meta.dirname, '../roles/cluster-addon/files/metallb/values.yaml');

export async function controllerRuntimeFlags(): Promise<readonly string[]> {
  const values = parse(await readFile(VALUES, 'utf8')) as { controller?: { runtimeFlags?: readonly string[] } };
  const flags = values.controller?.runtimeFlags;
  if (flags === undefined || flags.length === 0) throw new Error(`${VALUES} has no controller.runtimeFlags`);
  return flags;
}
