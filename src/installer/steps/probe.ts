/**
 * Looks at an address from a node that does not announce it: who answers for it on the network, whose MAC address that is,
 * and whether the TCP ports answer through it. Everything ends in bounded time, whatever hangs; nothing is changed.
 */
import type { Ip } from '../../runtime/model/ip.ts';
import type { Mac } from '../../runtime/model/mac.ts';
import type { PlannedNode } from '../plan/addon-plan.ts';
import { findingOf, type ProbeFinding, type ProbeSight } from '../probe-findings.ts';
import { lastLine, type NodeShell, type ShellResult } from './node-shell.ts';
import { MACS_SCRIPT, type NodeProbe, type ProbeFailure, parseMacs, parseProbe, probeScript } from './probe-node.ts';

/** For the address, and for each port. */
const ASK_SECONDS = 1;
/** ssh's own, a slow login included. */
const CONNECT_MS = 15_000;
/** More ports than these are not asked for. */
const MOST_PORTS = 20;
/** More nodes than these are not tried when one after the other cannot ask. */
const MOST_ASKERS = 4;
const NODES_AT_ONCE = 8;

export interface ProbeNode {
  /** As Kubernetes knows it. */
  readonly name: string;
  readonly node: PlannedNode;
}

export interface ProbeTarget {
  readonly ip: Ip;
  /** Nodes that say that they announce it. */
  readonly announcedBy: readonly string[];
  /** Nodes that are known to have an interface for it: the first to ask from. */
  readonly near: readonly string[];
  readonly ports: readonly number[];
}

/** One address after the other. */
export async function probeAddresses(
  targets: readonly ProbeTarget[],
  nodes: readonly ProbeNode[],
  shell: NodeShell,
): Promise<readonly ProbeFinding[]> {
  const macs = new NodeMacs(nodes, shell);
  const findings: ProbeFinding[] = [];
  for (const target of targets) findings.push(findingOf(await look(target, { nodes, shell, macs })));
  return findings;
}

interface Network {
  readonly nodes: readonly ProbeNode[];
  readonly shell: NodeShell;
  readonly macs: NodeMacs;
}

async function look(target: ProbeTarget, { nodes, shell, macs }: Network): Promise<ProbeSight> {
  const { ip, announcedBy, near } = target;
  const ports = target.ports.slice(0, MOST_PORTS);
  const others = nodes.filter(({ name }) => !announcedBy.includes(name));
  const askers = [
    ...others.filter(({ name }) => near.includes(name)),
    ...others.filter(({ name }) => !near.includes(name)),
  ];
  const script = await probeScript({ ip, ports, seconds: ASK_SECONDS });
  const failures: string[] = [];
  for (const { name, node } of askers.slice(0, MOST_ASKERS)) {
    const timeoutMs = CONNECT_MS + 1000 * ASK_SECONDS * (1 + 2 * ports.length);
    const seen = readProbe(await shell(node, script, { timeoutMs }));
    if ('error' in seen) {
      failures.push(`${name}: ${failureWords(seen)}`);
      continue;
    }
    const whose = await macs.find(
      seen.answers.map(({ mac }) => mac),
      announcedBy,
    );
    return {
      ip,
      announcedBy,
      from: { node: name, interface: seen.interface },
      failures,
      macs: seen.answers.map(({ mac }) => {
        const owner = whose.get(mac);
        return owner === undefined ? { mac } : { mac, node: owner };
      }),
      unasked: macs.unasked,
      ...(seen.tcp === undefined ? {} : { tcp: seen.tcp }),
      ports,
    };
  }
  return { ip, announcedBy, failures, macs: [], unasked: [], ports };
}

function readProbe({ exitCode, stdout, stderr }: ShellResult): NodeProbe | ProbeFailure {
  if (exitCode === 0) return parseProbe(stdout);
  const detail = lastLine(stderr);
  return { error: 'failed', detail: detail === '' ? `ended with ${exitCode ?? 'no answer'}` : detail };
}

function failureWords({ error, detail }: ProbeFailure): string {
  switch (error) {
    case 'no-interface-in-subnet':
      return 'no interface in the address’s subnet';
    case 'not-permitted':
      return 'may not open packet sockets (log in as root, or set ansible_become)';
    case 'no-python':
      return 'has no Python, and its kernel holds the address itself (kube-proxy in ipvs mode)';
    case 'failed':
      return detail;
  }
}

/** Whose MAC addresses are whose: each node is asked once, and only until all that is looked for is found. */
class NodeMacs {
  readonly #nodes: readonly ProbeNode[];
  readonly #shell: NodeShell;
  readonly #owners = new Map<Mac, string>();
  readonly #asked = new Set<string>();
  readonly #unasked: string[] = [];

  constructor(nodes: readonly ProbeNode[], shell: NodeShell) {
    this.#nodes = nodes;
    this.#shell = shell;
  }

  /** Nodes that gave no answer. */
  get unasked(): readonly string[] {
    return this.#unasked;
  }

  async find(wanted: readonly Mac[], likely: readonly string[]): Promise<ReadonlyMap<Mac, string>> {
    const isFound = (): boolean => wanted.every((mac) => this.#owners.has(mac));
    const first = this.#nodes.filter(({ name }) => likely.includes(name));
    const rest = this.#nodes.filter(({ name }) => !likely.includes(name));
    const batches = [first];
    for (let at = 0; at < rest.length; at += NODES_AT_ONCE) batches.push(rest.slice(at, at + NODES_AT_ONCE));
    for (const batch of batches) {
      if (isFound()) break;
      await Promise.all(batch.map((node) => this.#ask(node)));
    }
    return this.#owners;
  }

  async #ask({ name, node }: ProbeNode): Promise<void> {
    if (this.#asked.has(name)) return;
    this.#asked.add(name);
    const { exitCode, stdout } = await this.#shell(node, MACS_SCRIPT, { timeoutMs: CONNECT_MS });
    // An interface without a readable address (a tunnel) ends `cat` with 1, and the rest is told.
    const macs = exitCode === undefined ? [] : parseMacs(stdout);
    if (macs.length === 0) this.#unasked.push(name);
    for (const mac of macs) {
      // Every node has them: nothing is known by them.
      if (mac !== '00:00:00:00:00:00' && mac !== 'ee:ee:ee:ee:ee:ee') this.#owners.set(mac, name);
    }
  }
}
