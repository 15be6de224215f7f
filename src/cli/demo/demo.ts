/**
 * The demo at the end of `./install addon metallb --sandbox`: nginx behind a LoadBalancer Service, and everything a user
 * wants to see of it. Uses kubectl and curl as a user would; what it prints is what they print.
 */
import path from 'node:path';
import { execa } from 'execa';
import { exec, type SandboxHandle } from '../../sandbox/sandbox.ts';
import { DemoError } from './demo-error.ts';

const MANIFEST = path.join(import.meta.dirname, 'nginx.yaml');
const WAIT_MS = 60_000;
const POLL_MS = 200;

/** Applies the demo and waits until its Service has an address; returns the address. */
export async function runDemo(handle: SandboxHandle): Promise<string> {
  await kubectl(handle, ['apply', '-f', MANIFEST]);
  await kubectl(handle, ['rollout', 'status', 'deployment/nginx', `--timeout=${WAIT_MS / 1000}s`]);
  const deadline = performance.now() + WAIT_MS;
  for (;;) {
    const ip = await kubectl(handle, [
      'get',
      'service',
      'nginx',
      '-o',
      'jsonpath={.status.loadBalancer.ingress[0].ip}',
    ]);
    if (ip !== '') return ip;
    if (performance.now() > deadline) {
      throw new DemoError({
        problem: `the Service default/nginx has no address after ${WAIT_MS / 1000} s`,
        hint: `its reason: ./install sandbox kubectl --name ${handle.name} -- describe service nginx`,
      });
    }
    await pause();
  }
}

/** Asks nginx for its page over a new connection; tries again while the address settles. Returns the page. */
export async function fetchPage(handle: SandboxHandle, from: string, address: string): Promise<string> {
  const deadline = performance.now() + WAIT_MS;
  for (;;) {
    const argv = ['curl', '--silent', '--show-error', '--fail', '--max-time', '2', `http://${address}`];
    const { exitCode, stdout, stderr } = await exec(handle, from, argv, { stdio: 'pipe' });
    if (exitCode === 0) return stdout;
    if (performance.now() > deadline) {
      throw new DemoError({
        problem: `nothing answers at http://${address} from ${from}: ${stderr.trim()}`,
        hint: `look at the speakers: ./install sandbox kubectl --name ${handle.name} -- logs -n metallb-system daemonset/speaker`,
      });
    }
    await pause();
  }
}

/** What kubectl prints of the nodes, the addon and the Service, each under the command that printed it. */
export async function showCluster(handle: SandboxHandle): Promise<string> {
  const questions = [
    ['get', 'nodes', '-o', 'wide'],
    ['get', 'pods', '-n', 'metallb-system', '-o', 'wide'],
    ['get', 'daemonset,deployment', '-n', 'metallb-system'],
    ['get', 'service', 'nginx'],
  ];
  const answers = await Promise.all(questions.map((question) => kubectl(handle, question)));
  return questions.map((question, i) => `$ kubectl ${question.join(' ')}\n${answers[i]}\n`).join('\n');
}

/** How to go on from here. */
export function nextSteps(handle: SandboxHandle, address: string): string {
  const name = handle.name === 'metallb' ? '' : ` --name ${handle.name}`;
  const node = handle.nodes[1]?.name ?? handle.nodes[0]?.name;
  const rows = [
    [`./install sandbox kubectl${name} -- get services -A`, 'kubectl, as the administrator'],
    [`./install sandbox exec${name} ${node} -- bash`, 'a shell on a node'],
    [`./install sandbox exec${name} client -- curl ${address}`, 'from a host outside the cluster'],
    [`./install addon metallb -i ${handle.inventoryDir}`, 'after editing config.yml there'],
    [`./install sandbox down${name}`, 'take it all away'],
  ] as const;
  const width = Math.max(...rows.map(([command]) => command.length));
  return ['Look further:', ...rows.map(([command, what]) => `  ${command.padEnd(width)}   ${what}`)].join('\n');
}

async function kubectl(handle: SandboxHandle, args: readonly string[]): Promise<string> {
  const { stdout } = await execa(handle.bin.kubectl, args, {
    env: { KUBECONFIG: handle.kubeconfigPath },
    stdin: 'ignore',
  });
  return stdout;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, POLL_MS));
}
