/**
 * Which objects are the installer's own: those that carry its label. Only they are ever deleted, so that a pool which
 * somebody made by hand stays.
 */
import type { KubeObject } from '../kube-object.ts';

const LABEL = 'app.kubernetes.io/managed-by';
const VALUE = 'metallb-addon';

/** A label selector for the installer's objects. */
export const MANAGED_BY_US = `${LABEL}=${VALUE}`;

export function withOwnLabel(object: KubeObject): KubeObject {
  const labels = { ...(object.metadata['labels'] as object | undefined), [LABEL]: VALUE };
  return { ...object, metadata: { ...object.metadata, labels } };
}

export function isOurs(object: KubeObject): boolean {
  const labels = (object.metadata['labels'] ?? {}) as Readonly<Record<string, string>>;
  return labels[LABEL] === VALUE;
}
