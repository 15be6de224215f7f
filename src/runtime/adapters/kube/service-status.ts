/** ServiceL2Status and ServiceBGPStatus objects, read. */
import { formatKey } from '../../model/service.ts';
import {
  type ServiceBgpStatusView,
  type ServiceL2StatusView,
  STATUS_ADDRESSES_ANNOTATION,
} from '../../model/service-status.ts';
import { toStatusObjectView } from './status-object.ts';
import { asArray, asObject, asString, type Untyped } from './untyped.ts';

export function toServiceL2StatusView(raw: Untyped): ServiceL2StatusView {
  const { annotations, status, ...object } = toStatusObjectView(raw);
  return {
    ...object,
    addresses: annotations[STATUS_ADDRESSES_ANNOTATION] ?? '',
    node: asString(status['node']),
    serviceName: asString(status['serviceName']),
    serviceNamespace: asString(status['serviceNamespace']),
    interfaces: asArray(status['interfaces']).map((entry) => asString(asObject(entry)['name'])),
  };
}

export function toServiceBgpStatusView(raw: Untyped): ServiceBgpStatusView {
  const { annotations, status } = toStatusObjectView(raw);
  const [namespace, name] = [asString(status['serviceNamespace']), asString(status['serviceName'])];
  return {
    node: asString(status['node']),
    service: formatKey({ namespace, name }),
    peers: asArray(status['peers']).map(asString),
    addresses: annotations[STATUS_ADDRESSES_ANNOTATION] ?? '',
  };
}
