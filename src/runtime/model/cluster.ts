/** The cluster's own objects as the decisions see them, cut down to the fields that matter here. */
import type { Ip } from './ip.ts';
import type { Labels } from './labels.ts';
import type { NodeView } from './node.ts';
import type { AddressRange } from './range.ts';
import type { Result } from './result.ts';
import type { EndpointView, ObjectKey } from './service.ts';

export interface NamespaceView {
  readonly name: string;
  readonly labels: Labels;
  /** Only those under metallb.io/ and metallb.universe.tf/. Absent: none. */
  readonly annotations?: Labels;
}

/** A Node's addresses and networks, and nothing else of it: what changes with every heartbeat is no change here. */
export interface NodeAddresses {
  readonly name: string;
  /** status.addresses of the types InternalIP and ExternalIP. */
  readonly addresses: readonly Ip[];
  /** spec.podCIDRs; empty where the network plugin does without. */
  readonly podNetworks: readonly AddressRange[];
}

/** A network of ClusterIPs (networking.k8s.io ServiceCIDR). */
export interface ServiceCidrView {
  readonly name: string;
  readonly networks: readonly AddressRange[];
}

/** All that is read of a Node; elections use the NodeView part of it. */
export interface NodeDetails extends NodeView {
  readonly uid: string;
  /** Condition Ready is True. */
  readonly ready: boolean;
  /** Cordoned: spec.unschedulable. */
  readonly unschedulable: boolean;
  /** status.addresses of type InternalIP that parse, in their order. */
  readonly internalIps: readonly Ip[];
}

/** One EndpointSlice; a Service's endpoints are those of all slices that name it. */
export interface EndpointSliceView extends ObjectKey {
  /** The Service it belongs to, of the same namespace: label kubernetes.io/service-name. */
  readonly serviceName: string;
  readonly endpoints: readonly EndpointView[];
}

/** A Secret of type kubernetes.io/basic-auth, and no more of it than the password. */
export interface SecretView extends ObjectKey {
  /** What is under the key "password", or why that is none: 'has no key "password"'. Never to be shown. */
  readonly password: Result<string>;
}

export interface ConfigMapView extends ObjectKey {
  readonly uid: string;
  readonly resourceVersion: string;
  readonly annotations: Labels;
  readonly data: Readonly<Record<string, string>>;
}

export interface LeaseView extends ObjectKey {
  readonly uid: string;
  readonly resourceVersion: string;
  /** Only the annotations under metallb.io/ and metallb.universe.tf/. */
  readonly annotations: Labels;
  /** "" while nobody holds it. */
  readonly holder: string;
  readonly durationSeconds: number;
  /** RFC 3339 with microseconds, as the API holds it; "" before the first renewal. */
  readonly renewTime: string;
}
