/**
 * What a speaker has to write so that the ServiceL2Status objects of one Service are right: its own made, put right or
 * taken away, and those of nodes that do not announce the Service any more taken away by the one that does. Pure.
 *
 *     announced here  ─▶ own object as it should be, no second one, none of nodes that do not announce it
 *     not announced   ─▶ no own object
 *
 * The new object comes before the old ones go, so that the Service is never without. A node and a Service have one name
 * for their object, so that a write whose answer was lost can be done again without making a second one.
 *
 * Deviation: MetalLB lets the API server invent the rest of the name behind "l2-".
 */
import type { Labels } from '../../model/labels.ts';
import type { Sha256Hex } from '../../model/platform.ts';
import { formatKey, type ObjectKey } from '../../model/service.ts';
import {
  type ServiceL2StatusView,
  STATUS_NAMESPACE_LABEL,
  STATUS_NODE_LABEL,
  STATUS_SERVICE_LABEL,
  statusNode,
} from '../../model/service-status.ts';
import type { ServiceAnnouncement } from './service-announcements.ts';

/** The most that the API takes as a label's value; a node's name may be longer. */
const MAX_LABEL_LENGTH = 63;
const DIGEST_LENGTH = 16;

export interface StatusSituation {
  readonly service: ObjectKey;
  readonly nodeName: string;
  /** The pod that the objects go away with; undefined: they stay. */
  readonly ownerUid: string | undefined;
  /** Undefined: no node announces the Service. */
  readonly announcement: ServiceAnnouncement | undefined;
  /** The objects that speak of the Service, whoever made them. */
  readonly known: readonly ServiceL2StatusView[];
  /** Whether this node clears away what nodes without a speaker have left; one of them all does. */
  readonly sweeps: boolean;
  /** Nodes whose speakers live. */
  readonly alive: ReadonlySet<string>;
}

/** An object as it should be. */
export interface WantedStatus {
  readonly name: string;
  readonly labels: Labels;
  /** For the annotation. */
  readonly addresses: string;
  readonly node: string;
  readonly service: ObjectKey;
  /** Empty: not restricted. */
  readonly interfaces: readonly string[];
}

export type StatusChange =
  | { readonly kind: 'create'; readonly wanted: WantedStatus }
  /** Labels, annotation and owner. */
  | { readonly kind: 'patch-metadata'; readonly wanted: WantedStatus }
  | { readonly kind: 'patch-status'; readonly wanted: WantedStatus }
  | { readonly kind: 'delete'; readonly name: string; readonly uid: string };

/** In the order in which they are to be made; empty: all is right. */
export function diffStatuses(situation: StatusSituation, sha256Hex: Sha256Hex): readonly StatusChange[] {
  const { announcement, known } = situation;
  const wanted = announcement?.own === undefined ? undefined : wantedStatus(situation, announcement.own, sha256Hex);
  const named = known.find(({ name }) => name === wanted?.name);
  const own = named !== undefined && canBecome(named, situation) ? named : undefined;
  const stray = known.filter((status) => status !== named && isInTheWay(status, situation));
  return [
    ...(named === own || named === undefined ? [] : [deletion(named)]),
    ...(wanted === undefined ? [] : changesOf(wanted, own, situation)),
    ...stray.map(deletion),
  ];
}

/** What a status says once is said for good: one that says something else cannot be put right, only made anew. */
function canBecome(status: ServiceL2StatusView, { nodeName, service }: StatusSituation): boolean {
  const { node, serviceName, serviceNamespace } = status;
  return (
    (node === '' || node === nodeName) &&
    (serviceName === '' || serviceName === service.name) &&
    (serviceNamespace === '' || serviceNamespace === service.namespace)
  );
}

function deletion({ name, uid }: ServiceL2StatusView): StatusChange {
  return { kind: 'delete', name, uid };
}

function isInTheWay(status: ServiceL2StatusView, situation: StatusSituation): boolean {
  const { nodeName, announcement, sweeps, alive } = situation;
  const node = statusNode(status);
  // Its own, and not the one it keeps.
  if (node === nodeName) return true;
  if (announcement?.nodes.includes(node) === true) return false;
  return announcement?.own !== undefined || (sweeps && !alive.has(node));
}

function changesOf(
  wanted: WantedStatus,
  own: ServiceL2StatusView | undefined,
  { ownerUid }: StatusSituation,
): readonly StatusChange[] {
  if (own === undefined) return [{ kind: 'create', wanted }];
  const isLabelled = Object.entries(wanted.labels).every(([key, value]) => own.labels[key] === value);
  const isOwned = ownerUid === undefined || own.ownerUids.includes(ownerUid);
  const isIdentified = isLabelled && isOwned && own.addresses === wanted.addresses;
  const { node, service, interfaces } = wanted;
  const says =
    own.node === node &&
    own.serviceName === service.name &&
    own.serviceNamespace === service.namespace &&
    own.interfaces.join('/') === interfaces.join('/');
  return [
    ...(isIdentified ? [] : [{ kind: 'patch-metadata', wanted } as const]),
    ...(says ? [] : [{ kind: 'patch-status', wanted } as const]),
  ];
}

function wantedStatus(
  { service, nodeName: node }: StatusSituation,
  { addresses, interfaces }: NonNullable<ServiceAnnouncement['own']>,
  sha256Hex: Sha256Hex,
): WantedStatus {
  return {
    name: statusName(node, service, sha256Hex),
    labels: {
      [STATUS_NODE_LABEL]: labelValue(node, sha256Hex),
      [STATUS_SERVICE_LABEL]: service.name,
      [STATUS_NAMESPACE_LABEL]: service.namespace,
    },
    addresses: addresses.join(','),
    node,
    service,
    interfaces,
  };
}

/** The name of the one object of the node and the Service. */
export function statusName(node: string, service: ObjectKey, sha256Hex: Sha256Hex): string {
  return `l2-${sha256Hex(`${node}/${formatKey(service)}`).slice(0, DIGEST_LENGTH)}`;
}

/** The name itself where it fits, else its beginning and a digest of the whole. */
function labelValue(name: string, sha256Hex: Sha256Hex): string {
  if (name.length <= MAX_LABEL_LENGTH) return name;
  return `${name.slice(0, MAX_LABEL_LENGTH - DIGEST_LENGTH - 1)}-${sha256Hex(name).slice(0, DIGEST_LENGTH)}`;
}
