/**
 * What the steps need of a cluster, by object rather than by URL; kube-cluster.ts is the real one, tests have another.
 * Objects are plain data, exactly as the API server writes them.
 */
import type { KubeObject } from '../kube-object.ts';

export interface Kind {
  readonly apiVersion: string;
  readonly kind: string;
}

export interface ObjectRef extends Kind {
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

export interface ListScope {
  /** Absent: all namespaces, or a kind without them. */
  readonly namespace?: string;
  /** "app=metallb,component=speaker" */
  readonly labelSelector?: string;
}

export interface AccessQuestion {
  readonly verb: string;
  /** "" for the core group. */
  readonly group: string;
  /** Plural; "services/status" for a subresource. */
  readonly resource: string;
  readonly namespace?: string;
}

/** Every method rejects with ClusterError and nothing else; a call that gets no answer does so within 30 seconds. */
export interface Cluster {
  /** URL of the API server, for messages. */
  readonly server: string;
  /** "v1.34.4" */
  version(): Promise<string>;
  /** Whether objects of the kind can be sent; false for a custom kind that is not defined, or not yet taken up. */
  serves(kind: Kind): Promise<boolean>;
  /** undefined: there is no such object, or no such kind yet. */
  get(ref: ObjectRef): Promise<KubeObject | undefined>;
  /** Empty where there is no such kind yet. */
  list(kind: Kind, scope?: ListScope): Promise<readonly KubeObject[]>;
  /**
   * Server-side apply: gives the object as it is then, or with 'dry-run' as it would be. Fields that others own and this
   * object also sets are taken over.
   */
  apply(object: KubeObject, mode: 'write' | 'dry-run'): Promise<KubeObject>;
  /**
   * Strategic merge patch of an object's status, for kinds that Kubernetes itself brings. With a resource version in the
   * patch, an object that has changed since is refused (409).
   */
  patchStatus(ref: ObjectRef, patch: object): Promise<KubeObject>;
  /**
   * Merge patch: what is in it replaces, lists as wholes, null removes. For objects of others, of which we have a part;
   * refused with 409 where the resource version in the patch is not the object's any more.
   */
  patch(ref: ObjectRef, patch: object): Promise<KubeObject>;
  /** Starts the deletion; an object that is not there is as good as deleted. */
  delete(ref: ObjectRef): Promise<void>;
  /** Whether the credentials at hand may do this. */
  may(question: AccessQuestion): Promise<boolean>;
  /** The last lines of a container's log; `previous`: of its last run. Empty where there is none. */
  logTail(
    pod: { namespace: string; name: string; container: string; previous: boolean },
    lines: number,
  ): Promise<string>;
}

/** The API server refused, or could not be asked. */
export class ClusterError extends Error {
  /** HTTP status; 0: there was no answer. */
  readonly status: number;
  /** Kubernetes' word for it ("Forbidden", "Invalid"), or the errno ("ECONNREFUSED"). */
  readonly reason: string;

  constructor(parts: { status: number; reason: string; message: string; cause?: unknown }) {
    super(parts.message, parts.cause === undefined ? undefined : { cause: parts.cause });
    this.name = 'ClusterError';
    this.status = parts.status;
    this.reason = parts.reason;
  }
}

/** "IPAddressPool metallb-system/default" */
export function formatRef({ kind, metadata }: ObjectRef): string {
  return metadata.namespace === undefined
    ? `${kind} ${metadata.name}`
    : `${kind} ${metadata.namespace}/${metadata.name}`;
}
