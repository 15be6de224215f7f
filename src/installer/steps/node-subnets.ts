/**
 * Which subnets the nodes are on, to refuse pools that layer 2 could never serve. The Kubernetes API tells a node's
 * address and not its prefix length, so the nodes themselves are asked over ssh. A node that ssh does not reach is
 * guessed at (/24, /64), and a guess may only warn.
 */
import { ipBits, ipFamily, parseIp } from '../../runtime/model/ip.ts';
import { type AddressRange, formatRange, parseAddressRange } from '../../runtime/model/range.ts';
import { InstallError } from '../errors.ts';
import { formatPosition } from '../inventory/located.ts';
import type { AddonPlan, PlannedNode } from '../plan/addon-plan.ts';
import { rangesOutsideSubnets } from '../plan/pools.ts';
import { lastLine, type NodeShell } from './node-shell.ts';

/** Interfaces that carry pods or nothing; their subnets do not reach the LAN. */
const INTERNAL_INTERFACES =
  /^(lo|docker|cni|cali|veth|flannel|vxlan|tunl|kube-|nodelocaldns|lxc|cbr|dummy|virbr|cilium)/;
const ASK_TIMEOUT_MS = 10_000;

export interface NodeSubnets {
  /** Told by the nodes. */
  readonly known: readonly AddressRange[];
  /** Assumed around the addresses of nodes that could not be asked. */
  readonly guessed: readonly AddressRange[];
  readonly unreachable: readonly { readonly node: PlannedNode; readonly reason: string }[];
}

/** `addresses`: what the cluster knows each node by, for those that ssh does not reach. */
export async function readNodeSubnets(
  nodes: readonly PlannedNode[],
  shell: NodeShell,
  addressesOf: (node: PlannedNode) => readonly string[],
): Promise<NodeSubnets> {
  const answers = await Promise.all(
    nodes.map(async (node) => ({ node, result: await shell(node, 'ip -o addr show', { timeoutMs: ASK_TIMEOUT_MS }) })),
  );
  const failed = answers.filter(({ result }) => result.exitCode !== 0);
  return {
    known: distinct(answers.flatMap(({ result }) => (result.exitCode === 0 ? parseIpAddr(result.stdout) : []))),
    guessed: distinct(failed.flatMap(({ node }) => addressesOf(node).flatMap(guessSubnet))),
    unreachable: failed.map(({ node, result }) => ({ node, reason: lastLine(result.stderr) })),
  };
}

/** Subnets out of `ip -o addr`: "2: eth0    inet 10.6.204.2/24 brd 10.6.204.255 scope global eth0\ …". */
export function parseIpAddr(output: string): readonly AddressRange[] {
  return output.split('\n').flatMap((line) => {
    const match = /^\d+:\s+(\S+)\s+inet6?\s+(\S+\/\d+)\s.*\bscope\s+global/.exec(line);
    if (match?.[1] === undefined || match[2] === undefined || INTERNAL_INTERFACES.test(match[1])) return [];
    const subnet = parseAddressRange(match[2]);
    // A single address is no subnet: a VIP of keepalived, or this addon's own kind.
    return subnet.ok && subnet.value.first !== subnet.value.last ? [subnet.value] : [];
  });
}

function guessSubnet(address: string): readonly AddressRange[] {
  const ip = parseIp(address);
  if (!ip.ok) return [];
  const subnet = parseAddressRange(`${ip.value}/${ipBits(ipFamily(ip.value)) === 32 ? 24 : 64}`);
  return subnet.ok ? [subnet.value] : [];
}

/**
 * Throws when a pool of a layer 2 plan is outside every subnet and all nodes were heard; gives warnings where some were
 * only guessed at.
 */
export function checkPoolSubnets(plan: AddonPlan, subnets: NodeSubnets): readonly string[] {
  const all = [...subnets.known, ...subnets.guessed];
  const stray = rangesOutsideSubnets(plan.pools, all);
  if (stray.length === 0 || all.length === 0) return [];
  const isCertain = subnets.unreachable.length === 0;
  const list = all.map(formatRange).join(', ');
  const problems = stray.map(
    ({ pool, address }) =>
      `${formatPosition(address.at)}: ${address.text} of the pool "${pool.name}" is not within ` +
      `${isCertain ? 'any subnet of the nodes' : 'what is known of the nodes’ subnets'} (${list})`,
  );
  if (!isCertain) {
    const [first] = subnets.unreachable;
    const why = first === undefined ? '' : `; ${first.node.name} did not answer over ssh: ${first.reason}`;
    return problems.map((problem) => `${problem}; set metallb_node_subnets to be sure${why}`);
  }
  throw new InstallError({
    kind: 'inventory',
    step: 'check the pools',
    problem: problems,
    hint: 'with layer2 a pool must lie in a subnet of the nodes; choose free addresses there, or use metallb_protocol "bgp"',
  });
}

function distinct(ranges: readonly AddressRange[]): readonly AddressRange[] {
  return [...new Map(ranges.map((range) => [formatRange(range), range])).values()];
}
