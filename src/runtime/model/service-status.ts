/**
 * ServiceL2Status and ServiceBGPStatus as they are read: which node announces a Service, by layer 2 or to which BGP peers.
 * One object a node and Service; people and tools read it, the speakers write it.
 */
import type { Labels } from './labels.ts';
import { formatKey, type ObjectKey } from './service.ts';
import { STATUS_NODE_LABEL } from './status-object.ts';

export const STATUS_SERVICE_LABEL = 'metallb.io/service-name';
export const STATUS_NAMESPACE_LABEL = 'metallb.io/service-namespace';
/**
 * Which of the Service's addresses the node announces, "10.0.0.1,fd00::1": several may be on different nodes. An annotation,
 * because a field beside MetalLB's would be lost where MetalLB's own definition of the kind is installed.
 */
export const STATUS_ADDRESSES_ANNOTATION = 'metallb.io/announced-addresses';

export interface ServiceL2StatusView extends ObjectKey {
  readonly uid: string;
  readonly resourceVersion: string;
  /** Only those under metallb.io/. */
  readonly labels: Labels;
  /** The annotation's text; "" where there is none. */
  readonly addresses: string;
  /** The objects that it goes away with. */
  readonly ownerUids: readonly string[];
  /** Of its status; each "" before that is written. */
  readonly node: string;
  readonly serviceName: string;
  readonly serviceNamespace: string;
  /** Empty: wherever the address belongs. */
  readonly interfaces: readonly string[];
}

/** To which BGP peers a node announces a Service. */
export interface ServiceBgpStatusView {
  readonly node: string;
  /** "namespace/name" */
  readonly service: string;
  /** Names of BGPPeers, ordered. */
  readonly peers: readonly string[];
  /** The annotation's text; "" where there is none. */
  readonly addresses: string;
}

/** The node that it speaks of: the status says it for good, the labels until there is one. */
export function statusNode({ node, labels }: Pick<ServiceL2StatusView, 'node' | 'labels'>): string {
  return node === '' ? (labels[STATUS_NODE_LABEL] ?? '') : node;
}

/** The Service that it speaks of, "namespace/name". */
export function statusService({
  serviceName,
  serviceNamespace,
  labels,
}: Pick<ServiceL2StatusView, 'serviceName' | 'serviceNamespace' | 'labels'>): string {
  return serviceName === '' && serviceNamespace === ''
    ? formatKey({ namespace: labels[STATUS_NAMESPACE_LABEL] ?? '', name: labels[STATUS_SERVICE_LABEL] ?? '' })
    : formatKey({ namespace: serviceNamespace, name: serviceName });
}
