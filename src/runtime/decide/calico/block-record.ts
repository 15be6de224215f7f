/**
 * Which of Calico's blocks are ours: written on the same object, as an annotation, in the same request as the blocks
 * themselves, so that the two never disagree.
 *
 * Objects of crd.projectcalico.org carry Calico's own copy of their metadata in an annotation. Releases of Calico before
 * annotations were kept outside of it rebuild the object from that copy whenever somebody writes through
 * projectcalico.org or calicoctl; so where the copy is, the record is written into it as well.
 */
import { type IpPrefix, parseIpPrefix } from '../../model/ip-prefix.ts';
import type { Labels } from '../../model/labels.ts';

/** "10.0.0.0/24,fd00::/64" */
export const BLOCKS_ANNOTATION = 'metallb.io/calico-blocks';
export const CALICO_METADATA_ANNOTATION = 'projectcalico.org/metadata';

/** What a record says is ours; nothing where there is none. Of a record that somebody edited, what can be read. */
export function recordedBlocks(annotations: Labels): readonly IpPrefix[] {
  const text = annotations[BLOCKS_ANNOTATION] ?? copiedAnnotations(annotations)[BLOCKS_ANNOTATION];
  if (typeof text !== 'string') return [];
  return text.split(',').flatMap((part) => {
    const prefix = parseIpPrefix(part.trim());
    return prefix.ok ? [prefix.value] : [];
  });
}

/** The annotations to set so that the record says this; null removes one. */
export function recordOf(ours: readonly IpPrefix[], annotations: Labels): Readonly<Record<string, string | null>> {
  const text = ours.length === 0 ? null : ours.join(',');
  const copy = readCopy(annotations);
  if (copy === undefined) return { [BLOCKS_ANNOTATION]: text };
  const { [BLOCKS_ANNOTATION]: _, ...others } = copiedAnnotations(annotations);
  const inside = text === null ? others : { ...others, [BLOCKS_ANNOTATION]: text };
  const { annotations: _before, ...metadata } = copy;
  const written = Object.keys(inside).length === 0 ? metadata : { ...metadata, annotations: inside };
  return { [BLOCKS_ANNOTATION]: text, [CALICO_METADATA_ANNOTATION]: JSON.stringify(written) };
}

function copiedAnnotations(annotations: Labels): Readonly<Record<string, unknown>> {
  return asMap(readCopy(annotations)?.['annotations']) ?? {};
}

/** Undefined: there is none, or it is none of Calico's, and is left alone. */
function readCopy(annotations: Labels): Readonly<Record<string, unknown>> | undefined {
  const text = annotations[CALICO_METADATA_ANNOTATION];
  if (text === undefined) return undefined;
  try {
    return asMap(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function asMap(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return value as Readonly<Record<string, unknown>>;
}
