/**
 * What can go wrong with a host of a running instance, made to happen, and undone: for trying out, and testing, what a
 * cluster then does. Every fault may be made twice, is seen in `readFaults`, undone by `heal` and gone with the instance.
 *
 *     cable       unplug (the carrier stays), dropCarrier ── plug          any host, "client" as well
 *                 loseFrames ─────────────────────────────── loseFrames 0
 *                 part: two hosts of each other ──────────── join
 *     processes   freeze ─────────────────────────────────── thaw          nodes, whole or one program of their pods
 *                 load ───────────────────────────────────── load 0        nodes
 *                 kill: kubelet starts it again
 */
import { availableParallelism } from 'node:os';
import { countSpinners, endSpinners, startSpinners } from './cpu-load.ts';
import { SandboxError } from './errors.ts';
import { clearLoss, type LossDirection, readLosses, setLoss } from './frame-loss.ts';
import { enterHost, knownHost, knownNode, layoutOfHandle, type SandboxHandle } from './handle.ts';
import type { Layout, NodeLayout } from './layout.ts';
import { dropPort, plugPort, readPorts, unplugPort } from './network.ts';
import { isStopped, nodePids, programPids, signalPid } from './node-processes.ts';
import { joinHost, partHosts, readPartings } from './partition.ts';

export interface Fault {
  readonly host: string;
  /** A sentence about the host without it: "is unplugged: the carrier stays". */
  readonly what: string;
}

/** Cuts a host off without its noticing: the carrier of its eth0 stays up. */
export async function unplug(handle: SandboxHandle, host: string): Promise<void> {
  await unplugPort(layoutOfHandle(handle), knownHost(handle, host));
}

/** Takes the carrier of a host's eth0 away. */
export async function dropCarrier(handle: SandboxHandle, host: string): Promise<void> {
  await dropPort(layoutOfHandle(handle), knownHost(handle, host));
}

/** Undoes unplug and dropCarrier. */
export async function plug(handle: SandboxHandle, host: string): Promise<void> {
  await plugPort(layoutOfHandle(handle), knownHost(handle, host));
}

/** Loses a share of the frames at random, each by itself. Replaces an earlier loss on the host; 0 % ends it. */
export async function loseFrames(
  handle: SandboxHandle,
  host: string,
  { percent, direction = 'both' }: { readonly percent: number; readonly direction?: LossDirection },
): Promise<void> {
  const layout = layoutOfHandle(handle);
  if (percent === 0) await clearLoss(layout, knownHost(handle, host));
  else await setLoss(layout, knownHost(handle, host), percent, direction);
}

/** Parts two hosts from each other; everybody else reaches both. */
export async function part(handle: SandboxHandle, host: string, other: string): Promise<void> {
  const [first, second] = [knownHost(handle, host), knownHost(handle, other)];
  if (first === second) {
    throw new SandboxError({
      problem: `${first} cannot be parted from itself`,
      hint: 'name two hosts; one is cut off from all by unplug',
    });
  }
  await partHosts(layoutOfHandle(handle), first, second);
}

/** Undoes part, for the host and everybody it is parted from. */
export async function join(handle: SandboxHandle, host: string): Promise<void> {
  await joinHost(layoutOfHandle(handle), knownHost(handle, host));
}

/**
 * Stops all processes of a node, or those of one program of its pods ("speaker"), where they stand (SIGSTOP): their
 * sockets stay open and unread. Returns how many. A node's kernel lives on and answers for the node's own addresses.
 * kubelet, unless it is frozen too, starts a program anew whose liveness probe fails for long enough.
 */
export async function freeze(handle: SandboxHandle, name: string, program?: string): Promise<number> {
  const find = await finder(handle, name, program);
  return signalAll(find, 'SIGSTOP');
}

/** Undoes freeze, for what is running of the node or the program. Returns how many processes were frozen. */
export async function thaw(handle: SandboxHandle, name: string, program?: string): Promise<number> {
  const find = await finder(handle, name, program);
  return signalAll(async () => (await find()).filter(isStopped), 'SIGCONT');
}

