/**
 * `./install bgp`: argv → the cluster's BGP sessions, on standard output → exit code. Joins the programs' own reading of
 * API objects to the installer, which may not know it. Errors are thrown; main.ts prints them.
 */
import { Command } from 'commander';
import { findCluster } from '../../installer/explain-service.ts';
import { readSessions } from '../../installer/list-sessions.ts';
import type { SessionReaders } from '../../installer/steps/session-world.ts';
import { toBgpSessionStatus } from '../../runtime/adapters/kube/bgp-session-status.ts';
import { CONFIGURATION_READERS } from '../cluster-readers.ts';
import { formatSessions } from '../sessions-printer.ts';
import { addClusterOptions, type ClusterOptions, clusterRequest } from './cluster-options.ts';

/** With --check: a session that ought to be is not established. */
const NOT_ALL_UP = 1;

interface BgpOptions extends ClusterOptions {
  readonly node?: string;
  readonly peer?: string;
  readonly prefixes: boolean;
  readonly check: boolean;
}

const READERS: SessionReaders = {
  ...CONFIGURATION_READERS,
  sessionStatus: toBgpSessionStatus,
};

export function bgpCommand(): Command {
  const command = new Command('bgp')
    .description(
      'Lists the BGP sessions by node and peer: how they fare, and what the routers were told. Changes nothing.',
    )
    .option('--node <name>', 'those of one node')
    .option('--peer <name>', 'those with one BGPPeer')
    .option('--prefixes', 'list the prefixes that the routers were told', false)
    .option('--check', 'exit code 1 if a session that ought to be is not established', false);
  return addClusterOptions(command).addHelpText('after', HELP).action(runBgp);
}

const HELP = `
Exit codes: 0 the sessions are listed, whatever their state; with --check 1 if one that ought to be is not established; the
rest as of "addon": 2 wrong usage, 3 something is missing on this machine, 4 faulty inventory, 6 the cluster is not reached or
has no such addon, 7 no permission.

Examples:
  ./install bgp
  ./install bgp --peer tor-1 --prefixes
  ./install bgp --check -o json --kubeconfig ~/.kube/config`;

async function runBgp(options: BgpOptions): Promise<void> {
  const { node, peer, prefixes, check, output } = options;
  const request = clusterRequest(options);
  const input = { cluster: await findCluster(request), readers: READERS, nowMs: Date.now() };
  const list = await readSessions(input, {
    ...(node === undefined ? {} : { node }),
    ...(peer === undefined ? {} : { peer }),
  });
  const text = (): string => formatSessions(list, { prefixes: prefixes ? 'listed' : 'counted' });
  process.stdout.write(output === 'json' ? `${JSON.stringify(list, null, 2)}\n` : text());
  if (check && !list.allUp) process.exitCode = NOT_ALL_UP;
}
