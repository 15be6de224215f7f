/**
 * What is remembered about an instance between commands: <state>/instance.json. Together with the process records it
 * says whether the instance is whole.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Families } from './layout.ts';

export interface InstanceRecord {
  /** Raised when the record or the layout changes in a way that older ones cannot be read. */
  readonly version: 1;
  /** "starting" until every node has been ready once: a boot that was cut short stays there. */
  readonly phase: 'starting' | 'running';
  readonly name: string;
  readonly subnet: string;
  readonly nodes: number;
  /** Absent: "ipv4". */
  readonly families?: Families;
  readonly bin: { readonly kubectl: string; readonly helm: string };
}

/** The record in a state folder; undefined when there is none that can be read. */
export async function readInstance(stateDir: string): Promise<InstanceRecord | undefined> {
  try {
    const record = JSON.parse(await readFile(join(stateDir, 'instance.json'), 'utf8')) as InstanceRecord;
    return record.version === 1 ? record : undefined;
  } catch {
    return undefined;
  }
}

/** Replaces the record in one step. */
export async function writeInstance(stateDir: string, record: InstanceRecord): Promise<void> {
  await mkdir(stateDir, { recursive: true });
  const file = join(stateDir, 'instance.json');
  await writeFile(`${file}.new`, `${JSON.stringify(record, null, 2)}\n`);
  await rename(`${file}.new`, file);
}
