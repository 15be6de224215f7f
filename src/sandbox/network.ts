/**
 * The instance's LAN: a bridge in a namespace of its own (so neither the host's firewall nor its bridge settings touch
 * the traffic), and a cable from it to every node, the client and the host. Nodes route to each other's pods by static
 * routes. Their default route leads to an address where nobody answers unless a test puts a router there: traffic for
 * the outside fails instead of leaking through the host.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { runCommand, tryCommand } from './command.ts';
import { errorText, SandboxError } from './errors.ts';
import { type Layout, type NodeLayout, namespacesOf, POD_CIDR, POD_CIDR6, withPrefix6 } from './layout.ts';

const BRIDGE = 'lan';
const PORT_PREFIX = 'port-';

export async function createNetwork(layout: Layout): Promise<void> {
  const hosts = [...layout.nodes, layout.client];
  try {
    await ipBatch(undefined, [
      ...namespacesOf(layout).map((netns) => `netns add ${netns}`),
      `link add ${layout.hostInterface} type veth peer name port-host netns ${layout.switchNetns}`,
      ...hosts.map(
        (host) => `link add eth0 netns ${host.netns} type veth peer name ${portOf(host)} netns ${layout.switchNetns}`,
      ),
      `address add ${layout.hostIp}/${layout.prefixLength} dev ${layout.hostInterface}`,
    ]);
    await configureHost(layout);
    // A plain switch: no spanning tree to wait for, and no snooping, so that every multicast reaches every port.
    await ipBatch(layout.switchNetns, [
      `link add ${BRIDGE} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
      ...['port-host', ...hosts.map(portOf)].flatMap((port) => [
        `link set ${port} master ${BRIDGE}`,
        `link set ${port} up`,
      ]),
      `link set ${BRIDGE} up`,
    ]);
    await Promise.all([...layout.nodes.map((node) => configureNode(layout, node)), configureClient(layout)]);
  } catch (error) {
    throw new SandboxError({
      problem: `the network could not be set up: ${errorText(error)}`,
      hint: 'the kernel has to provide network namespaces, veth and bridge; on a small cloud kernel, install the full one',
      cause: error,
    });
  }
}

/** Removes what is there of it; the cables go with the namespaces. */
export async function removeNetwork(layout: Layout): Promise<void> {
  const present = new Set(await listNamespaces());
  for (const netns of namespacesOf(layout)) if (present.has(netns)) await runCommand(['ip', 'netns', 'delete', netns]);
  await tryCommand(['ip', 'link', 'delete', layout.hostInterface]);
}

export async function listNamespaces(): Promise<string[]> {
  const { stdout } = await tryCommand(['ip', 'netns', 'list']);
  return stdout.split('\n').flatMap((line) => line.split(' ')[0] || []);
}

export type PortState = 'plugged' | 'unplugged' | 'no-carrier';

/** The state of every host's port on the switch, by host; empty while there is no switch. */
export async function readPorts(layout: Layout): Promise<Map<string, PortState>> {
  const { exitCode, stdout } = await tryCommand(['ip', '-n', layout.switchNetns, '-json', 'link', 'show']);
  return exitCode === 0 ? parsePorts(stdout) : new Map();
}

/** Out of `ip -json link show`. */
export function parsePorts(json: string): Map<string, PortState> {
  const links = JSON.parse(json) as { ifname: string; flags: string[]; master?: string }[];
  return new Map(
    links
      .filter(({ ifname }) => ifname.startsWith(PORT_PREFIX))
      .map(({ ifname, flags, master }) => [
        ifname.slice(PORT_PREFIX.length),
        !flags.includes('UP') ? 'no-carrier' : master === BRIDGE ? 'plugged' : 'unplugged',
      ]),
  );
}

/** Takes the host's port off the bridge: its carrier stays up, but nothing passes, as in a switch port gone dead. */
export async function unplugPort(layout: Layout, host: string): Promise<void> {
  await runCommand(['ip', '-n', layout.switchNetns, 'link', 'set', portOf({ name: host }), 'nomaster']);
}

/** Takes the carrier away: the host sees its own cable as unplugged. */
export async function dropPort(layout: Layout, host: string): Promise<void> {
  await runCommand(['ip', '-n', layout.switchNetns, 'link', 'set', portOf({ name: host }), 'down']);
}

/** Undoes both. */
export async function plugPort(layout: Layout, host: string): Promise<void> {
  await ipBatch(layout.switchNetns, [
    `link set ${portOf({ name: host })} master ${BRIDGE}`,
    `link set ${portOf({ name: host })} up`,
  ]);
}

