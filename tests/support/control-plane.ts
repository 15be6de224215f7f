/**
 * A real API server for tests: etcd and kube-apiserver on random loopback ports, no nodes and no controllers. It is the
 * oracle for everything that a cluster checks when an object is written: schemas, CEL rules, RBAC, pod security.
 *
 *     const plane = await startControlPlane(binaries);
 *     await plane.kubectl(['apply', '-f', '-'], { input: yaml });
 *     await plane.stop();
 *
 * Takes 5 to 15 s to start. All state lies in a temporary directory that stop() removes. Never point it at a real cluster.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { accessSync, constants, createWriteStream, existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';

const components = ['etcd', 'kube-apiserver', 'kubectl', 'helm'] as const;
type Component = (typeof components)[number];
/** Absolute path of each program. */
export type Binaries = Readonly<Record<Component, string>>;

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ControlPlane {
  /** Path of an administrator's kubeconfig. */
  readonly kubeconfig: string;
  /** Runs kubectl as administrator; a non-zero exit code is a result, not an error. */
  kubectl(args: readonly string[], options?: { readonly input?: string }): Promise<CommandResult>;
  /** The same, for what must succeed: its output; throws with its errors otherwise. */
  run(...args: readonly string[]): Promise<string>;
  /** `kubectl apply` of an object; throws when it is refused. */
  apply(object: object): Promise<void>;
  helm(args: readonly string[]): Promise<CommandResult>;
  stop(): Promise<void>;
}

/**
 * Finds the programs: in METALLB_SANDBOX_BIN, else in the sandbox's cache (`bin/<component>-<version>/<component>`,
 * newest version). Gives a sentence saying what is missing otherwise.
 */
export function findBinaries(env: NodeJS.ProcessEnv = process.env): Binaries | string {
  const cache = join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'metallb-addon', 'bin');
  const found: Partial<Record<Component, string>> = {};
  for (const component of components) {
    const candidates = env['METALLB_SANDBOX_BIN']
      ? [join(env['METALLB_SANDBOX_BIN'], component)]
      : cachedVersions(cache, component).map((directory) => join(cache, directory, component));
    const path = candidates.find(isExecutable);
    if (path === undefined) {
      return `no ${component} in ${env['METALLB_SANDBOX_BIN'] ?? cache}: set METALLB_SANDBOX_BIN to a directory that has ${components.join(', ')}`;
    }
    found[component] = path;
  }
  return found as Binaries;
}

