/** Writes what the controller has to say about configuration objects: their statuses, and the old ConfigMap's note. */
import type { KubeApi } from '../../engine/ports.ts';
import type { ConfigMapView } from '../../model/cluster.ts';
import type { RawResource } from '../../model/resource.ts';
import type { ConditionView } from '../../model/service.ts';
import { KubeError } from './kube-error.ts';
import { corePath, type MetallbPlural, metallbApiVersion, metallbPath } from './paths.ts';

const MERGE_PATCH = 'application/merge-patch+json';

/** Merges the fields into the object's status; a list replaces the list that was there. */
export function writeStatus(
  api: KubeApi,
  plural: MetallbPlural,
  resource: Pick<RawResource, 'namespace' | 'name'>,
  status: object,
): Promise<unknown> {
  return api.request({
    op: `patch ${plural} status`,
    method: 'PATCH',
    path: `${metallbPath(plural, resource.namespace)}/${resource.name}/status`,
    contentType: MERGE_PATCH,
    body: { status },
  });
}

/** Sets the annotation on the ConfigMap, or removes it with null. */
export function annotateConfigMap(
  api: KubeApi,
  configMap: ConfigMapView,
  annotations: Readonly<Record<string, string | null>>,
): Promise<unknown> {
  return api.request({
    op: 'patch configmap',
    method: 'PATCH',
    path: `${corePath('configmaps', configMap.namespace)}/${configMap.name}`,
    contentType: MERGE_PATCH,
    body: { metadata: { resourceVersion: configMap.resourceVersion, annotations } },
  });
}

export interface ConfigurationStateIdentity {
  readonly namespace: string;
  /** "controller", "speaker-<node>" */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The pod that the object goes away with; absent: it stays. */
  readonly owner?: { readonly name: string; readonly uid: string };
}

export interface ConfigurationStateStatus {
  readonly result: 'Valid' | 'Invalid' | 'Unknown';
  /** A line a fault; "" when there is none. */
  readonly errorSummary: string;
  readonly conditions: readonly ConditionView[];
}

/** Writes the status, making the object first when it is not there. */
export async function writeConfigurationState(
  api: KubeApi,
  identity: ConfigurationStateIdentity,
  status: ConfigurationStateStatus,
): Promise<void> {
  try {
    await writeStatus(api, 'configurationstates', identity, status);
  } catch (error) {
    if (!(error instanceof KubeError) || error.status !== 404) throw error;
    await createConfigurationState(api, identity);
    await writeStatus(api, 'configurationstates', identity, status);
  }
}

/** Makes the object that another pod made go away with this one's pod instead. */
export function adoptConfigurationState(api: KubeApi, identity: ConfigurationStateIdentity): Promise<unknown> {
  const { namespace, name, labels } = identity;
  return api.request({
    op: 'patch configurationstate',
    method: 'PATCH',
    path: `${metallbPath('configurationstates', namespace)}/${name}`,
    contentType: MERGE_PATCH,
    body: { metadata: { labels, ownerReferences: ownerReferences(identity) } },
  });
}

function ownerReferences({ owner }: ConfigurationStateIdentity): readonly object[] {
  return owner === undefined ? [] : [{ apiVersion: 'v1', kind: 'Pod', ...owner }];
}

async function createConfigurationState(api: KubeApi, identity: ConfigurationStateIdentity): Promise<void> {
  const { namespace, name, labels } = identity;
  try {
    await api.request({
      op: 'create configurationstate',
      method: 'POST',
      path: metallbPath('configurationstates', namespace),
      body: {
        apiVersion: metallbApiVersion('configurationstates'),
        kind: 'ConfigurationState',
        metadata: { namespace, name, labels, ownerReferences: ownerReferences(identity) },
      },
    });
  } catch (error) {
    // Somebody else made it in between: just as well.
    if (!(error instanceof KubeError) || error.reason !== 'AlreadyExists') throw error;
  }
}
