/**
 * Everything about an instance that follows from its options: names, addresses, files. Pure; computed again by every
 * command, so that `down` after a crash knows what to look for without having been told.
 *
 *      switch namespace <name>-switch: bridge "lan"
 *        │port-host     │port-master    │port-node1    │port-node2    │port-client
 *      sb-<name>      eth0 (.1)       eth0 (.2)      eth0 (.3)      eth0 (.100)
 *      host (.250)    <name>-master   <name>-node1   <name>-node2   <name>-client     .254: the nodes' (absent) router
 *
 * Each has an IPv6 address beside the IPv4 one: 10.6.204.1 and fd00:10:6:204::1.
 */
import { join } from 'node:path';
import { ipFromValue, parseIp } from '../runtime/model/ip.ts';
import { type AddressRange, parseAddressRange, rangesOverlap } from '../runtime/model/range.ts';
import { SandboxError } from './errors.ts';

/** These live inside the namespaces alone, so every instance has the same. */
export const POD_CIDR = '172.20.0.0/16';
export const POD_CIDR6 = 'fd00:172:20::/48';
export const SERVICE_CIDR = '10.68.0.0/16';
export const SERVICE_CIDR6 = 'fd00:10:68::/112';

/** Address of a host in the subnet, as an offset from the subnet's own. */
const CLIENT_OFFSET = 100n;
const HOST_OFFSET = 250n;
const ROUTER_OFFSET = 254n;
const MAX_NODES = 50;
/** Length of the LAN's IPv6 prefix. */
const PREFIX6_LENGTH = 64;

/** What LAN, pods and Services have: IPv4 and IPv6, or IPv4 alone. */
export type Families = 'dual-stack' | 'ipv4';

export interface LayoutOptions {
  readonly name?: string;
  readonly subnet?: string;
  readonly nodes?: number;
  /** Default "dual-stack". */
  readonly families?: Families;
  /** Folder of all instances' folders. */
  readonly stateRoot: string;
}

export interface NodeLayout {
  readonly name: string;
  readonly ip: string;
  /** Like everything with a 6 in this file, undefined without IPv6. */
  readonly ip6: string | undefined;
  /** Network namespace, as `ip netns` knows it. */
  readonly netns: string;
  /** This node's share of the pod addresses. */
  readonly podCidr: string;
  readonly podCidr6: string | undefined;
  /** Holds what a real node has under /var/lib and /run, and this node's configuration files. */
  readonly dir: string;
  readonly controlPlane: boolean;
}

export interface Layout {
  readonly name: string;
  readonly families: Families;
  readonly subnet: string;
  readonly prefixLength: number;
  readonly subnet6: string | undefined;
  readonly nodes: readonly NodeLayout[];
  readonly client: {
    readonly name: 'client';
    readonly ip: string;
    readonly ip6: string | undefined;
    readonly netns: string;
  };
  readonly hostIp: string;
  readonly hostIp6: string | undefined;
  readonly routerIp: string;
  readonly routerIp6: string | undefined;
  /** One CIDR a family, IPv4 first. */
  readonly podCidrs: readonly string[];
  readonly serviceCidrs: readonly string[];
  readonly switchNetns: string;
  /** The host's end of the cable to the switch. */
  readonly hostInterface: string;
  /** Name of the instance's control group, directly below the root of every hierarchy. */
  readonly cgroup: string;
  readonly stateDir: string;
  readonly logsDir: string;
  readonly pkiDir: string;
  readonly processesDir: string;
  readonly sshDir: string;
  readonly inventoryDir: string;
  readonly kubeconfigPath: string;
  readonly apiServer: string;
  /** The API server's address inside the cluster: the first one of the Service network. */
  readonly kubernetesServiceIp: string;
}

