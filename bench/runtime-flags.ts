/** The flags of the JavaScript runtime that the chart starts a program with: what is measured is what is shipped. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';

const VALUES = path.resolve(import.meta.dirname, '../roles/cluster-addon/files/metallb/values.yaml');

export async function runtimeFlags(program: 'controller' | 'speaker'): Promise<readonly string[]> {
  const values = parse(await readFile(VALUES, 'utf8')) as Record<string, { runtimeFlags?: readonly string[] }>;
  const flags = values[program]?.runtimeFlags;
  if (flags === undefined || flags.length === 0) throw new Error(`${VALUES} has no ${program}.runtimeFlags`);
  return flags;
}
