/**
 * The cluster that the end-to-end files share, seen as a user sees it: kubectl, curl from a host, `./install`. The first
 * file boots it; the last takes it down.
 */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { heal } from '../../src/sandbox/faults.ts';
import { exec, open, type SandboxHandle } from '../../src/sandbox/sandbox.ts';
import { inHost, type Start } from './client-probes.ts';
import { waitFor } from './wait-for.ts';

export const root = path.resolve(import.meta.dirname, '../..');

/** The instance that the tests boot, beside any that a person has running. */
export const INSTANCE = 'test';

/** The seed's own network where it is free, else the next; a developer may have a cluster of their own on the first. */
export async function testSubnet(): Promise<string> {
  const other = await open({ name: 'metallb' });
  return other?.subnet === '10.6.204.0/24' ? '10.6.214.0/24' : '10.6.204.0/24';
}

export interface InstallRun {
  readonly exitCode: number;
  readonly output: string;
  readonly seconds: number;
}

/** Runs `./install …` as a user would; never throws for an exit code. */
export async function install(args: readonly string[], cwd = root): Promise<InstallRun> {
  const began = performance.now();
  const { exitCode, all } = await execa(path.join(root, 'install'), args, {
    cwd,
    reject: false,
    all: true,
    stdin: 'ignore',
    timeout: 900_000,
    env: { NO_COLOR: '1' },
  });
  return { exitCode: exitCode ?? -1, output: all ?? '', seconds: (performance.now() - began) / 1000 };
}

/** The running cluster; fails the test when the first file did not leave one. */
export async function cluster(): Promise<Cluster> {
  const handle = await open({ name: INSTANCE });
  if (handle === undefined) throw new Error('no test cluster is running: tests/e2e/01-first-command.test.ts boots it');
  return new Cluster(handle);
}

export class Cluster {
  readonly handle: SandboxHandle;

  constructor(handle: SandboxHandle) {
    this.handle = handle;
  }

  /** "10.6.204" of 10.6.204.0/24. */
  get network(): string {
    return this.handle.subnet.replace(/\.0\/24$/, '');
  }

  /** "fd00:10:6:204:" of fd00:10:6:204::/64. */
  get network6(): string {
    if (this.handle.subnet6 === undefined) throw new Error('this cluster speaks IPv4 alone: its kernel has no IPv6');
    return this.handle.subnet6.replace(/:\/64$/, '');
  }

  get inventory(): string {
    return this.handle.inventoryDir;
  }

  async kubectl(...args: readonly string[]): Promise<string> {
    const { stdout } = await execa(this.handle.bin.kubectl, args, {
      env: { KUBECONFIG: this.handle.kubeconfigPath },
      stdin: 'ignore',
    });
    return stdout;
  }

  /** `kubectl get … -o json`, parsed. */
  async get<T = KubeObject>(...args: readonly string[]): Promise<T> {
    return JSON.parse(await this.kubectl('get', ...args, '-o', 'json')) as T;
  }

  async list(...args: readonly string[]): Promise<readonly KubeObject[]> {
    return (await this.get<{ items: KubeObject[] }>(...args)).items;
  }

  /** `kubectl apply -f -` of a manifest. */
  async apply(manifest: string): Promise<void> {
    await execa(this.handle.bin.kubectl, ['apply', '-f', '-'], {
      env: { KUBECONFIG: this.handle.kubeconfigPath },
      input: manifest,
    });
  }

  /** One request over a new connection from a host; rejects unless it is answered within two seconds. */
  async curl(from: string, address: string): Promise<string> {
    const host = address.includes(':') ? `[${address}]` : address;
    const result = await exec(this.handle, from, ['curl', '-sS', '--max-time', '2', `http://${host}/`], {
      stdio: 'pipe',
    });
    if (result.exitCode !== 0) throw new Error(`curl from ${from}: ${result.stderr.trim()}`);
    return result.stdout;
  }

  /** Waits until nginx answers at the address, seen from the host. */
  async reachable(from: string, address: string, withinMs: number): Promise<void> {
    await waitFor(
      `nginx at ${address} from ${from}`,
      async () => (await this.curl(from, address)).includes('Welcome to nginx!'),
      { withinMs, everyMs: 200 },
    );
  }

  /** The address in a Service's status, if it has one. */
  async externalIp(service: string): Promise<string | undefined> {
    return (await this.externalIps(service))[0];
  }

