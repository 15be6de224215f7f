/**
 * A ServiceL2Status as it is read and written: which node announces a Service by layer 2. One object a node and Service;
 * people and tools read it, the speakers write it.
 */
import type { Labels } from './labels.ts';
import { formatKey, type ObjectKey } from './service.ts';

export const STATUS_NODE_LABEL = 'metallb.io/node';
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

/** The node that it speaks of: the status says it for good, the labels until there is one. */
export function statusNode({ node, labels }: ServiceL2StatusView): string {
  return node === '' ? (labels[STATUS_NODE_LABEL] ?? '') : node;
}

/** The Service that it speaks of, "namespace/name". */
export function statusService({ serviceName, serviceNamespace, labels }: ServiceL2StatusView): string {
  return serviceName === '' && serviceNamespace === ''
    ? formatKey({ namespace: labels[STATUS_NAMESPACE_LABEL] ?? '', name: labels[STATUS_SERVICE_LABEL] ?? '' })
    : formatKey({ namespace: serviceNamespace, name: serviceName });
}
