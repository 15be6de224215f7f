/**
 * The instance's LAN: a bridge in a namespace of its own (so neither the host's firewall nor its bridge settings touch
 * the traffic), and a cable from it to every node, the client and the host. Nodes route to each other's pods by static
 * routes. Their default route leads to an address where nobody answers unless a test puts a router there: traffic for
 * the outside fails instead of leaking through the host.
 */
import { runCommand, tryCommand } from './command.ts';
import { errorText, SandboxError } from './errors.ts';
import { type Layout, type NodeLayout, namespacesOf, POD_CIDR } from './layout.ts';

const BRIDGE = 'lan';

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
      `link set ${layout.hostInterface} up`,
    ]);
    // A plain switch: no spanning tree to wait for, and no snooping, so that every multicast reaches every port.
    await ipBatch(layout.switchNetns, [
      `link add ${BRIDGE} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
      ...['port-host', ...hosts.map(portOf)].flatMap((port) => [
        `link set ${port} master ${BRIDGE}`,
        `link set ${port} up`,
      ]),
      `link set ${BRIDGE} up`,
    ]);
    await Promise.all([
      ...layout.nodes.map((node) => configureNode(layout, node)),
      ipBatch(layout.client.netns, interfaceCommands(layout, layout.client.ip)),
    ]);
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

/** Takes the host's port off the bridge: its carrier stays up, but nothing passes, as in a switch port gone dead. */
export async function unplugPort(layout: Layout, host: string): Promise<void> {
  await runCommand(['ip', '-n', layout.switchNetns, 'link', 'set', `port-${host}`, 'nomaster']);
}

/** Takes the carrier away: the host sees its own cable as unplugged. */
export async function dropPort(layout: Layout, host: string): Promise<void> {
  await runCommand(['ip', '-n', layout.switchNetns, 'link', 'set', `port-${host}`, 'down']);
}

/** Undoes both. */
export async function plugPort(layout: Layout, host: string): Promise<void> {
  await ipBatch(layout.switchNetns, [`link set port-${host} master ${BRIDGE}`, `link set port-${host} up`]);
}

async function configureNode(layout: Layout, node: NodeLayout): Promise<void> {
  const others = layout.nodes.filter((other) => other !== node);
  await ipBatch(node.netns, [
    ...interfaceCommands(layout, node.ip),
    `route add default via ${layout.routerIp}`,
    ...others.map((other) => `route add ${other.podCidr} via ${other.ip}`),
    // An address of a pod that is not there is unreachable, rather than a matter for the router.
    `route add unreachable ${POD_CIDR}`,
  ]);
  await runCommand([
    'nsenter',
    `--net=/run/netns/${node.netns}`,
    'sh',
    '-c',
    'cd /proc/sys/net; echo 1 > ipv4/ip_forward; echo 1 > ipv6/conf/all/forwarding; for f in ipv4/conf/*/rp_filter; do echo 0 > $f; done',
  ]);
}

function interfaceCommands(layout: Layout, ip: string): string[] {
  return ['link set lo up', `address add ${ip}/${layout.prefixLength} dev eth0`, 'link set eth0 up'];
}

function portOf(host: { readonly name: string }): string {
  return `port-${host.name}`;
}

async function ipBatch(netns: string | undefined, commands: readonly string[]): Promise<void> {
  const namespace = netns === undefined ? [] : ['-n', netns];
  await runCommand(['ip', ...namespace, '-batch', '-'], { input: `${commands.join('\n')}\n` });
}