/** The host's end of its cable. Nothing else of the host's network is touched. */
async function configureHost(layout: Layout): Promise<void> {
  const { hostInterface, hostIp6 } = layout;
  if (hostIp6 !== undefined) {
    // No router on this LAN shall ever give the host an address or a default route; and the host may be without IPv6.
    await setHostSetting(`net/ipv6/conf/${hostInterface}/accept_ra`, '0');
    await setHostSetting(`net/ipv6/conf/${hostInterface}/disable_ipv6`, '0');
    await ipBatch6(undefined, [addressCommand6(hostIp6, hostInterface)]);
  }
  await runCommand(['ip', 'link', 'set', hostInterface, 'up']);
}

async function configureClient(layout: Layout): Promise<void> {
  const { netns, ip, ip6 } = layout.client;
  if (ip6 !== undefined) await setSettings(netns, ENABLE_IPV6);
  await ipBatch(netns, interfaceCommands(layout, ip));
  if (ip6 !== undefined) await ipBatch6(netns, [addressCommand6(ip6, 'eth0')]);
}

async function configureNode(layout: Layout, node: NodeLayout): Promise<void> {
  const others = layout.nodes.filter((other) => other !== node);
  const isDual = node.ip6 !== undefined;
  await setSettings(node.netns, [
    'echo 1 > ipv4/ip_forward',
    'for f in ipv4/conf/*/rp_filter; do echo 0 > $f; done',
    // The last one is for the nodes' ends of pods' cables: a pod need not wait for its node to have looked for duplicates.
    ...(isDual ? [...ENABLE_IPV6, 'echo 1 > ipv6/conf/all/forwarding', 'echo 0 > ipv6/conf/default/accept_dad'] : []),
  ]);
  await ipBatch(node.netns, [
    ...interfaceCommands(layout, node.ip),
    `route add default via ${layout.routerIp}`,
    ...others.map((other) => `route add ${other.podCidr} via ${other.ip}`),
    // An address of a pod that is not there is unreachable, rather than a matter for the router.
    `route add unreachable ${POD_CIDR}`,
  ]);
  if (node.ip6 === undefined) return;
  await ipBatch6(node.netns, [
    addressCommand6(node.ip6, 'eth0'),
    `route add default via ${layout.routerIp6}`,
    ...others.map((other) => `route add ${other.podCidr6} via ${other.ip6}`),
    `route add unreachable ${POD_CIDR6}`,
  ]);
}

function interfaceCommands(layout: Layout, ip: string): string[] {
  return ['link set lo up', `address add ${ip}/${layout.prefixLength} dev eth0`, 'link set eth0 up'];
}

/** Without looking for duplicates (RFC 4862 §5.4), which takes more than a second; addresses are given out here alone. */
function addressCommand6(ip6: string, device: string): string {
  return `address add ${withPrefix6(ip6)} dev ${device} nodad`;
}

/** Shell commands that run in /proc/sys/net. A namespace may begin with what the host has switched off. */
const ENABLE_IPV6 = ['echo 0 > ipv6/conf/all/disable_ipv6', 'echo 0 > ipv6/conf/default/disable_ipv6'];

async function setSettings(netns: string, commands: readonly string[]): Promise<void> {
  const script = ['set -e', 'cd /proc/sys/net', ...commands].join('\n');
  await runCommand(['nsenter', `--net=/run/netns/${netns}`, 'sh', '-c', script]);
}

/** Written only where it differs: in some containers /proc/sys is read-only, and right already. */
async function setHostSetting(name: string, value: string): Promise<void> {
  const file = `/proc/sys/${name}`;
  if ((await readFile(file, 'utf8')).trim() !== value) await writeFile(file, value);
}

/** The host's end of its cable on the switch. */
export function portOf(host: { readonly name: string }): string {
  return `${PORT_PREFIX}${host.name}`;
}

async function ipBatch(netns: string | undefined, commands: readonly string[]): Promise<void> {
  const namespace = netns === undefined ? [] : ['-n', netns];
  await runCommand(['ip', ...namespace, '-batch', '-'], { input: `${commands.join('\n')}\n` });
}

/** The same for commands about IPv6: "default" alone does not tell. */
async function ipBatch6(netns: string | undefined, commands: readonly string[]): Promise<void> {
  const namespace = netns === undefined ? [] : ['-n', netns];
  await runCommand(['ip', '-6', ...namespace, '-batch', '-'], { input: `${commands.join('\n')}\n` });
}
