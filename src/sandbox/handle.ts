/**
 * A running instance as its users hold it: plain data, from which everything else about the instance follows. Here too
 * is how one gets to a host of it.
 */
import { dirname, join } from 'node:path';
import { SandboxError } from './errors.ts';
import { type Layout, type NodeLayout, planLayout } from './layout.ts';
import { enterMachine, MACHINE_SERVICE } from './node-machine.ts';
import { isAlive, readRecords } from './processes.ts';

export interface SandboxHandle {
  readonly name: string;
  readonly stateDir: string;
  readonly kubeconfigPath: string;
  /** Holds `hosts`, an inventory in kubeasz's shape. */
  readonly inventoryDir: string;
  readonly bin: { readonly kubectl: string; readonly helm: string };
  /** `ip6` is absent without IPv6, and so is `subnet6`. */
  readonly nodes: readonly { readonly name: string; readonly ip: string; readonly ip6?: string }[];
  /** A host on the LAN that is not part of the cluster. */
  readonly client: { readonly name: 'client'; readonly ip: string; readonly ip6?: string };
  /** One CIDR a family, IPv4 first. */
  readonly serviceCidrs: readonly string[];
  readonly podCidrs: readonly string[];
  readonly subnet: string;
  readonly subnet6?: string;
}

export function handleOf(layout: Layout, bin: SandboxHandle['bin']): SandboxHandle {
  const withIp6 = (ip6: string | undefined) => (ip6 === undefined ? {} : { ip6 });
  return {
    name: layout.name,
    stateDir: layout.stateDir,
    kubeconfigPath: layout.kubeconfigPath,
    inventoryDir: layout.inventoryDir,
    bin,
    nodes: layout.nodes.map(({ name, ip, ip6 }) => ({ name, ip, ...withIp6(ip6) })),
    client: { name: 'client', ip: layout.client.ip, ...withIp6(layout.client.ip6) },
    serviceCidrs: layout.serviceCidrs,
    podCidrs: layout.podCidrs,
    subnet: layout.subnet,
    ...(layout.subnet6 === undefined ? {} : { subnet6: layout.subnet6 }),
  };
}

export function layoutOfHandle(handle: SandboxHandle): Layout {
  return planLayout({
    stateRoot: dirname(handle.stateDir),
    name: handle.name,
    subnet: handle.subnet,
    nodes: handle.nodes.length,
    families: handle.subnet6 === undefined ? 'ipv4' : 'dual-stack',
  });
}

/** The name of a node or "client"; throws for any other. */
export function knownHost(handle: SandboxHandle, host: string): string {
  const names = [...handle.nodes.map((node) => node.name), 'client'];
  if (names.includes(host)) return host;
  throw new SandboxError({
    problem: `the sandbox "${handle.name}" has no host "${host}"`,
    hint: `its hosts are ${names.join(', ')}`,
  });
}

export function knownNode(handle: SandboxHandle, name: string): NodeLayout {
  const { nodes } = layoutOfHandle(handle);
  const node = nodes.find((known) => known.name === name);
  if (node !== undefined) return node;
  throw new SandboxError({
    problem: `the sandbox "${handle.name}" has no node "${name}"`,
    hint: `its nodes are ${nodes.map((known) => known.name).join(', ')}`,
  });
}

/** What to put before a command so that it runs on a node, on the client ("client") or on this machine ("host"). */
export async function enterHost(handle: SandboxHandle, host: string): Promise<string[]> {
  if (host === 'host') return [];
  knownHost(handle, host);
  if (host === 'client') return ['nsenter', `--net=/run/netns/${layoutOfHandle(handle).client.netns}`, '--'];
  const records = await readRecords(join(handle.stateDir, 'processes'));
  const machine = records.find((record) => record.host === host && record.service === MACHINE_SERVICE);
  if (machine !== undefined && isAlive(machine)) return enterMachine(machine.pid);
  throw new SandboxError({
    problem: `the node ${host} of the sandbox "${handle.name}" does not run`,
    hint: 'boot the sandbox anew with "sandbox up"',
  });
}
