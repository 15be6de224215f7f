/**
 * A Kubernetes object as the installer handles it: plain data, exactly as YAML or the API server writes it. Nothing is
 * known of its fields but its identity; whoever reads one checks what it finds.
 */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}
