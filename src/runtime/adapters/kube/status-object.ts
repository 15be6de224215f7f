/** The objects in which speakers say how things stand, of every kind: read and written. */
import type { KubeApi } from '../../engine/ports.ts';
import type { ObjectKey } from '../../model/service.ts';
import type { StatusObjectView, WantedStatus } from '../../model/status-object.ts';
import { metallbApiVersion, metallbPath } from './paths.ts';
import { asArray, asObject, asString, asTexts, type Untyped } from './untyped.ts';

const MERGE_PATCH = 'application/merge-patch+json';
const OWN_PREFIX = 'metallb.io/';

/** Plurals of these kinds, and the kinds. */
const KINDS = {
  servicel2statuses: 'ServiceL2Status',
  servicebgpstatuses: 'ServiceBGPStatus',
  bgpsessionstatuses: 'BGPSessionStatus',
} as const;

export type StatusPlural = keyof typeof KINDS;

export function toStatusObjectView(raw: Untyped): StatusObjectView {
  const metadata = asObject(raw['metadata']);
  return {
    namespace: asString(metadata['namespace']),
    name: asString(metadata['name']),
    uid: asString(metadata['uid']),
    resourceVersion: asString(metadata['resourceVersion']),
    labels: ownTexts(metadata['labels']),
    annotations: ownTexts(metadata['annotations']),
    ownerUids: asArray(metadata['ownerReferences']).map((owner) => asString(asObject(owner)['uid'])),
    status: asObject(raw['status']),
  };
}

/** What is written of an object, beside its status. */
export interface StatusIdentity extends ObjectKey {
  readonly labels: WantedStatus['labels'];
  readonly annotations: WantedStatus['annotations'];
  /** The pod that the object goes away with; absent: it stays. */
  readonly owner?: { readonly name: string; readonly uid: string };
}

/** Makes the object without its status, as the API has it: a status is written by itself. */
export function createStatusObject(api: KubeApi, plural: StatusPlural, identity: StatusIdentity): Promise<unknown> {
  const { namespace, name } = identity;
  return api.request({
    op: `create ${singular(plural)}`,
    method: 'POST',
    path: metallbPath(plural, namespace),
    body: {
      apiVersion: metallbApiVersion(plural),
      kind: KINDS[plural],
      metadata: { namespace, name, ...metadataOf(identity) },
    },
  });
}

export function patchStatusMetadata(api: KubeApi, plural: StatusPlural, identity: StatusIdentity): Promise<unknown> {
  return api.request({
    op: `patch ${singular(plural)}`,
    method: 'PATCH',
    path: pathOf(plural, identity),
    contentType: MERGE_PATCH,
    body: { metadata: metadataOf(identity) },
  });
}

/** A field that is null takes away what was there. */
export function writeStatus(
  api: KubeApi,
  plural: StatusPlural,
  key: ObjectKey,
  { fixed, fields }: Pick<WantedStatus, 'fixed' | 'fields'>,
): Promise<unknown> {
  return api.request({
    op: `patch ${singular(plural)} status`,
    method: 'PATCH',
    path: `${pathOf(plural, key)}/status`,
    contentType: MERGE_PATCH,
    body: { status: { ...fixed, ...fields } },
  });
}

/** Only the very object that was meant: one of the same name that was made since stays (409). */
export function deleteStatusObject(
  api: KubeApi,
  plural: StatusPlural,
  { uid, ...key }: ObjectKey & { readonly uid: string },
): Promise<unknown> {
  return api.request({
    op: `delete ${singular(plural)}`,
    method: 'DELETE',
    path: pathOf(plural, key),
    body: { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid } },
  });
}

function metadataOf({ labels, annotations, owner }: StatusIdentity): object {
  return {
    labels,
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    ...(owner === undefined ? {} : { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', ...owner }] }),
  };
}

function ownTexts(raw: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(asTexts(raw)).filter(([key]) => key.startsWith(OWN_PREFIX)));
}

function singular(plural: StatusPlural): string {
  return KINDS[plural].toLowerCase();
}

function pathOf(plural: StatusPlural, { namespace, name }: ObjectKey): string {
  return `${metallbPath(plural, namespace)}/${name}`;
}
