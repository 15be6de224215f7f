/**
 * A Service as the decisions see it: just the fields that allocation and announcement depend on, already parsed. The
 * read model in adapters/kube makes it from the API object and forgets the rest, so that ten thousand Services stay
 * small in memory.
 */
import type { Ip, IpFamily } from './ip.ts';
import type { Labels } from './labels.ts';

export interface ObjectKey {
  readonly namespace: string;
  readonly name: string;
}

/** "namespace/name", as Kubernetes tools print it. */
export function formatKey(key: ObjectKey): string {
  return `${key.namespace}/${key.name}`;
}

export interface ServicePort {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  /** 1 … 65535 */
  readonly port: number;
}

/** One entry of status.loadBalancer.ingress. An entry that holds no parsable address keeps what it held instead. */
export interface IngressView {
  readonly ip?: Ip;
  readonly hostname?: string;
  /** The ip field's text where it is not an address. */
  readonly malformedIp?: string;
  /** 'VIP' is what the API server defaults to; absent on servers older than 1.29. */
  readonly ipMode?: string;
}

export interface ServiceView extends ObjectKey {
  readonly uid: string;
  readonly resourceVersion: string;
  /** Milliseconds since the Unix epoch, from metadata.creationTimestamp. */
  readonly createdAtMs: number;
  /** metadata.deletionTimestamp is set. */
  readonly deleting: boolean;
  readonly type: string;
  readonly loadBalancerClass?: string;
  readonly labels: Labels;
  /** Only the annotations under metallb.io/ and metallb.universe.tf/. */
  readonly annotations: Labels;
  /** spec.clusterIPs that parse as addresses, in their order; "None" is left out. */
  readonly clusterIps: readonly Ip[];
  readonly ipFamilies: readonly IpFamily[];
  readonly ipFamilyPolicy: 'SingleStack' | 'PreferDualStack' | 'RequireDualStack';
  readonly externalTrafficPolicy: 'Cluster' | 'Local';
  readonly selector: Labels;
  readonly ports: readonly ServicePort[];
  /** spec.loadBalancerIP as written; "" counts as absent. */
  readonly loadBalancerIp?: string;
  readonly ingress: readonly IngressView[];
  readonly conditions: readonly ConditionView[];
}

/** A metav1.Condition on an object's status. */
export interface ConditionView {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number;
  /** RFC 3339, as the API holds it. */
  readonly lastTransitionTime?: string;
}

/** Where a Service's endpoints are: one entry an endpoint, of all its EndpointSlices together. */
export interface EndpointView {
  /** The node it runs on; absent for endpoints outside the cluster. */
  readonly nodeName?: string;
  /** ready, or terminating but still serving: may be sent traffic. */
  readonly serving: boolean;
}
