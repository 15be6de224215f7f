/**
 * MetalLB's election: of the candidates the one whose SHA-256 over "node#address" is the lowest. It knows nothing of who
 * announces the address now, so that speakers of both kinds agree while a cluster moves from one to the other.
 *
 * Losing a node that does not own the address changes nothing; adding one moves about 1/N of the addresses.
 */
import type { Ip } from '../../model/ip.ts';
import type { Sha256Hex } from '../../model/platform.ts';
import { compareText } from '../../model/text-order.ts';

/** The candidate that owns the address; undefined when there is none. Names must be unique. */
export function electOwner(ip: Ip, candidates: readonly string[], sha256Hex: Sha256Hex): string | undefined {
  return rankCandidates(ip, candidates, sha256Hex)[0];
}

/** All candidates, the owner first, its successors in the order in which they would take over. */
export function rankCandidates(ip: Ip, candidates: readonly string[], sha256Hex: Sha256Hex): readonly string[] {
  return candidates
    .map((node) => ({ node, rank: sha256Hex(`${node}#${ip}`) }))
    .sort((a, b) => compareText(a.rank, b.rank) || compareText(a.node, b.node))
    .map(({ node }) => node);
}