  /** All addresses in a Service's status. */
  async externalIps(service: string): Promise<readonly string[]> {
    const found = await this.get('service', service);
    const ingress: readonly { readonly ip: string }[] = found.status?.loadBalancer?.ingress ?? [];
    return ingress.map(({ ip }) => ip);
  }

  /** Starts programs on a host, for the probes of client-probes.ts. */
  in(host: string): Promise<Start> {
    return inHost(this.handle, host);
  }

  /** Makes a fault of src/sandbox/faults.ts, runs the work, and heals the host whatever comes of it. */
  async during<T>(
    host: string,
    fault: (handle: SandboxHandle, host: string) => Promise<unknown>,
    work: () => Promise<T>,
  ): Promise<T> {
    try {
      await fault(this.handle, host);
      return await work();
    } finally {
      await heal(this.handle, host);
    }
  }

  /** The main processes of the component's pods, as this machine numbers them. */
  async pidsOf(component: 'controller' | 'speaker'): Promise<readonly number[]> {
    const pods = await this.list('pods', '-n', 'metallb-system', '-l', `component=${component}`);
    return Promise.all(pods.map(({ metadata }) => this.pidOf(component, metadata.name)));
  }

  /**
   * The main process of the pod's container, by the container's id in its cgroup. Waits for it: a container that has
   * just been started again is told of by the API a second later.
   */
  pidOf(component: string, pod: string): Promise<number> {
    return waitFor(
      `the process of ${pod}`,
      async () => {
        const { status } = await this.get('pod', '-n', 'metallb-system', pod);
        return processIn(String(status.containerStatuses[0].containerID).replace('containerd://', ''), component);
      },
      { withinMs: 30_000 },
    );
  }

  /** The MAC addresses that answer an ARP request or neighbour solicitation for the address on the client's link. */
  async owners(address: string): Promise<readonly string[]> {
    // From the client's own address: a question from nowhere is a probe of RFC 5227, and a conflict while others probe.
    const argv = address.includes(':') ? this.#solicit(address) : ['arping', '-c', '1', '-w', '1', '-r', address];
    const { stdout, stderr, exitCode } = await exec(this.handle, 'client', argv, { stdio: 'pipe' });
    if (address.includes(':') && exitCode !== 0) throw new Error(`${argv.join(' ')}: ${stderr.trim()}`);
    return [...new Set(stdout.trim().split(/\s+/).filter(Boolean))];
  }

  /** Makes the client ask for the address every 20 ms, so that a recorder sees who answers when. Either family. */
  async askRepeatedly(address: string, times: number): Promise<void> {
    const argv = address.includes(':')
      ? [...this.#solicit(address), String(times)]
      : ['arping', '-c', String(times), '-W', '0.02', '-r', address];
    await exec(this.handle, 'client', argv, { stdio: 'pipe' });
  }

  #solicit(address: string): string[] {
    const program = path.join(import.meta.dirname, 'neighbour-asker.ts');
    const own = String(this.handle.client.ip6);
    return [process.execPath, '--disable-warning=ExperimentalWarning', program, own, address];
  }

  /** The node whose interface has the MAC address. */
  async nodeOf(mac: string): Promise<string> {
    for (const { name } of this.handle.nodes) {
      const { stdout } = await exec(this.handle, name, ['cat', '/sys/class/net/eth0/address'], { stdio: 'pipe' });
      if (stdout.trim() === mac) return name;
    }
    throw new Error(`no node has the MAC address ${mac}`);
  }
}

async function processIn(container: string, component: string): Promise<number | undefined> {
  for (const pid of await processes()) {
    // A process may end before its files are read. The shim is not in the container's cgroup, its own is another.
    const [cgroup, command] = await Promise.all(
      ['cgroup', 'cmdline'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')),
    );
    if (cgroup?.includes(container) && command?.includes(`/app/${component}`)) return pid;
  }
  return undefined;
}

async function processes(): Promise<readonly number[]> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  return names.map(Number).sort((a, b) => a - b);
}

/** As much of an API object as the tests look at. */
export interface KubeObject {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly annotations?: Record<string, string>;
    readonly labels?: Record<string, string>;
  };
  // biome-ignore lint/suspicious/noExplicitAny: tests look into objects of every kind
  readonly spec?: any;
  // biome-ignore lint/suspicious/noExplicitAny: the same
  readonly status?: any;
}
