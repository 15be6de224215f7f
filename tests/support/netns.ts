/**
 * A LAN of network namespaces for privileged tests and measurements: one namespace a host, and one that holds nothing
 * but the bridge they are all plugged into, so that nothing of it touches the machine's own network.
 *
 *     const lan = await createLan({ speaker: ['192.0.2.2/24'], client: ['192.0.2.1/24'] });
 *     try { await lan.host('client').run('ping', '-c1', '192.0.2.2'); } finally { await lan.remove(); }
 *
 * Every host's interface is eth0. Names are unique to this process and call. Needs root.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { waitFor } from './wait-for.ts';

const execute = promisify(execFile);

export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  /** −1: killed by a signal, as by the time limit. */
  readonly exitCode: number;
}

/** How long a command may take; far longer than any should. */
const COMMAND_TIMEOUT_MS = 30_000;

let lans = 0;

/** Why this process cannot make namespaces; undefined: it can. */
export function netnsObstacle(): string | undefined {
  return process.getuid?.() === 0 ? undefined : 'network namespaces need root';
}

/** Makes the LAN; hosts by name (at most 12 characters), each with the addresses of its eth0. */
export async function createLan(hosts: Readonly<Record<string, readonly string[]>>): Promise<Lan> {
  lans += 1;
  const lan = new Lan(`lan${process.pid}-${lans}`);
  try {
    await lan.create(Object.keys(hosts));
    for (const [name, addresses] of Object.entries(hosts)) await lan.host(name).plugIn(addresses);
    return lan;
  } catch (error) {
    await lan.remove();
    throw error;
  }
}

export class Lan {
  readonly #prefix: string;
  readonly #hosts = new Map<string, LanHost>();
  readonly #namespaces: string[] = [];

  /** Use `createLan`. */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  async create(hosts: readonly string[]): Promise<void> {
    const lanSwitch = await this.#addNamespace('switch');
    await run('ip', '-n', lanSwitch, 'link', 'add', 'br0', 'type', 'bridge');
    await run('ip', '-n', lanSwitch, 'link', 'set', 'br0', 'up');
    for (const name of hosts) {
      this.#hosts.set(name, new LanHost(name, await this.#addNamespace(name), lanSwitch));
    }
  }

  host(name: string): LanHost {
    const host = this.#hosts.get(name);
    if (host === undefined) throw new Error(`no host ${name} in this LAN`);
    return host;
  }

  /** Waits until these hosts may use all of their addresses: those of IPv6 are tried for duplicates first. */
  async settled(hosts: readonly string[], withinMs: number): Promise<void> {
    for (const host of hosts) {
      await waitFor(
        `addresses of ${host} that are nobody else's`,
        async () => (await this.host(host).ip('-6', 'address', 'show', 'tentative')).stdout.trim() === '',
        { withinMs },
      );
    }
  }

  /** Removes all namespaces and, with them, every interface; their processes must have ended. Never throws. */
  async remove(): Promise<void> {
    for (const namespace of this.#namespaces.splice(0)) await tryRun('ip', 'netns', 'del', namespace);
  }

  async #addNamespace(name: string): Promise<string> {
    const namespace = `${this.#prefix}-${name}`;
    await run('ip', 'netns', 'add', namespace);
    this.#namespaces.push(namespace);
    await run('ip', '-n', namespace, 'link', 'set', 'lo', 'up');
    return namespace;
  }
}

export class LanHost {
  readonly name: string;
  readonly namespace: string;
  readonly #switch: string;

  constructor(name: string, namespace: string, lanSwitch: string) {
    this.name = name;
    this.namespace = namespace;
    this.#switch = lanSwitch;
  }

