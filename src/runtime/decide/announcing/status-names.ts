/**
 * What status objects are called, and what their labels say. Pure.
 *
 * Deviation: MetalLB lets the API server invent the rest of the name behind "l2-" and "bgp-".
 */
import type { Sha256Hex } from '../../model/platform.ts';

/** The most that the API takes as a label's value; a node's name may be longer. */
const MAX_LABEL_LENGTH = 63;
const DIGEST_LENGTH = 16;

/** The name of the one object of the node and the subject: "l2-0123456789abcdef". */
export function statusName(
  prefix: 'l2' | 'bgp',
  { node, subject }: { readonly node: string; readonly subject: string },
  sha256Hex: Sha256Hex,
): string {
  return `${prefix}-${sha256Hex(`${node}/${subject}`).slice(0, DIGEST_LENGTH)}`;
}

/** The name itself where it fits, else its beginning and a digest of the whole. */
export function labelValue(name: string, sha256Hex: Sha256Hex): string {
  if (name.length <= MAX_LABEL_LENGTH) return name;
  return `${name.slice(0, MAX_LABEL_LENGTH - DIGEST_LENGTH - 1)}-${sha256Hex(name).slice(0, DIGEST_LENGTH)}`;
}
