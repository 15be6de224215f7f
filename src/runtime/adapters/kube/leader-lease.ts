/**
 * The Lease that says which controller leads: read, and written only over the version that was read. Implements what a
 * leader election asks for (engine/leader-election.ts) and keeps the fields as other programs expect them.
 */

import type { LeaderRecord, LeaderWrite } from '../../engine/leader-election.ts';
import type { KubeApi } from '../../engine/ports.ts';
import { apiMicroTime } from './api-time.ts';
import { KubeError } from './kube-error.ts';
import { leasesPath } from './paths.ts';
import { asNumber, asObject, asString, type Untyped } from './untyped.ts';

export interface LeaderLeaseOptions {
  readonly api: KubeApi;
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly leaseMs: number;
  /** For each request. */
  readonly requestTimeoutMs: number;
  /** Milliseconds since the Unix epoch, for the stamps that people read. */
  readonly wallMs: () => number;
}

/** The Lease as the API returns it, and the record in it. */
export interface LeaderLeaseAnswer {
  readonly raw: unknown;
  readonly record: LeaderRecord;
}

export class LeaderLease {
  readonly #options: LeaderLeaseOptions;

  constructor(options: LeaderLeaseOptions) {
    this.#options = options;
  }

  /** Undefined: there is none. Rejects with a KubeError when that cannot be told. */
  async read(): Promise<LeaderLeaseAnswer | undefined> {
    try {
      return answerOf(await this.#options.api.request({ op: 'get the lease', path: this.#path, ...this.#timeout }));
    } catch (error) {
      if (error instanceof KubeError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** 'refused': somebody else wrote, made or deleted it. Rejects when it is not known whether it was written. */
  async write(write: LeaderWrite): Promise<LeaderLeaseAnswer | 'refused'> {
    const { api } = this.#options;
    try {
      const raw =
        write.basedOn === undefined
          ? await api.request({ ...this.#request('create the lease', write), method: 'POST', path: this.#listPath })
          : await api.request({
              ...this.#request(write.holder === '' ? 'release the lease' : 'renew the lease', write),
              method: 'PATCH',
              contentType: 'application/merge-patch+json',
            });
      return answerOf(raw);
    } catch (error) {
      const { status } = error instanceof KubeError ? error : { status: 0 };
      // To make one is refused with 404 only where the namespace is missing.
      if (status === 409 || (status === 404 && write.basedOn !== undefined)) return 'refused';
      throw error;
    }
  }

  #request(op: string, write: LeaderWrite) {
    const { namespace, name, labels, leaseMs, wallMs } = this.#options;
    const now = apiMicroTime(wallMs());
    return {
      op,
      path: this.#path,
      ...this.#timeout,
      body: {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: {
          namespace,
          name,
          labels,
          ...(write.basedOn === undefined ? {} : { resourceVersion: write.basedOn }),
        },
        spec: {
          holderIdentity: write.holder,
          // Whole seconds, at least one; a shorter lease is told longer, which is safe.
          leaseDurationSeconds: write.holder === '' ? 1 : Math.ceil(leaseMs / 1000),
          leaseTransitions: write.transitions,
          renewTime: now,
          ...(write.newHolder === true ? { acquireTime: now } : {}),
        },
      },
    };
  }

  get #timeout() {
    return { timeoutMs: this.#options.requestTimeoutMs };
  }

  get #listPath(): string {
    return leasesPath(this.#options.namespace);
  }

  get #path(): string {
    return `${this.#listPath}/${this.#options.name}`;
  }
}

/** An informer's toView. */
export function toLeaderRecord(raw: Untyped): LeaderRecord {
  const spec = asObject(raw['spec']);
  return {
    holder: asString(spec['holderIdentity']),
    version: asString(asObject(raw['metadata'])['resourceVersion']),
    leaseMs: asNumber(spec['leaseDurationSeconds']) * 1000,
    transitions: asNumber(spec['leaseTransitions']),
  };
}

function answerOf(raw: unknown): LeaderLeaseAnswer {
  return { raw, record: toLeaderRecord(asObject(raw)) };
}
