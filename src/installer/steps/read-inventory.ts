/**
 * Reads an inventory directory: the `hosts` and `config.yml` that kubeasz users have in clusters/NAME/. The only file
 * access is here; what the texts mean is inventory/'s.
 */
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { errorCode, errorText, InstallError } from '../errors.ts';
import { type Inventory, parseInventory } from '../inventory/inventory.ts';
import type { Problem } from '../inventory/located.ts';

const STEP = 'read the inventory';
/** Used without -i, when it is there. */
const DEFAULT_DIRECTORY = 'inventory';

export interface InventoryRequest {
  /** As the user typed it; absent: ./inventory. */
  readonly inventoryDir?: string;
  readonly extraVars: Readonly<Record<string, string>>;
  /** Absolute; what a relative directory is relative to. */
  readonly workingDirectory: string;
}

export async function readInventory(
  request: InventoryRequest,
): Promise<{ inventory: Inventory; problems: readonly Problem[] }> {
  const typed = request.inventoryDir ?? DEFAULT_DIRECTORY;
  const directory = path.resolve(request.workingDirectory, typed);
  if (!(await isDirectory(directory))) throw missingDirectory(typed, request.inventoryDir === undefined);
  const [hosts, config] = await Promise.all([
    readText(directory, typed, 'hosts'),
    readText(directory, typed, 'config.yml'),
  ]);
  return parseInventory({ directory, hosts, config, extraVars: request.extraVars });
}

async function isDirectory(directory: string): Promise<boolean> {
  try {
    return (await stat(directory)).isDirectory();
  } catch {
    // Absent or unreadable: both mean that there is no inventory to read there.
    return false;
  }
}

function missingDirectory(typed: string, isDefault: boolean): InstallError {
  return new InstallError({
    kind: 'inventory',
    step: STEP,
    problem: isDefault
      ? 'there is no inventory: ./inventory is not a directory'
      : `the inventory ${typed} is not a directory`,
    hint: isDefault
      ? 'name one with -i DIR (kubeasz: clusters/NAME), or `cp -r inventory.example inventory` and edit it'
      : 'an inventory is a directory that holds `hosts` and `config.yml`; inventory.example shows one',
  });
}

async function readText(directory: string, typed: string, name: string): Promise<{ label: string; text: string }> {
  const label = path.join(typed, name);
  try {
    return { label, text: await readFile(path.join(directory, name), 'utf8') };
  } catch (cause) {
    const isMissing = errorCode(cause) === 'ENOENT';
    throw new InstallError({
      kind: 'inventory',
      step: STEP,
      problem: isMissing ? `${label} is missing` : `${label} cannot be read: ${errorText(cause)}`,
      hint: `an inventory holds \`hosts\` and \`config.yml\`; inventory.example/${name} shows one`,
      cause,
    });
  }
}
