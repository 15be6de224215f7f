/**
 * The programs as pods would run them, but on this machine: the image's bundle under the image's Node with the chart's
 * flags, and the service account where a pod has it. (With --kubeconfig they would load the client library, which costs
 * time and 30 MB that no pod pays.) Each sees a /run of its own, in a mount namespace that ends with it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import { findBaseSources } from '../image/base-layer.ts';
import { bundlePrograms } from '../image/bundle.ts';
import { loadKubeConfig } from '../src/runtime/adapters/kube/credentials.ts';
import { runtimeFlags } from '../tests/support/runtime-flags.ts';

const root = path.resolve(import.meta.dirname, '..');
/** Arguments: a folder with token and ca.crt, then the command. */
const ENTER_POD = `
set -e
account=/var/run/secrets/kubernetes.io/serviceaccount
mount -t tmpfs tmpfs /run
mkdir -p "$account"
cp "$1/token" "$1/ca.crt" "$account"
shift
exec "$@"`;

type Program = 'controller' | 'speaker' | 'list-services';
/** Node, and its flags. */
type Runtimes = Readonly<Record<Program, readonly string[]>>;

export class PodPrograms {
  readonly #folder: string;
  readonly #runtimes: Runtimes;
  readonly #server: URL;
  readonly #running = new Set<ChildProcess>();

  private constructor(folder: string, runtimes: Runtimes, server: URL) {
    this.#folder = folder;
    this.#runtimes = runtimes;
    this.#server = server;
  }

  /** Bundles the programs, for pods of the cluster that the kubeconfig names by an address and a token. */
  static async make(kubeconfigPath: string): Promise<PodPrograms> {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'metallb-bench-'));
    await bundlePrograms({ root, programs: path.join(root, 'src/runtime/programs'), folder });
    const floor = path.join(import.meta.dirname, 'list-services.ts');
    const outfile = path.join(folder, 'app/list-services.js');
    await build({ entryPoints: [floor], outfile, bundle: true, platform: 'node', format: 'esm', target: 'node24' });
    const { server, headers, tls } = await loadKubeConfig(kubeconfigPath)();
    const token = (headers['Authorization'] ?? '').replace(/^Bearer /, '');
    if (token === '' || tls.ca === undefined) throw new Error(`${kubeconfigPath} has no token or no authority`);
    await writeFile(path.join(folder, 'token'), token);
    await writeFile(path.join(folder, 'ca.crt'), String(tls.ca));
    const { node } = await findBaseSources(root);
    const controller = [node, ...runtimeFlags('controller')];
    const speaker = [node, ...runtimeFlags('speaker')];
    return new PodPrograms(folder, { controller, speaker, 'list-services': controller }, server);
  }

  /** Begins a program of the bundle, or list-services. The process's id is the program's own. */
  start(program: Program, args: readonly string[] = []): ChildProcess {
    const command = [...this.#runtimes[program], path.join(this.#folder, 'app', `${program}.js`), ...args];
    const child = spawn('unshare', ['--mount', 'sh', '-c', ENTER_POD, 'sh', this.#folder, ...command], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        METALLB_NAMESPACE: 'metallb-system',
        KUBERNETES_SERVICE_HOST: this.#server.hostname,
        KUBERNETES_SERVICE_PORT: this.#server.port,
      },
    });
    this.#running.add(child);
    child.once('exit', () => this.#running.delete(child));
    return child;
  }

  /** Ends what still runs. */
  async remove(): Promise<void> {
    for (const child of this.#running) child.kill('SIGKILL');
    await rm(this.#folder, { recursive: true, force: true });
  }
}
