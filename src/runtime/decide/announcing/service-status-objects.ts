/** ServiceL2Status and ServiceBGPStatus objects as they should be. Pure. */
import type { Sha256Hex } from '../../model/platform.ts';
import type { ObjectKey } from '../../model/service.ts';
import {
  STATUS_ADDRESSES_ANNOTATION,
  STATUS_NAMESPACE_LABEL,
  STATUS_SERVICE_LABEL,
  statusService,
} from '../../model/service-status.ts';
import { STATUS_NODE_LABEL, type StatusObjectView, statusText, type WantedStatus } from '../../model/status-object.ts';
import type { OwnAnnouncement } from './service-announcements.ts';
import { labelValue, statusName } from './status-names.ts';

export interface StatusSubject {
  readonly node: string;
  /** "namespace/name" */
  readonly service: string;
}

export function wantedL2Status(
  subject: StatusSubject,
  { addresses, interfaces }: OwnAnnouncement,
  sha256Hex: Sha256Hex,
): WantedStatus {
  return {
    ...wantedOf('l2', subject, sha256Hex),
    annotations: { [STATUS_ADDRESSES_ANNOTATION]: addresses.join(',') },
    // null takes away what an earlier restriction left there.
    fields: { interfaces: interfaces.length === 0 ? null : interfaces.map((name) => ({ name })) },
  };
}

/** `peers`: those that know of it; `addresses`: those of the Service that they know. Both ordered. */
export function wantedBgpStatus(
  subject: StatusSubject,
  { peers, addresses }: { readonly peers: readonly string[]; readonly addresses: readonly string[] },
  sha256Hex: Sha256Hex,
): WantedStatus {
  return {
    ...wantedOf('bgp', subject, sha256Hex),
    annotations: { [STATUS_ADDRESSES_ANNOTATION]: addresses.join(',') },
    fields: { peers },
  };
}

/** The name of the one object of the node and the Service. */
export function serviceStatusName(
  prefix: 'l2' | 'bgp',
  { node, service }: StatusSubject,
  sha256Hex: Sha256Hex,
): string {
  return statusName(prefix, { node, subject: service }, sha256Hex);
}

/** The Service that an object speaks of, "namespace/name". */
export function serviceOfStatus({ status, labels }: StatusObjectView): string {
  return statusService({
    serviceName: statusText(status, 'serviceName'),
    serviceNamespace: statusText(status, 'serviceNamespace'),
    labels,
  });
}

function wantedOf(
  prefix: 'l2' | 'bgp',
  subject: StatusSubject,
  sha256Hex: Sha256Hex,
): Pick<WantedStatus, 'name' | 'labels' | 'fixed'> {
  const { node } = subject;
  const { namespace, name } = objectKeyOf(subject.service);
  return {
    name: serviceStatusName(prefix, subject, sha256Hex),
    labels: {
      [STATUS_NODE_LABEL]: labelValue(node, sha256Hex),
      [STATUS_SERVICE_LABEL]: name,
      [STATUS_NAMESPACE_LABEL]: namespace,
    },
    fixed: { node, serviceName: name, serviceNamespace: namespace },
  };
}

function objectKeyOf(key: string): ObjectKey {
  const slash = key.indexOf('/');
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
