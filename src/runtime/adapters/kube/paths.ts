/** The API paths this project reads and writes. */
export const SERVICES_PATH = '/api/v1/services';
export const NAMESPACES_PATH = '/api/v1/namespaces';
export const NODES_PATH = '/api/v1/nodes';
/** Not there before Kubernetes 1.33. */
export const SERVICE_CIDRS_PATH = '/apis/networking.k8s.io/v1/servicecidrs';
export const ENDPOINT_SLICES_PATH = '/apis/discovery.k8s.io/v1/endpointslices';

/** Plurals of MetalLB's kinds, and of our own in its group, and the version each is stored in. */
const METALLB_VERSIONS = {
  ipaddresspools: 'v1beta1',
  l2advertisements: 'v1beta1',
  bgpadvertisements: 'v1beta1',
  bgppeers: 'v1beta2',
  bfdprofiles: 'v1beta1',
  communities: 'v1beta1',
  servicel2statuses: 'v1beta1',
  servicebgpstatuses: 'v1beta1',
  bgpsessionstatuses: 'v1beta1',
  configurationstates: 'v1beta1',
} as const;

export type MetallbPlural = keyof typeof METALLB_VERSIONS;

/** "metallb.io/v1beta1" */
export function metallbApiVersion(plural: MetallbPlural): string {
  return `metallb.io/${METALLB_VERSIONS[plural]}`;
}

/** The list of one of MetalLB's kinds in a namespace. */
export function metallbPath(plural: MetallbPlural, namespace: string): string {
  return `/apis/${metallbApiVersion(plural)}/namespaces/${namespace}/${plural}`;
}

/** A list of a core kind in a namespace: corePath('configmaps', 'metallb-system'). */
export function corePath(plural: string, namespace: string): string {
  return `/api/v1/namespaces/${namespace}/${plural}`;
}

export function leasesPath(namespace: string): string {
  return `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
}