  /** Makes eth0, with these addresses, and its port on the switch; again after `unplug`, as a new interface. */
  async plugIn(addresses: readonly string[]): Promise<void> {
    const port = ['link', 'add', this.name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', this.namespace];
    await run('ip', '-n', this.#switch, ...port);
    await run('ip', '-n', this.#switch, 'link', 'set', this.name, 'master', 'br0', 'up');
    await this.ip('link', 'set', 'eth0', 'up');
    for (const address of addresses) await this.ip('addr', 'add', address, 'dev', 'eth0');
  }

  /** Gives eth0 an address that can be used at once: one of IPv6 is not tried for duplicates, which would take a second. */
  async addAddress(address: string): Promise<void> {
    await this.ip('addr', 'add', address, 'dev', 'eth0', ...(address.includes(':') ? ['nodad'] : []));
  }

  /**
   * Makes it a router that the others stay with: where two networks are on one wire, a redirect would tell them of a shorter
   * way, sooner or later. The kernel sends one where either of the two settings allows it.
   */
  async forward(): Promise<void> {
    const silent = ['all', 'eth0'].map((name) => `net.ipv4.conf.${name}.send_redirects=0`);
    await this.run('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1', ...silent);
  }

  /** Runs a program where the switch is, which has a port with this host's name. */
  async onSwitch(program: string, ...command: string[]): Promise<CommandResult> {
    return await run('ip', 'netns', 'exec', this.#switch, program, ...command);
  }

  /** Deletes eth0 altogether. */
  async unplug(): Promise<void> {
    await this.ip('link', 'del', 'eth0');
  }

  /** Takes eth0's carrier away or gives it back, as pulling its cable would: the interface itself stays up. */
  async setCarrier(carrier: 'on' | 'off'): Promise<void> {
    await run('ip', '-n', this.#switch, 'link', 'set', this.name, carrier === 'on' ? 'up' : 'down');
  }

  async mac(): Promise<string> {
    const [link] = JSON.parse((await this.ip('-j', 'link', 'show', 'eth0')).stdout) as [{ address: string }];
    return link.address;
  }

  /** The neighbour entry for the address, as `ip neigh` shows it. */
  async neighbour(ip: string): Promise<{ readonly lladdr?: string; readonly state: readonly string[] } | undefined> {
    const { stdout } = await this.ip('-j', 'neigh', 'show', ip, 'dev', 'eth0');
    return (JSON.parse(stdout || '[]') as { lladdr?: string; state: string[] }[])[0];
  }

  /** Makes the kernel resolve the address anew, as any datagram to it would; half a second without an answer is none. */
  async resolve(ip: string): Promise<string | undefined> {
    await this.ip(...(ip.includes(':') ? ['-6'] : []), 'neigh', 'flush', 'dev', 'eth0');
    await this.tryRun('bash', '-c', `echo > /dev/udp/${ip}/9`);
    for (let look = 0; look < 10; look++) {
      const mac = (await this.neighbour(ip))?.lladdr;
      if (mac !== undefined) return mac;
      await new Promise((done) => setTimeout(done, 50));
    }
    return undefined;
  }

  /** `ip` inside the namespace; throws when it fails. */
  async ip(...command: string[]): Promise<CommandResult> {
    return await run('ip', '-n', this.namespace, ...command);
  }

  /** Runs a program inside the namespace to its end; throws when it fails. */
  async run(program: string, ...command: string[]): Promise<CommandResult> {
    return await run('ip', 'netns', 'exec', this.namespace, program, ...command);
  }

  /** Runs a program inside the namespace to its end, whatever that is. */
  async tryRun(program: string, ...command: string[]): Promise<CommandResult> {
    return await tryRun('ip', 'netns', 'exec', this.namespace, program, ...command);
  }

  /** Starts a program inside the namespace, with pipes for its input and output; its errors go to ours. */
  spawn(program: string, ...command: string[]): ChildProcess {
    return spawn('ip', ['netns', 'exec', this.namespace, program, ...command], { stdio: ['pipe', 'pipe', 'inherit'] });
  }
}

export async function tryRun(program: string, ...command: string[]): Promise<CommandResult> {
  try {
    const { stdout, stderr } = await execute(program, command, { timeout: COMMAND_TIMEOUT_MS });
    return { stdout, stderr, exitCode: 0 };
  } catch (thrown) {
    const failed = thrown as Error & Partial<{ stdout: string; stderr: string; code: number | string }>;
    if (typeof failed.code === 'string') throw new Error(`cannot run ${program}: ${failed.message}`);
    return { stdout: failed.stdout ?? '', stderr: failed.stderr ?? '', exitCode: failed.code ?? -1 };
  }
}

async function run(program: string, ...command: string[]): Promise<CommandResult> {
  const result = await tryRun(program, ...command);
  if (result.exitCode !== 0) {
    throw new Error(`${[program, ...command].join(' ')} ended with ${result.exitCode}: ${result.stderr.trim()}`);
  }
  return result;
}
