/**
 * The machines of the inventory, with what ssh needs to reach them, read from Ansible's connection variables. A faulty
 * connection variable is a problem only of what uses ssh, but it is reported with the rest: it will bite Ansible too.
 */
import { resolve } from 'node:path';
import { splitWords } from '../inventory/ini-values.ts';
import type { Inventory, InventoryNode } from '../inventory/inventory.ts';
import type { PlannedNode } from './addon-plan.ts';
import { type Fields, fieldsOf, type Reader, type Report, readInteger, readText, readYesNo } from './readers.ts';

/** kubeasz' default for bin_dir. */
const KUBEASZ_BIN_DIRECTORY = '/opt/kube/bin';

export function planNodes(inventory: Inventory, report: Report): readonly PlannedNode[] {
  return inventory.nodes.map((node) => planNode(node, inventory, report));
}

function planNode(node: InventoryNode, inventory: Inventory, report: Report): PlannedNode {
  const fields = fieldsOf(node.variables, node.at, (name) => `${name} of ${node.name}`, report);
  const address = fields.get('ansible_host', readPlain) ?? fields.get('ansible_ssh_host', readPlain) ?? node.name;
  const nodeName = fields.get('k8s_nodename', readPlain);
  const user = fields.get('ansible_user', readPlain) ?? fields.get('ansible_ssh_user', readPlain);
  const port =
    fields.get('ansible_port', readInteger(1, 65_535)) ?? fields.get('ansible_ssh_port', readInteger(1, 65_535));
  const keyFile =
    fields.get('ansible_ssh_private_key_file', readPlain) ?? fields.get('ansible_private_key_file', readPlain);
  const aliases = [node.name, address, ...(nodeName === undefined ? [] : [nodeName])];
  return {
    name: node.name,
    at: node.at,
    address,
    aliases: [...new Set(aliases)],
    connection: fields.get('ansible_connection', readPlain) === 'local' ? 'local' : 'ssh',
    ...(user === undefined ? {} : { user }),
    ...(port === undefined ? {} : { port }),
    ...(keyFile === undefined ? {} : { privateKeyFile: absoluteKeyFile(keyFile, inventory.directory) }),
    sshArguments: [
      ...(fields.get('ansible_ssh_common_args', readArguments) ?? []),
      ...(fields.get('ansible_ssh_extra_args', readArguments) ?? []),
    ],
    usesSudo: (fields.get('ansible_become', readYesNo) ?? false) && user !== 'root',
    binDirectory: binDirectory(fields),
  };
}

/** The address a message calls the node's; a value that begins with "-" would be taken for an option of ssh. */
const readPlain: Reader<string> = (value, what, report) => {
  const text = readText(value, what, report);
  if (text === undefined || !text.startsWith('-')) return text;
  report(value.at, `${what} must not begin with "-"`);
  return undefined;
};

const readArguments: Reader<readonly string[]> = (value, what, report) => {
  const text = readText(value, what, report);
  const words = splitWords(text ?? '');
  if (words.ok) return words.value;
  report(value.at, `${what}: ${words.error}`);
  return undefined;
};

/** ssh itself knows what "~" means; it is passed on as it stands. */
function absoluteKeyFile(path: string, directory: string): string {
  return path.startsWith('~') ? path : resolve(directory, path);
}

function binDirectory(fields: Fields): string {
  const path = fields.get('bin_dir', readText);
  // It is put into a shell's PATH on the node: only a plain absolute path may go there.
  return path !== undefined && /^\/[\w./-]+$/.test(path) ? path : KUBEASZ_BIN_DIRECTORY;
}
