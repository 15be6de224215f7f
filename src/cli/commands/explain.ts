/**
 * `./install explain service/NAME`: argv → what was found out, on standard output → exit code. Joins the programs' own
 * reading of API objects to the installer, which may not know it. Errors are thrown; main.ts prints them.
 */
import { Command } from 'commander';
import { InstallError } from '../../installer/errors.ts';
import {
  type ExplainInput,
  explainAll,
  explainOne,
  findCluster,
  findNodes,
  probeOne,
} from '../../installer/explain-service.ts';
import type { PlannedNode } from '../../installer/plan/addon-plan.ts';
import type { ObjectReaders } from '../../installer/steps/explain-world.ts';
import { runOnNode } from '../../installer/steps/node-shell.ts';
import { toBgpSessionStatus } from '../../runtime/adapters/kube/bgp-session-status.ts';
import { toEndpointSliceView } from '../../runtime/adapters/kube/read-model.ts';
import { toServiceView } from '../../runtime/adapters/kube/read-service.ts';
import { toServiceBgpStatusView, toServiceL2StatusView } from '../../runtime/adapters/kube/service-status.ts';
import { CONFIGURATION_READERS } from '../cluster-readers.ts';
import { formatExplanation, formatProblems } from '../explanation-printer.ts';
import { formatProbe } from '../probe-printer.ts';
import { addClusterOptions, type ClusterOptions, clusterRequest } from './cluster-options.ts';

/** The Service, or one that was looked for, has less than it asks for, or an address that nobody announces. */
const LESS_THAN_ASKED = 1;

interface ExplainOptions extends ClusterOptions {
  readonly namespace?: string;
  readonly allNamespaces: boolean;
  readonly probe: boolean;
}

const READERS: ObjectReaders = {
  ...CONFIGURATION_READERS,
  service: toServiceView,
  endpointSlice: toEndpointSliceView,
  serviceStatus: toServiceL2StatusView,
  bgpStatus: toServiceBgpStatusView,
  sessionStatus: toBgpSessionStatus,
};

export function explainCommand(): Command {
  const command = new Command('explain')
    .description(
      'Says why a Service has the addresses it has, or none, who announces them, and what would make it work. Changes nothing.',
    )
    .argument('[service]', 'service/NAME, svc/NAME or NAME; without it: all that have less than they ask for')
    .option('-n, --namespace <namespace>', 'the Service’s namespace (default: default; without a name: all)')
    .option('-A, --all-namespaces', 'look at all Services, and list those that have less than they ask for', false)
    .option('--probe', 'ask the network as well: over ssh, from a node that does not announce the addresses', false);
  return addClusterOptions(command).addHelpText('after', HELP).action(runExplain);
}

const HELP = `
Exit codes: 0 every Service that was looked at has what it asks for, and it is announced; 1 one has less or nothing (or is not
there), or has an address that nobody announces, or that --probe finds out of order; the rest as of "addon": 2 wrong usage, 3 something is missing on this machine, 4 faulty inventory, 6 the cluster is not reached,
7 no permission. Services that are another implementation's count by whether they have an address.

Examples:
  ./install explain -n web service/nginx
  ./install explain -n web --probe service/nginx
  ./install explain -A
  ./install explain -n web nginx -o json --kubeconfig ~/.kube/config`;

async function runExplain(typed: string | undefined, options: ExplainOptions): Promise<void> {
  const name = typed === undefined ? undefined : readName(typed);
  const { namespace, allNamespaces, output, probe } = options;
  if (allNamespaces && (name !== undefined || namespace !== undefined)) {
    throw wrongUsage('-A is for all Services of all namespaces, and takes no name and no -n', 'leave one of them out');
  }
  if (probe && name === undefined) {
    throw wrongUsage('--probe looks at the addresses of one Service', 'name it: --probe service/NAME');
  }
  const request = clusterRequest(options);
  // The inventory is read before anything else: without its nodes there is nothing to ask from.
  const nodes = probe ? await findNodes(request) : [];
  const input: ExplainInput = { cluster: await findCluster(request), readers: READERS, nowMs: Date.now() };
  const isFine =
    name === undefined ? await list(input, namespace, output) : await one(input, name, { ...options, nodes });
  if (!isFine) process.exitCode = LESS_THAN_ASKED;
}

async function one(
  input: ExplainInput,
  name: string,
  { namespace, output, probe, nodes }: ExplainOptions & { readonly nodes: readonly PlannedNode[] },
): Promise<boolean> {
  const explanation = await explainOne(input, { namespace: namespace ?? 'default', name });
  const findings = probe ? await probeOne({ cluster: input.cluster, nodes, shell: runOnNode }, explanation) : undefined;
  const text = (): string => formatExplanation(explanation) + (findings === undefined ? '' : formatProbe(findings));
  process.stdout.write(
    output === 'json' ? asJson({ ...explanation, ...(findings === undefined ? {} : { probe: findings }) }) : text(),
  );
  return explanation.asAsked && (findings ?? []).every(({ inOrder }) => inOrder);
}

async function list(
  input: ExplainInput,
  namespace: string | undefined,
  output: ExplainOptions['output'],
): Promise<boolean> {
  const problems = await explainAll(input, namespace);
  const nothing =
    'Every Service of type LoadBalancer that this addon serves has what it asks for, and it is announced.\n';
  const text = problems.length === 0 ? nothing : formatProblems(problems);
  process.stdout.write(output === 'json' ? asJson(problems) : text);
  return problems.length === 0;
}

function asJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** "service/nginx", "services/nginx", "svc/nginx", "nginx" → "nginx" */
function readName(typed: string): string {
  const [kind, name, ...rest] = typed.includes('/') ? typed.split('/') : ['service', typed];
  if (rest.length === 0 && name !== undefined && name !== '' && ['service', 'services', 'svc'].includes(kind ?? '')) {
    return name;
  }
  throw wrongUsage(`"${typed}" is not a Service`, 'write service/NAME, and its namespace with -n');
}

function wrongUsage(problem: string, hint: string): InstallError {
  return new InstallError({ kind: 'usage', step: 'read the command line', problem, hint });
}
