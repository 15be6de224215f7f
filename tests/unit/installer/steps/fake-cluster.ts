/**
 * A cluster in memory that keeps what the steps rely on: server-side apply with a dry run, resource versions that change
 * only when something does, kinds that exist only once they are defined. `writes` lists what was really changed.
 */
import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '../../../../src/installer/kube-object.ts';
import {
  type AccessQuestion,
  type Cluster,
  ClusterError,
  formatRef,
  type Kind,
  type ListScope,
  type ObjectRef,
} from '../../../../src/installer/steps/cluster.ts';
import type { Pace } from '../../../../src/installer/steps/wait.ts';

export class FakeCluster implements Cluster {
  readonly server = 'https://10.6.204.1:6443';
  readonly objects = new Map<string, KubeObject>();
  readonly writes: string[] = [];
  gitVersion = 'v1.34.4';
  /** What the API server would refuse: the object's name → why. */
  readonly refusals = new Map<string, string>();
  readonly forbidden = new Set<string>();
  /** The groups of Calico that are served, "projectcalico.org/v3". */
  readonly calico = new Set<string>();
  log = '';
  /** Called before a status is patched: somebody else may be faster. */
  beforePatch: ((object: string) => void) | undefined;
  #revision = 0;

  constructor(objects: readonly KubeObject[] = []) {
    for (const object of objects) this.objects.set(formatRef(object), object);
  }

  async version(): Promise<string> {
    return this.gitVersion;
  }

  async serves({ apiVersion, kind }: Kind): Promise<boolean> {
    if (apiVersion.includes('projectcalico.org')) return this.calico.has(apiVersion);
    if (!apiVersion.startsWith('metallb.io/')) return true;
    return [...this.objects.values()].some(
      (object) =>
        object.kind === 'CustomResourceDefinition' &&
        (object['spec'] as { names: { kind: string } }).names.kind === kind,
    );
  }

  async get(ref: ObjectRef): Promise<KubeObject | undefined> {
    return this.objects.get(formatRef(ref));
  }

  async list({ apiVersion, kind }: Kind, scope: ListScope = {}): Promise<readonly KubeObject[]> {
    const wanted = (scope.labelSelector ?? '').split(',').filter((part) => part !== '');
    return [...this.objects.values()].filter((object) => {
      const labels = (object.metadata['labels'] ?? {}) as Readonly<Record<string, string>>;
      const isMatch = wanted.every((part) => labels[part.split('=')[0] ?? ''] === part.split('=')[1]);
      return (
        object.kind === kind &&
        object.apiVersion === apiVersion &&
        isMatch &&
        (scope.namespace ?? object.metadata.namespace) === object.metadata.namespace
      );
    });
  }

