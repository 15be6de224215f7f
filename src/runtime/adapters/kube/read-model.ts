/**
 * API objects to the values that decisions read: the only place that knows how Kubernetes spells them. Each function
 * is an informer's toView. They take anything: what is missing or malformed becomes the field's nothing, because one odd
 * object must not stop the rest; undefined means that the object is of no use at all.
 */
import type {
  ConfigMapView,
  EndpointSliceView,
  LeaseView,
  NamespaceView,
  NodeAddresses,
  NodeDetails,
  SecretView,
  ServiceCidrView,
} from '../../model/cluster.ts';
import { type Ip, parseIp } from '../../model/ip.ts';
import type { Labels } from '../../model/labels.ts';
import { type AddressRange, parseAddressRange } from '../../model/range.ts';
import type { RawResource } from '../../model/resource.ts';
import { err, ok, type Result } from '../../model/result.ts';
import type { EndpointView } from '../../model/service.ts';
import { asArray, asNumber, asObject, asString, asTexts, type Untyped } from './untyped.ts';

export function toNamespaceView(raw: Untyped): NamespaceView {
  const metadata = asObject(raw['metadata']);
  return {
    name: asString(metadata['name']),
    labels: asTexts(metadata['labels']),
    annotations: ownAnnotations(metadata),
  };
}

export function toNodeDetails(raw: Untyped): NodeDetails {
  const metadata = asObject(raw['metadata']);
  const spec = asObject(raw['spec']);
  const status = asObject(raw['status']);
  return {
    name: asString(metadata['name']),
    uid: asString(metadata['uid']),
    labels: asTexts(metadata['labels']),
    networkUnavailable: conditionIsTrue(status, 'NetworkUnavailable'),
    ready: conditionIsTrue(status, 'Ready'),
    unschedulable: spec['unschedulable'] === true,
    taints: asArray(spec['taints']).map((taint) => {
      const { key, value, effect } = asObject(taint);
      return { key: asString(key), value: asString(value), effect: asString(effect) };
    }),
    internalIps: asArray(status['addresses']).flatMap((address) => {
      const { type, address: text } = asObject(address);
      return type === 'InternalIP' ? parsedIps([text]) : [];
    }),
  };
}

export function toNodeAddresses(raw: Untyped): NodeAddresses {
  const spec = asObject(raw['spec']);
  return {
    name: asString(asObject(raw['metadata'])['name']),
    addresses: asArray(asObject(raw['status'])['addresses']).flatMap((address) => {
      const { type, address: text } = asObject(address);
      return type === 'InternalIP' || type === 'ExternalIP' ? parsedIps([text]) : [];
    }),
    // Nodes of before 1.20 have the single field only.
    podNetworks: parsedRanges(asArray(spec['podCIDRs'] ?? [spec['podCIDR']])),
  };
}

export function toServiceCidrView(raw: Untyped): ServiceCidrView {
  return {
    name: asString(asObject(raw['metadata'])['name']),
    networks: parsedRanges(asArray(asObject(raw['spec'])['cidrs'])),
  };
}

/** Undefined for a slice that belongs to no Service. */
export function toEndpointSliceView(raw: Untyped): EndpointSliceView | undefined {
  const metadata = asObject(raw['metadata']);
  const serviceName = asTexts(metadata['labels'])['kubernetes.io/service-name'];
  if (serviceName === undefined || serviceName === '') return undefined;
  return {
    namespace: asString(metadata['namespace']),
    name: asString(metadata['name']),
    serviceName,
    endpoints: asArray(raw['endpoints']).map((endpoint) => toEndpointView(asObject(endpoint))),
  };
}

function toEndpointView(raw: Untyped): EndpointView {
  const conditions = asObject(raw['conditions']);
  const nodeName = asString(raw['nodeName']);
  // Kubernetes API, EndpointConditions: an absent "ready" is to be taken as true.
  const serving = (conditions['ready'] ?? true) === true || conditions['serving'] === true;
  return nodeName === '' ? { serving } : { nodeName, serving };
}