/** The cache's folders for the component, newest version first. */
function cachedVersions(cache: string, component: string): string[] {
  const byVersion = new Intl.Collator('en', { numeric: true });
  return (existsSync(cache) ? readdirSync(cache) : [])
    .filter((name) => name.startsWith(`${component}-`))
    .sort((a, b) => byVersion.compare(b, a));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Starts etcd and kube-apiserver and waits until they serve. Throws with the end of their logs when they do not. */
export async function startControlPlane(
  binaries: Binaries,
  apiserverFlags: readonly string[] = [],
): Promise<ControlPlane> {
  const directory = await mkdtemp(join(tmpdir(), 'metallb-control-plane-'));
  const children: ChildProcess[] = [];
  const stop = async () => {
    await Promise.all(children.reverse().map(endProcess));
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const [etcdPort, peerPort, apiPort] = await freePorts(3);
    const token = randomBytes(24).toString('hex');
    await writeCredentials(directory, token);
    children.push(
      startProcess(directory, binaries.etcd, [
        `--data-dir=${directory}/etcd`,
        `--listen-client-urls=http://127.0.0.1:${etcdPort}`,
        `--advertise-client-urls=http://127.0.0.1:${etcdPort}`,
        `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
        '--unsafe-no-fsync',
        '--log-level=warn',
      ]),
      startProcess(directory, binaries['kube-apiserver'], [
        `--etcd-servers=http://127.0.0.1:${etcdPort}`,
        '--bind-address=127.0.0.1',
        '--advertise-address=127.0.0.1',
        `--secure-port=${apiPort}`,
        `--cert-dir=${directory}/tls`,
        `--token-auth-file=${directory}/tokens.csv`,
        `--service-account-key-file=${directory}/service-account.pem`,
        `--service-account-signing-key-file=${directory}/service-account.pem`,
        '--service-account-issuer=https://kubernetes.default.svc',
        '--service-cluster-ip-range=10.68.0.0/16',
        '--authorization-mode=RBAC',
        '--disable-admission-plugins=ServiceAccount',
        '--endpoint-reconciler-type=none',
        ...apiserverFlags,
      ]),
    );
    const kubeconfig = await writeKubeconfig(directory, apiPort ?? 0, token);
    const plane = commands(binaries, directory, kubeconfig);
    await waitUntilServing(plane, directory, children);
    return { kubeconfig, ...plane, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

type Commands = Pick<ControlPlane, 'kubectl' | 'run' | 'apply' | 'helm'>;

function commands(binaries: Binaries, directory: string, kubeconfig: string): Commands {
  const env = { KUBECONFIG: kubeconfig, HOME: directory, KUBECTL_KUBERC: 'false' };
  const run = async (file: string, args: readonly string[], input?: string): Promise<CommandResult> => {
    const done = await execa(file, args, { env, reject: false, ...(input === undefined ? {} : { input }) });
    return { exitCode: done.exitCode ?? -1, stdout: done.stdout, stderr: done.stderr };
  };
  const kubectl: Commands['kubectl'] = (args, options) => run(binaries.kubectl, args, options?.input);
  return {
    kubectl,
    run: async (...args) => {
      const done = await kubectl(args);
      if (done.exitCode !== 0) throw new Error(`kubectl ${args.join(' ')}: ${done.stderr}`);
      return done.stdout;
    },
    apply: async (object) => {
      const done = await kubectl(['apply', '-f', '-'], { input: JSON.stringify(object) });
      if (done.exitCode !== 0) throw new Error(done.stderr);
    },
    helm: (args) => run(binaries.helm, args),
  };
}

function startProcess(directory: string, file: string, args: readonly string[]): ChildProcess {
  const log = createWriteStream(join(directory, `${file.slice(file.lastIndexOf('/') + 1)}.log`));
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout?.pipe(log, { end: false });
  child.stderr?.pipe(log, { end: false });
  return child;
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const hard = setTimeout(() => child.kill('SIGKILL'), 5000);
  await exited;
  clearTimeout(hard);
}

/** Ports that were free a moment ago. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject).listen(0, '127.0.0.1', resolve);
      });
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

async function writeCredentials(directory: string, token: string): Promise<void> {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await mkdir(join(directory, 'tls'));
  await writeFile(join(directory, 'service-account.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }), {
    mode: 0o600,
  });
  await writeFile(join(directory, 'tokens.csv'), `${token},admin,admin,system:masters\n`, { mode: 0o600 });
}

async function writeKubeconfig(directory: string, port: number, token: string): Promise<string> {
  const path = join(directory, 'kubeconfig');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'test',
        cluster: { server: `https://127.0.0.1:${port}`, 'certificate-authority': `${directory}/tls/apiserver.crt` },
      },
    ],
    users: [{ name: 'admin', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
    'current-context': 'test',
  };
  await writeFile(path, JSON.stringify(config), { mode: 0o600 });
  return path;
}

async function waitUntilServing(
  plane: Pick<ControlPlane, 'kubectl'>,
  directory: string,
  children: readonly ChildProcess[],
): Promise<void> {
  for (let attempt = 0; attempt < 240; attempt++) {
    const dead = children.find((child) => child.exitCode !== null || child.signalCode !== null);
    if (dead !== undefined) break;
    const ready = await plane.kubectl(['get', '--raw', '/readyz']);
    const namespace = ready.exitCode === 0 ? await plane.kubectl(['get', 'namespace', 'default']) : ready;
    if (namespace.exitCode === 0) return;
    await delay(250);
  }
  const logs = ['etcd', 'kube-apiserver'].map((name) => `${name}: ${lastLines(join(directory, `${name}.log`))}`);
  throw new Error(`the control plane did not come up\n${logs.join('\n')}`);
}

function lastLines(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim().split('\n').slice(-8).join('\n');
  } catch {
    return '(no log)';
  }
}

/** Cluster addresses of both families, IPv4 the primary one. The last of two equal flags counts. */
const DUAL_STACK = ['--service-cluster-ip-range=10.68.0.0/16,fd68::/112'];

/** For beforeAll: finds the programs and starts; throws a sentence saying what to install where there are none. */
export async function startControlPlaneForTests(
  services: 'single-stack' | 'dual-stack' = 'single-stack',
): Promise<ControlPlane> {
  const binaries = findBinaries();
  if (typeof binaries === 'string') throw new Error(binaries);
  return startControlPlane(binaries, services === 'dual-stack' ? DUAL_STACK : []);
}