/** Ends a program of a node's pods as a crash would (SIGKILL). Returns how many processes. */
export async function kill(handle: SandboxHandle, name: string, program: string): Promise<number> {
  const find = await finder(handle, name, program);
  const pids = await find();
  for (const pid of pids) signalPid(pid, 'SIGKILL');
  return pids.length;
}

/** Keeps so many processors busy, by default all of this machine; 0 ends it. Replaces an earlier load of the node. */
export async function load(handle: SandboxHandle, name: string, count = availableParallelism()): Promise<void> {
  if (!Number.isInteger(count) || count < 0 || count > MAX_SPINNERS) {
    throw new SandboxError({
      problem: `${name} cannot be loaded with ${count} programs`,
      hint: `give a whole number up to ${MAX_SPINNERS}, or 0 to end the load; this machine has ${availableParallelism()} processors`,
    });
  }
  const layout = layoutOfHandle(handle);
  const node = knownNode(handle, name);
  await endSpinners(layout, node.name);
  if (count > 0) await startSpinners(layout, { node: node.name, enter: await enterHost(handle, node.name), count });
}

const MAX_SPINNERS = 256;

/** Undoes every fault of a host, or of all. */
export async function heal(handle: SandboxHandle, host?: string): Promise<void> {
  const layout = layoutOfHandle(handle);
  const hosts = host === undefined ? [...layout.nodes, layout.client].map(({ name }) => name) : [host];
  for (const name of hosts) {
    await plug(handle, name);
    await loseFrames(handle, name, { percent: 0 });
    await join(handle, name);
    if (name === layout.client.name) continue;
    await thaw(handle, name);
    await load(handle, name, 0);
  }
}

/** The faults that last, as the machine shows them. */
export async function readFaults(handle: SandboxHandle): Promise<Fault[]> {
  const layout = layoutOfHandle(handle);
  const [ports, losses, parted] = await Promise.all([readPorts(layout), readLosses(layout), readPartings(layout)]);
  const faults: Fault[] = [];
  for (const host of [...layout.nodes, layout.client]) {
    const tell = (what: string | undefined) => what !== undefined && faults.push({ host: host.name, what });
    const port = ports.get(host.name);
    tell(
      port === 'no-carrier' ? 'has no carrier' : port === 'unplugged' ? 'is unplugged: the carrier stays' : undefined,
    );
    tell(losses.get(host.name));
    for (const [first, second] of parted) tell(first === host.name ? `is parted from ${second}` : undefined);
    if ('podCidr' in host) for (const what of await readProcessFaults(layout, host)) tell(what);
  }
  return faults;
}

async function readProcessFaults(layout: Layout, node: NodeLayout): Promise<string[]> {
  const pids = await nodePids(layout, node);
  const frozen = pids.filter(isStopped).length;
  const spinners = await countSpinners(layout, node.name);
  return [
    ...(frozen === 0 ? [] : [`has ${frozen} of its ${pids.length} processes frozen`]),
    ...(spinners === 0 ? [] : [`keeps processors busy (${spinners})`]),
  ];
}

/** How to find the processes that are meant, now and again; throws when there are none. */
async function finder(
  handle: SandboxHandle,
  name: string,
  program: string | undefined,
): Promise<() => Promise<number[]>> {
  const layout = layoutOfHandle(handle);
  const node = knownNode(handle, name);
  const find = () => (program === undefined ? nodePids(layout, node) : programPids(layout, node, program));
  if ((await find()).length > 0) return find;
  throw new SandboxError({
    problem: program === undefined ? `nothing runs on ${name}` : `no container of ${name}'s pods runs "${program}"`,
    hint:
      program === undefined
        ? `see whether the sandbox is whole: ./install sandbox status --name ${handle.name}`
        : `see which pods are there: ./install sandbox kubectl --name ${handle.name} -- get pods -A -o wide`,
  });
}

/** Looks until there is nobody new: a process may have made another before the signal reached it. */
async function signalAll(find: () => Promise<number[]>, signal: NodeJS.Signals): Promise<number> {
  const reached = new Set<number>();
  for (;;) {
    const fresh = (await find()).filter((pid) => !reached.has(pid));
    if (fresh.length === 0) return reached.size;
    for (const pid of fresh) {
      signalPid(pid, signal);
      reached.add(pid);
    }
  }
}