export function planLayout(options: LayoutOptions): Layout {
  const name = options.name ?? 'metallb';
  // sb-<name> has to fit the 15 characters of an interface name.
  if (!/^[a-z]([a-z0-9-]{0,10}[a-z0-9])?$/.test(name)) {
    throw new SandboxError({
      problem: `"${name}" cannot name a sandbox`,
      hint: 'use 1 to 12 lower-case letters, digits and dashes, beginning with a letter',
    });
  }
  const subnet = options.subnet ?? '10.6.204.0/24';
  const { range, prefixLength } = parseSubnet(subnet);
  const address = (offset: bigint): string => ipFromValue('ipv4', range.first + offset);
  const families = options.families ?? 'dual-stack';
  const isDual = families === 'dual-stack';
  const network6 = networkOf6(address(0n));
  const address6 = (offset: bigint): string | undefined => (isDual ? canonical6(`${network6}::${offset}`) : undefined);
  const stateDir = join(options.stateRoot, name);
  return {
    name,
    families,
    subnet: `${address(0n)}/${prefixLength}`,
    prefixLength,
    subnet6: isDual ? `${canonical6(`${network6}::`)}/${PREFIX6_LENGTH}` : undefined,
    nodes: planNodes({ name, count: options.nodes ?? 3, stateDir, address, address6 }),
    client: { name: 'client', ip: address(CLIENT_OFFSET), ip6: address6(CLIENT_OFFSET), netns: `${name}-client` },
    hostIp: address(HOST_OFFSET),
    hostIp6: address6(HOST_OFFSET),
    routerIp: address(ROUTER_OFFSET),
    routerIp6: address6(ROUTER_OFFSET),
    podCidrs: isDual ? [POD_CIDR, POD_CIDR6] : [POD_CIDR],
    serviceCidrs: isDual ? [SERVICE_CIDR, SERVICE_CIDR6] : [SERVICE_CIDR],
    switchNetns: `${name}-switch`,
    hostInterface: `sb-${name}`,
    cgroup: `sandbox-${name}`,
    stateDir,
    logsDir: join(stateDir, 'logs'),
    pkiDir: join(stateDir, 'pki'),
    processesDir: join(stateDir, 'processes'),
    sshDir: join(stateDir, 'ssh'),
    inventoryDir: join(stateDir, 'inventory'),
    kubeconfigPath: join(stateDir, 'kubeconfig'),
    apiServer: `https://${address(1n)}:6443`,
    kubernetesServiceIp: '10.68.0.1',
  };
}

/** The node that runs the control plane. */
export function masterOf(layout: Layout): NodeLayout {
  const [master] = layout.nodes;
  if (master === undefined) throw new Error('a layout has at least one node');
  return master;
}

/** "fd00:10:6:204::100/64" for `ip address add`; undefined without IPv6. */
export function withPrefix6(ip6: string | undefined): string | undefined {
  return ip6 === undefined ? undefined : `${ip6}/${PREFIX6_LENGTH}`;
}

/** A host's addresses on the LAN, IPv4 first. */
export function addressesOf(host: { readonly ip: string; readonly ip6: string | undefined }): string[] {
  return host.ip6 === undefined ? [host.ip] : [host.ip, host.ip6];
}

/** Every network namespace of the instance. */
export function namespacesOf(layout: Layout): string[] {
  return [layout.switchNetns, ...layout.nodes.map((node) => node.netns), layout.client.netns];
}

function planNodes(from: {
  name: string;
  count: number;
  stateDir: string;
  address: (offset: bigint) => string;
  address6: (offset: bigint) => string | undefined;
}): NodeLayout[] {
  if (!Number.isInteger(from.count) || from.count < 1 || from.count > MAX_NODES) {
    throw new SandboxError({
      problem: `a sandbox cannot have ${from.count} nodes`,
      hint: `ask for 1 to ${MAX_NODES}; the first one is the master and runs pods as well`,
    });
  }
  return Array.from({ length: from.count }, (_, index) => {
    const name = index === 0 ? 'master' : `node${index}`;
    const ip6 = from.address6(BigInt(index + 1));
    return {
      name,
      ip: from.address(BigInt(index + 1)),
      ip6,
      netns: `${from.name}-${name}`,
      podCidr: `172.20.${index}.0/24`,
      podCidr6: ip6 === undefined ? undefined : `${canonical6(`fd00:172:20:${index}::`)}/64`,
      dir: join(from.stateDir, 'nodes', name),
      controlPlane: index === 0,
    };
  });
}

/**
 * The LAN's IPv6 network, without "::": the decimal digits of the IPv4 one, read as hexadecimal, in fd00::/8 (RFC 4193),
 * so that a person sees whose address it is: 10.6.204.100 is fd00:10:6:204::100 as well.
 * Deviation: RFC 4193 §3.2 wants a random global identifier, for networks that may meet others; this one never does.
 */
function networkOf6(network: string): string {
  return `fd00:${network.split('.').slice(0, 3).join(':')}`;
}

function canonical6(text: string): string {
  const ip = parseIp(text);
  if (!ip.ok) throw new Error(ip.error);
  return ip.value;
}

function parseSubnet(text: string): { range: AddressRange; prefixLength: number } {
  const refuse = (why: string): never => {
    throw new SandboxError({
      problem: `the subnet "${text}" cannot be used: ${why}`,
      hint: 'give an unused private IPv4 network of /16 to /24, such as --subnet 10.6.204.0/24',
    });
  };
  const [address = '', length = ''] = text.split('/');
  const range = parseAddressRange(text);
  if (!range.ok || !parseIp(address).ok || length === '') return refuse('it is not a CIDR');
  if (range.value.family !== 'ipv4') return refuse('it is not IPv4');
  const prefixLength = Number(length);
  if (prefixLength < 16 || prefixLength > 24)
    return refuse('hosts up to .254 have to fit, and a LAN is not larger than /16');
  for (const taken of [POD_CIDR, SERVICE_CIDR]) {
    const other = parseAddressRange(taken);
    if (other.ok && rangesOverlap(range.value, other.value)) return refuse(`the cluster uses ${taken} inside`);
  }
  return { range: range.value, prefixLength };
}