/** The informer's list names the kind nowhere in its items, so the caller does. */
export function toRawResource(kind: string): (raw: Untyped) => RawResource {
  return (raw) => {
    const metadata = asObject(raw['metadata']);
    return {
      kind,
      namespace: asString(metadata['namespace']),
      name: asString(metadata['name']),
      uid: asString(metadata['uid']),
      resourceVersion: asString(metadata['resourceVersion']),
      createdAtMs: Date.parse(asString(metadata['creationTimestamp'])) || 0,
      generation: asNumber(metadata['generation']),
      labels: asTexts(metadata['labels']),
      annotations: ownAnnotations(metadata),
      spec: raw['spec'],
      status: raw['status'],
    };
  };
}

/** A ConfigurationState: our own, to see whether it still is and says what it should. */
export interface ConfigurationStateView extends RawResource {
  /** The objects that it goes away with. */
  readonly ownerUids: readonly string[];
}

export function toConfigurationStateView(raw: Untyped): ConfigurationStateView {
  const owners = asArray(asObject(raw['metadata'])['ownerReferences']).map(asObject);
  return { ...toRawResource('ConfigurationState')(raw), ownerUids: owners.map(({ uid }) => asString(uid)) };
}

export function toConfigMapView(raw: Untyped): ConfigMapView {
  const metadata = asObject(raw['metadata']);
  return {
    namespace: asString(metadata['namespace']),
    name: asString(metadata['name']),
    uid: asString(metadata['uid']),
    resourceVersion: asString(metadata['resourceVersion']),
    annotations: ownAnnotations(metadata),
    data: asTexts(raw['data']),
  };
}

const BASIC_AUTH = 'kubernetes.io/basic-auth';
const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** Undefined for a Secret that is not of type kubernetes.io/basic-auth. */
export function toSecretView(raw: Untyped): SecretView | undefined {
  if (raw['type'] !== BASIC_AUTH) return undefined;
  const metadata = asObject(raw['metadata']);
  return {
    namespace: asString(metadata['namespace']),
    name: asString(metadata['name']),
    password: readPassword(asTexts(raw['data'])['password']),
  };
}

/**
 * Without a line break at the end: a file that a password was written to has one, a password has not.
 *
 * Deviation: MetalLB's native mode signs with the line break; in its FRR modes it ends the line of the configuration.
 */
function readPassword(base64: string | undefined): Result<string> {
  if (base64 === undefined) return err('has no key "password"');
  try {
    return ok(UTF8.decode(Buffer.from(base64, 'base64')).replace(/\r?\n$/, ''));
  } catch {
    return err('has a password that is not text in UTF-8');
  }
}

export function toLeaseView(raw: Untyped): LeaseView {
  const metadata = asObject(raw['metadata']);
  const spec = asObject(raw['spec']);
  return {
    namespace: asString(metadata['namespace']),
    name: asString(metadata['name']),
    uid: asString(metadata['uid']),
    resourceVersion: asString(metadata['resourceVersion']),
    annotations: ownAnnotations(metadata),
    holder: asString(spec['holderIdentity']),
    durationSeconds: asNumber(spec['leaseDurationSeconds']),
    renewTime: asString(spec['renewTime']),
  };
}

/** Only ours: others' (kubectl's last-applied copy of the whole object, for one) would be kept for nothing. */
export function ownAnnotations(metadata: Untyped): Labels {
  const own: Record<string, string> = {};
  for (const [key, value] of Object.entries(asTexts(metadata['annotations']))) {
    if (key.startsWith('metallb.io/') || key.startsWith('metallb.universe.tf/')) own[key] = value;
  }
  return own;
}

export function parsedIps(texts: readonly unknown[]): Ip[] {
  return texts.flatMap((text) => {
    const ip = parseIp(asString(text));
    return ip.ok ? [ip.value] : [];
  });
}

function parsedRanges(texts: readonly unknown[]): AddressRange[] {
  return texts.flatMap((text) => {
    const range = parseAddressRange(asString(text));
    return range.ok ? [range.value] : [];
  });
}

function conditionIsTrue(status: Untyped, type: string): boolean {
  return asArray(status['conditions'])
    .map(asObject)
    .some((condition) => condition['type'] === type && condition['status'] === 'True');
}