  async apply(object: KubeObject, mode: 'write' | 'dry-run'): Promise<KubeObject> {
    const refusal = this.refusals.get(object.metadata.name);
    if (refusal !== undefined) throw new ClusterError({ status: 422, reason: 'Invalid', message: refusal });
    const key = formatRef(object);
    const live = this.objects.get(key);
    const managedFields = [{ manager: 'metallb-addon', operation: 'Apply' }];
    const status = live?.['status'] ?? initialStatus(object);
    const base: KubeObject = {
      ...object,
      metadata: { ...object.metadata, managedFields },
      ...(status === undefined ? {} : { status }),
    };
    const isSame = live !== undefined && isDeepStrictEqual(withoutVersion(live), withoutVersion(base));
    if (isSame || mode === 'dry-run') return isSame ? live : base;
    this.writes.push(`apply ${key}`);
    const written = {
      ...base,
      metadata: { ...base.metadata, resourceVersion: String(++this.#revision), generation: 1 },
    };
    this.objects.set(key, written);
    return written;
  }

  /** As much of a strategic merge patch as the steps use: null removes, a condition is found by its type. */
  async patchStatus(ref: ObjectRef, patch: object): Promise<KubeObject> {
    const key = formatRef(ref);
    this.beforePatch?.(key);
    const live = this.objects.get(key);
    if (live === undefined) throw new ClusterError({ status: 404, reason: 'NotFound', message: 'not found' });
    const { metadata, status } = patch as StatusPatch;
    if (metadata.resourceVersion !== undefined && metadata.resourceVersion !== live.metadata['resourceVersion']) {
      throw new ClusterError({ status: 409, reason: 'Conflict', message: 'the object has been modified' });
    }
    const before = (live['status'] ?? {}) as { conditions?: readonly { type: string }[] };
    const gone = (status.conditions ?? []).map(({ type }) => type);
    const written = {
      ...live,
      metadata: {
        ...live.metadata,
        resourceVersion: String(++this.#revision),
        annotations: withoutNulls({ ...(live.metadata['annotations'] as object), ...metadata.annotations }),
      },
      status: {
        ...before,
        ...(status.loadBalancer === undefined ? {} : { loadBalancer: withoutNulls(status.loadBalancer) }),
        conditions: (before.conditions ?? []).filter(({ type }) => !gone.includes(type)),
      },
    };
    this.objects.set(key, written);
    this.writes.push(`patch ${key}`);
    return written;
  }

  /** As much of a merge patch as the steps use: metadata's annotations one by one, the spec's fields as wholes. */
  async patch(ref: ObjectRef, patch: object): Promise<KubeObject> {
    const key = formatRef(ref);
    this.beforePatch?.(key);
    const live = this.objects.get(key);
    if (live === undefined) throw new ClusterError({ status: 404, reason: 'NotFound', message: 'not found' });
    const { metadata, spec } = patch as {
      readonly metadata: { readonly resourceVersion?: string; readonly annotations?: object };
      readonly spec: object;
    };
    if (metadata.resourceVersion !== undefined && metadata.resourceVersion !== live.metadata['resourceVersion']) {
      throw new ClusterError({ status: 409, reason: 'Conflict', message: 'the object has been modified' });
    }
    const annotations = withoutNulls({ ...(live.metadata['annotations'] as object), ...metadata.annotations });
    const written = {
      ...live,
      metadata: { ...live.metadata, resourceVersion: String(++this.#revision), annotations },
      spec: { ...(live['spec'] as object), ...spec },
    };
    this.objects.set(key, written);
    this.writes.push(`patch ${key}`);
    return written;
  }

  async delete(ref: ObjectRef): Promise<void> {
    if (this.objects.delete(formatRef(ref))) this.writes.push(`delete ${formatRef(ref)}`);
  }

  async may({ verb, resource }: AccessQuestion): Promise<boolean> {
    return !this.forbidden.has(`${verb} ${resource}`);
  }

  async logTail(): Promise<string> {
    return this.log;
  }
}

interface StatusPatch {
  readonly metadata: { readonly resourceVersion?: string; readonly annotations?: object };
  readonly status: { readonly loadBalancer?: object; readonly conditions?: readonly { readonly type: string }[] };
}

function withoutNulls(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, part]) => part !== null));
}

/** What the controllers of a real cluster would soon write. */
function initialStatus(object: KubeObject): unknown {
  if (object.kind === 'CustomResourceDefinition') return { conditions: [{ type: 'Established', status: 'True' }] };
  if (object.apiVersion.startsWith('metallb.io/') && object['spec'] !== undefined) {
    return { conditions: [{ type: 'Accepted', status: 'True', observedGeneration: 1, message: '' }] };
  }
  return undefined;
}

function withoutVersion(object: KubeObject): unknown {
  const { resourceVersion: _, generation: _g, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** Time that passes only by sleeping. */
export function virtualPace(): Pace {
  let now = 0;
  return {
    now: () => now,
    async sleep(milliseconds) {
      now += milliseconds;
    },
  };
}

export function clusterNode(name: string, address: string): KubeObject {
  const status = {
    addresses: [{ type: 'InternalIP', address }],
    nodeInfo: { containerRuntimeVersion: 'containerd://1.6.20' },
  };
  return { apiVersion: 'v1', kind: 'Node', metadata: { name }, status };
}

export function workload(kind: 'Deployment' | 'DaemonSet', name: string, status: object): KubeObject {
  const metadata = { name, namespace: 'metallb-system', generation: 1 };
  return { apiVersion: 'apps/v1', kind, metadata, spec: { replicas: 1 }, status };
}

export const READY_DEPLOYMENT = { observedGeneration: 1, replicas: 1, updatedReplicas: 1, availableReplicas: 1 };
export const READY_DAEMONSET = {
  observedGeneration: 1,
  desiredNumberScheduled: 1,
  updatedNumberScheduled: 1,
  numberAvailable: 1,
};

export function configurationState(name: string, status: object): KubeObject {
  const metadata = { name, namespace: 'metallb-system' };
  return { apiVersion: 'metallb.io/v1beta1', kind: 'ConfigurationState', metadata, status };
}

export function pod(component: string, name: string, extra: { spec?: object; status?: object } = {}): KubeObject {
  const metadata = { name, namespace: 'metallb-system', labels: { app: 'metallb', component } };
  return { apiVersion: 'v1', kind: 'Pod', metadata, ...extra };
}
