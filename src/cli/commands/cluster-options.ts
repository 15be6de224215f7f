/** What commands that only read a cluster have in common: which cluster, and how it is printed. */
import { type Command, Option } from 'commander';
import type { ClusterRequest } from '../../installer/explain-service.ts';

export interface ClusterOptions {
  readonly inventory?: string;
  readonly kubeconfig?: string;
  readonly output: 'text' | 'json';
}

export function addClusterOptions(command: Command): Command {
  return command
    .addOption(new Option('-o, --output <format>', 'text or json').choices(['text', 'json']).default('text'))
    .option(
      '-i, --inventory <dir>',
      'directory with hosts and config.yml (default: ./inventory, else the usual kubeconfig)',
    )
    .option('--kubeconfig <file>', 'the cluster’s kubeconfig, in place of the inventory’s')
    .option('--verbose', 'show the causes of errors', false);
}

export function clusterRequest({ inventory, kubeconfig }: ClusterOptions): ClusterRequest {
  return {
    ...(inventory === undefined ? {} : { inventoryDir: inventory }),
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    workingDirectory: process.env['INSTALL_CWD'] ?? process.cwd(),
  };
}
