/** ServiceL2Status objects, read and written. */
import type { KubeApi } from '../../engine/ports.ts';
import type { Labels } from '../../model/labels.ts';
import type { ObjectKey } from '../../model/service.ts';
import { type ServiceL2StatusView, STATUS_ADDRESSES_ANNOTATION } from '../../model/service-status.ts';
import { metallbApiVersion, metallbPath } from './paths.ts';
import { asArray, asObject, asString, asTexts, type Untyped } from './untyped.ts';

const MERGE_PATCH = 'application/merge-patch+json';

export function toServiceL2StatusView(raw: Untyped): ServiceL2StatusView {
  const metadata = asObject(raw['metadata']);
  const status = asObject(raw['status']);
  const labels = Object.entries(asTexts(metadata['labels'])).filter(([key]) => key.startsWith('metallb.io/'));
  return {
    namespace: asString(metadata['namespace']),
    name: asString(metadata['name']),
    uid: asString(metadata['uid']),
    resourceVersion: asString(metadata['resourceVersion']),
    labels: Object.fromEntries(labels),
    addresses: asTexts(metadata['annotations'])[STATUS_ADDRESSES_ANNOTATION] ?? '',
    ownerUids: asArray(metadata['ownerReferences']).map((owner) => asString(asObject(owner)['uid'])),
    node: asString(status['node']),
    serviceName: asString(status['serviceName']),
    serviceNamespace: asString(status['serviceNamespace']),
    interfaces: asArray(status['interfaces']).map((entry) => asString(asObject(entry)['name'])),
  };
}

/** What is written of an object, beside its status. */
export interface ServiceL2StatusIdentity extends ObjectKey {
  readonly labels: Labels;
  /** For the annotation. */
  readonly addresses: string;
  /** The pod that the object goes away with; absent: it stays. */
  readonly owner?: { readonly name: string; readonly uid: string };
}

export interface ServiceL2StatusFields {
  readonly node: string;
  readonly service: ObjectKey;
  /** Empty: not restricted. */
  readonly interfaces: readonly string[];
}

/** Makes the object without its status, as the API has it: a status is written by itself. */
export function createServiceL2Status(api: KubeApi, identity: ServiceL2StatusIdentity): Promise<unknown> {
  const { namespace, name } = identity;
  return api.request({
    op: 'create servicel2status',
    method: 'POST',
    path: metallbPath('servicel2statuses', namespace),
    body: {
      apiVersion: metallbApiVersion('servicel2statuses'),
      kind: 'ServiceL2Status',
      metadata: { namespace, name, ...metadataOf(identity) },
    },
  });
}

export function patchServiceL2StatusMetadata(api: KubeApi, identity: ServiceL2StatusIdentity): Promise<unknown> {
  return api.request({
    op: 'patch servicel2status',
    method: 'PATCH',
    path: pathOf(identity),
    contentType: MERGE_PATCH,
    body: { metadata: metadataOf(identity) },
  });
}

export function writeServiceL2Status(
  api: KubeApi,
  key: ObjectKey,
  { node, service, interfaces }: ServiceL2StatusFields,
): Promise<unknown> {
  return api.request({
    op: 'patch servicel2status status',
    method: 'PATCH',
    path: `${pathOf(key)}/status`,
    contentType: MERGE_PATCH,
    body: {
      status: {
        node,
        serviceName: service.name,
        serviceNamespace: service.namespace,
        // null takes away what an earlier restriction left there.
        interfaces: interfaces.length === 0 ? null : interfaces.map((name) => ({ name })),
      },
    },
  });
}

/** Only the very object that was meant: one of the same name that was made since stays (409). */
export function deleteServiceL2Status(api: KubeApi, key: ObjectKey, uid: string): Promise<unknown> {
  return api.request({
    op: 'delete servicel2status',
    method: 'DELETE',
    path: pathOf(key),
    body: { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid } },
  });
}

function metadataOf({ labels, addresses, owner }: ServiceL2StatusIdentity): object {
  return {
    labels,
    annotations: { [STATUS_ADDRESSES_ANNOTATION]: addresses },
    ...(owner === undefined ? {} : { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', ...owner }] }),
  };
}

function pathOf({ namespace, name }: ObjectKey): string {
  return `${metallbPath('servicel2statuses', namespace)}/${name}`;
}
