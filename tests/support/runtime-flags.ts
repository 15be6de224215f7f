/** The flags of the JavaScript runtime that the chart starts a program with: what is tested and measured is what is shipped. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';

const VALUES = path.resolve(import.meta.dirname, '../../roles/cluster-addon/files/metallb/values.yaml');

export function runtimeFlags(program: 'controller' | 'speaker'): readonly string[] {
  const values = parse(readFileSync(VALUES, 'utf8')) as Record<string, { runtimeFlags?: readonly string[] }>;
  const flags = values[program]?.runtimeFlags;
  if (flags === undefined || flags.length === 0) throw new Error(`${VALUES} has no ${program}.runtimeFlags`);
  return flags;
}

/** The runtime and its flags, as a speaker's pod has them; a program is to follow. */
export function speakerRuntime(): readonly string[] {
  return [process.execPath, ...runtimeFlags('speaker')];
}
