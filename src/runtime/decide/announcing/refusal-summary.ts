/**
 * Why nobody announces an address, in one line for a log or an Event: the reason, and of every node what excludes it,
 * nodes with the same reason together. Its length is bounded, however many nodes there are.
 */
import type { Ip } from '../../model/ip.ts';
import { compareText } from '../../model/text-order.ts';

/** An Event may have 1024 characters. */
const MAX_LENGTH = 1000;
const NAMES_A_REASON = 8;

export interface UnannouncedAddress {
  readonly ip: Ip;
  readonly protocol: 'layer2' | 'bgp';
  readonly reason: string;
  readonly refused: readonly { readonly node: string; readonly reason: string }[];
}

/** 'no node announces "10.0.0.1" with protocol "layer2": no-candidate-node (speaker-not-alive: n1, n2; …)' */
export function refusalSummary({ ip, protocol, reason, refused }: UnannouncedAddress): string {
  const byReason = new Map<string, string[]>();
  for (const { node, reason: own } of refused) {
    const nodes = byReason.get(own);
    if (nodes === undefined) byReason.set(own, [node]);
    else nodes.push(node);
  }
  const groups = Array.from(byReason)
    // What excludes the most nodes is what people can do most about.
    .sort(([a, nodesA], [b, nodesB]) => nodesB.length - nodesA.length || compareText(a, b))
    .map(([own, nodes]) => `${own}: ${toldNames(nodes)}`);
  const nodes = groups.length === 0 ? '' : ` (${groups.join('; ')})`;
  const text = `no node announces "${ip}" with protocol "${protocol}": ${reason}${nodes}`;
  return text.length <= MAX_LENGTH ? text : `${text.slice(0, MAX_LENGTH - 1)}…`;
}

function toldNames(nodes: readonly string[]): string {
  const more = nodes.length - NAMES_A_REASON;
  return more <= 0 ? nodes.join(', ') : `${nodes.slice(0, NAMES_A_REASON).join(', ')} and ${more} more`;
}
