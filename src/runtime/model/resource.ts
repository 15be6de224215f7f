/**
 * A custom resource as it was read: its identity parsed, its spec and status untouched. Whoever decides with it checks
 * every field, because the API server only checks what the resource definition's schema says.
 */
import type { Labels } from './labels.ts';
import type { ObjectKey } from './service.ts';

export interface RawResource extends ObjectKey {
  readonly kind: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** Milliseconds since the Unix epoch, from metadata.creationTimestamp; 0 where there is none. */
  readonly createdAtMs: number;
  /** metadata.generation; 0 where the server counts none. */
  readonly generation: number;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly spec: unknown;
  readonly status: unknown;
}

/** "IPAddressPool metallb-system/default", the start of every message about it. */
export function formatResource(resource: ObjectKey & { readonly kind: string }): string {
  return `${resource.kind} ${resource.namespace}/${resource.name}`;
}
