/**
 * Which Services are to be announced another way than they are, and which are already: read from the Services, what the
 * speakers say of them (ServiceL2Status, ServiceBGPStatus), and the advertisements in the cluster. Changes nothing.
 *
 * Only what is announced now, or ought to be, counts: a Service without a serving endpoint is announced by nobody, and is
 * waited for by nobody. Each address counts for itself: of a Service with two, one may be announced and the other not.
 */
import { configResources } from '../../runtime/decide/configuration/config-from-configmap.ts';
import { configFromResources } from '../../runtime/decide/configuration/config-from-resources.ts';
import { indexPools, poolOf } from '../../runtime/decide/pool-index.ts';
import { type Ip, parseIp } from '../../runtime/model/ip.ts';
import { isSelected, type LabelSelector, type Labels } from '../../runtime/model/labels.ts';
import { STATUS_ADDRESSES_ANNOTATION } from '../../runtime/model/service-status.ts';
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
  /** Those of the Service that are spoken of. */
  readonly addresses: readonly Ip[];
}

/**
 * Of each Service ("namespace/name") that is announced the addresses that are, by any node. None: it is not said which, as by
 * MetalLB's own speakers.
 */
export type AnnouncedAddresses = ReadonlyMap<string, ReadonlySet<Ip>>;

export interface Moving {
  /** Announced the old way, and to be announced the new way. */
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
  const known = await Promise.all(spoken.map((protocol) => announcedAddresses(step, cluster, protocol)));
  // Of what Calico announces without us, nothing is known.
  const isAllAnnounced = from.includes('calico');
  const wasAnnounced = (key: string, ip: Ip): boolean =>
    isAllAnnounced || known.some((announced) => isMeant(ip, announced.get(key)));
  const isServed = servedKeys(slices);
  const isCovered = coverageOf(configuration.flat(), to);
  const moving = services
    .filter((service) => isOfClass(service, plan.loadBalancerClass) && isServed.has(keyOf(service)))
    .map((service) => {
      const key = keyOf(service);
      return { key, labels: labelsOf(service), addresses: addressesOf(service).filter((ip) => wasAnnounced(key, ip)) };
    });
  const told = (isWanted: boolean): readonly AnnouncedService[] =>
    moving
      .map(({ key, labels, addresses }) => ({
        key,
        addresses: addresses.filter((ip) => isCovered(ip, labels) === isWanted),
      }))
      .filter(({ addresses }) => addresses.length > 0);
  return { covered: told(true), uncovered: isAllAnnounced ? [] : told(false) };
}

/** What is not told apart is taken for announced where it is to be kept. */
function isMeant(ip: Ip, announced: ReadonlySet<Ip> | undefined): boolean {
  return announced !== undefined && (announced.size === 0 || announced.has(ip));
}

/** What the speakers say they announce. */
export async function announcedAddresses(
  step: string,
  cluster: Cluster,
  protocol: SpokenProtocol,
): Promise<AnnouncedAddresses> {
  const objects = await orInstallError(step, cluster.list(STATUSES[protocol], { namespace: ADDON_NAMESPACE }));
  const announced = new Map<string, Set<Ip>>();
  for (const object of objects) {
    const { serviceNamespace, serviceName, peers = [] } = (object['status'] ?? {}) as ServiceStatus;
    if (protocol === 'bgp' && peers.length === 0) continue;
    const key = `${serviceNamespace}/${serviceName}`;
    const addresses = announced.get(key) ?? new Set();
    announced.set(key, addresses);
    const annotations = (object.metadata['annotations'] ?? {}) as Readonly<Record<string, string>>;
    for (const text of (annotations[STATUS_ADDRESSES_ANNOTATION] ?? '').split(',')) {
      for (const ip of readIp(text)) addresses.add(ip);
    }
  }
  return announced;
}

/** The Services that have addresses which are not announced, and these. */
export function notAnnounced(
  services: readonly AnnouncedService[],
  announced: AnnouncedAddresses,
): readonly AnnouncedService[] {
  return services
    .map(({ key, addresses }) => ({ key, addresses: addresses.filter((ip) => !announced.get(key)?.has(ip)) }))
    .filter(({ addresses }) => addresses.length > 0);
}

interface ServiceStatus {
  readonly serviceName?: string;
  readonly serviceNamespace?: string;
  readonly peers?: readonly string[];
}

/** Whether an advertisement in the cluster announces the address, of a Service with these labels. */
function coverageOf(objects: readonly KubeObject[], protocol: SpokenProtocol): (ip: Ip, labels: Labels) => boolean {
  const { config } = configFromResources(configResources(objects.map(rawResource)));
  const index = indexPools(config);
  const advertisements: readonly { pools: readonly string[]; serviceSelectors: readonly LabelSelector[] }[] =
    protocol === 'bgp' ? config.bgpAdvertisements : config.l2Advertisements;
  return (ip, labels) => {
    const pool = poolOf(index, ip)?.name;
    return advertisements.some(
      ({ pools, serviceSelectors }) =>
        pool !== undefined && pools.includes(pool) && isSelected(serviceSelectors, labels),
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

function addressesOf(service: KubeObject): readonly Ip[] {
  const status = (service['status'] ?? {}) as { readonly loadBalancer?: { readonly ingress?: readonly Ingress[] } };
  return (status.loadBalancer?.ingress ?? []).flatMap(({ ip }) => readIp(ip ?? ''));
}

function readIp(text: string): readonly Ip[] {
  const ip = parseIp(text);
  return ip.ok ? [ip.value] : [];
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
