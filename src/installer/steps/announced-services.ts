/**
 * Which Services are to be announced another way than they are, and which are already: read from the Services, what the
 * speakers say of them (ServiceL2Status, ServiceBGPStatus), and the advertisements in the cluster. Changes nothing.
 *
 * Only what is announced now, or ought to be, counts: a Service without a serving endpoint is announced by nobody, and is
 * waited for by nobody.
 */
import { configResources } from '../../runtime/decide/configuration/config-from-configmap.ts';
import { configFromResources } from '../../runtime/decide/configuration/config-from-resources.ts';
import { indexPools, poolOf } from '../../runtime/decide/pool-index.ts';
import { parseIp } from '../../runtime/model/ip.ts';
import { isSelected, type LabelSelector, type Labels } from '../../runtime/model/labels.ts';
import type { KubeObject } from '../kube-object.ts';
import { ADDON_NAMESPACE, type AddonPlan, type Protocol } from '../plan/addon-plan.ts';
import { rawResource } from '../render/controller-rules.ts';
import { orInstallError } from './apply-objects.ts';
import type { Cluster, Kind } from './cluster.ts';

/** Who announces by the speakers, and says of each Service that it does. */
export type SpokenProtocol = Exclude<Protocol, 'calico'>;

const METALLB = 'metallb.io/v1beta1';
const STATUSES: Readonly<Record<SpokenProtocol, Kind>> = {
  layer2: { apiVersion: METALLB, kind: 'ServiceL2Status' },
  bgp: { apiVersion: METALLB, kind: 'ServiceBGPStatus' },
};
const CONFIGURATION: readonly Kind[] = [
  ...['IPAddressPool', 'L2Advertisement', 'BGPAdvertisement', 'Community', 'BFDProfile'].map((kind) => ({
    apiVersion: METALLB,
    kind,
  })),
  { apiVersion: 'metallb.io/v1beta2', kind: 'BGPPeer' },
];

export interface AnnouncedService {
  /** "web/nginx" */
  readonly key: string;
  readonly addresses: readonly string[];
}

export interface Moving {
  /** To be announced the new way. */
  readonly covered: readonly AnnouncedService[];
  /** Announced the old way, and by no advertisement of the new. */
  readonly uncovered: readonly AnnouncedService[];
}

export interface MoveInput {
  readonly cluster: Cluster;
  readonly plan: Pick<AddonPlan, 'loadBalancerClass'>;
  /** Calico says of no Service that it announces it. */
  readonly from: readonly Protocol[];
  readonly to: SpokenProtocol;
}

export async function readMoving(step: string, { cluster, plan, from, to }: MoveInput): Promise<Moving> {
  const [services, slices, ...configuration] = await orInstallError(
    step,
    Promise.all([
      cluster.list({ apiVersion: 'v1', kind: 'Service' }),
      cluster.list({ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' }),
      ...CONFIGURATION.map((kind) => cluster.list(kind, { namespace: ADDON_NAMESPACE })),
    ]),
  );
  const spoken = from.filter((protocol) => protocol !== 'calico');
  const known = await Promise.all(spoken.map((protocol) => announcedKeys(step, cluster, protocol)));
  const wasAnnounced = (key: string): boolean => from.includes('calico') || known.some((keys) => keys.has(key));
  const isServed = servedKeys(slices);
  const isCovered = coverageOf(configuration.flat(), to);
  const moving = services
    .filter((service) => isOfClass(service, plan.loadBalancerClass))
    .map((service) => ({ service, key: keyOf(service), addresses: addressesOf(service) }))
    .filter(({ key, addresses }) => addresses.length > 0 && isServed.has(key) && wasAnnounced(key));
  const told = (isWanted: boolean): readonly AnnouncedService[] =>
    moving
      .filter(({ service, addresses }) => isCovered(addresses, labelsOf(service)) === isWanted)
      .map(({ key, addresses }) => ({ key, addresses }));
  // Of what Calico announces without us, nothing is known.
  return { covered: told(true), uncovered: from.includes('calico') ? [] : told(false) };
}

/** Services ("namespace/name") that the speakers say they announce. */
export async function announcedKeys(
  step: string,
  cluster: Cluster,
  protocol: SpokenProtocol,
): Promise<ReadonlySet<string>> {
  const objects = await orInstallError(step, cluster.list(STATUSES[protocol], { namespace: ADDON_NAMESPACE }));
  const statuses = objects.map((object) => (object['status'] ?? {}) as ServiceStatus);
  const inForce = protocol === 'bgp' ? statuses.filter(({ peers = [] }) => peers.length > 0) : statuses;
  return new Set(inForce.map(({ serviceNamespace, serviceName }) => `${serviceNamespace}/${serviceName}`));
}

interface ServiceStatus {
  readonly serviceName?: string;
  readonly serviceNamespace?: string;
  readonly peers?: readonly string[];
}

/** Whether an advertisement in the cluster announces one of the addresses, of a Service with these labels. */
function coverageOf(
  objects: readonly KubeObject[],
  protocol: SpokenProtocol,
): (addresses: readonly string[], labels: Labels) => boolean {
  const { config } = configFromResources(configResources(objects.map(rawResource)));
  const index = indexPools(config);
  const advertisements: readonly { pools: readonly string[]; serviceSelectors: readonly LabelSelector[] }[] =
    protocol === 'bgp' ? config.bgpAdvertisements : config.l2Advertisements;
  return (addresses, labels) => {
    const pools = addresses.flatMap((text) => {
      const ip = parseIp(text);
      return (ip.ok ? poolOf(index, ip.value)?.name : undefined) ?? [];
    });
    return advertisements.some(
      ({ pools: covered, serviceSelectors }) =>
        pools.some((pool) => covered.includes(pool)) && isSelected(serviceSelectors, labels),
    );
  };
}

function servedKeys(slices: readonly KubeObject[]): ReadonlySet<string> {
  const served = slices.filter((slice) =>
    ((slice['endpoints'] ?? []) as readonly Endpoint[]).some(({ conditions = {} }) => {
      // Kubernetes API, EndpointConditions: an absent "ready" is to be taken as true.
      return (conditions.ready ?? true) || conditions.serving === true;
    }),
  );
  return new Set(
    served.map((slice) => `${slice.metadata.namespace}/${labelsOf(slice)['kubernetes.io/service-name'] ?? ''}`),
  );
}

interface Endpoint {
  readonly conditions?: { readonly ready?: boolean | null; readonly serving?: boolean | null };
}

function isOfClass(service: KubeObject, loadBalancerClass: string | undefined): boolean {
  const spec = (service['spec'] ?? {}) as { readonly type?: string; readonly loadBalancerClass?: string };
  return spec.type === 'LoadBalancer' && spec.loadBalancerClass === loadBalancerClass;
}

function addressesOf(service: KubeObject): readonly string[] {
  const status = (service['status'] ?? {}) as { readonly loadBalancer?: { readonly ingress?: readonly Ingress[] } };
  return (status.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []);
}

interface Ingress {
  readonly ip?: string;
}

function labelsOf(object: KubeObject): Labels {
  return (object.metadata['labels'] ?? {}) as Labels;
}

function keyOf({ metadata }: KubeObject): string {
  return `${metadata.namespace}/${metadata.name}`;
}
