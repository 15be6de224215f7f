/**
 * Reads what Calico's objects say of BGP: the blocks of LoadBalancer addresses that it advertises, and the routers that it
 * speaks to. Of whichever of its two groups the cluster serves, as the controller chooses between them.
 */
import {
  CALICO_API_VERSIONS,
  CALICO_BGP_NAME,
  type CalicoApiVersion,
  type CalicoBgpConfiguration,
} from '../../runtime/model/calico.ts';
import type { KubeObject } from '../kube-object.ts';
import { type Cluster, ClusterError, type ObjectRef } from './cluster.ts';

export interface CalicoObjects {
  readonly ref: ObjectRef;
  /** Absent: nobody has made the object. */
  readonly bgp?: CalicoBgpConfiguration;
  readonly peers: readonly CalicoPeer[];
  /** TCP port at which its BIRD listens on every node. */
  readonly listenPort: number;
}

/** Where nobody sets another. */
const LISTEN_PORT = 179;

/** A router that Calico's nodes speak to. */
export interface CalicoPeer {
  readonly name: string;
  /** "10.0.0.1", "10.0.0.1:1790", "[fd00::1]:179"; "": peers are chosen by a selector, among the nodes themselves. */
  readonly address: string;
}

/**
 * Undefined: the cluster has no Calico. Rejects with ClusterError where its API is there and does not answer, and
 * nothing else tells.
 */
export async function readCalico(cluster: Cluster): Promise<CalicoObjects | undefined> {
  let failure: ClusterError | undefined;
  for (const version of CALICO_API_VERSIONS) {
    try {
      if (await cluster.serves({ apiVersion: version, kind: 'BGPConfiguration' }))
        return await readOf(cluster, version);
    } catch (error) {
      if (!(error instanceof ClusterError)) throw error;
      // Calico's own API server may be down, and what it stores in still be readable.
      failure = error;
    }
  }
  if (failure !== undefined) throw failure;
  return undefined;
}

async function readOf(cluster: Cluster, apiVersion: CalicoApiVersion): Promise<CalicoObjects> {
  const ref = { apiVersion, kind: 'BGPConfiguration', metadata: { name: CALICO_BGP_NAME } };
  const [object, peers] = [await cluster.get(ref), await cluster.list({ apiVersion, kind: 'BGPPeer' })];
  return {
    ref,
    ...(object === undefined ? {} : { bgp: toBgpConfiguration(object) }),
    peers: peers.map(({ metadata, spec }) => ({
      name: metadata.name,
      address: textOf((spec as { peerIP?: unknown } | undefined)?.peerIP),
    })),
    listenPort: Number((object?.['spec'] as { listenPort?: unknown } | undefined)?.listenPort ?? LISTEN_PORT),
  };
}

function toBgpConfiguration({ metadata, spec }: KubeObject): CalicoBgpConfiguration {
  const blocks = (spec as { serviceLoadBalancerIPs?: unknown } | undefined)?.serviceLoadBalancerIPs;
  return {
    resourceVersion: textOf(metadata['resourceVersion']),
    annotations: (metadata['annotations'] ?? {}) as Readonly<Record<string, string>>,
    blocks: (Array.isArray(blocks) ? blocks : []).map((block: unknown) => {
      const fields = (typeof block === 'object' && block !== null ? block : {}) as Readonly<Record<string, unknown>>;
      return { ...fields, cidr: textOf(fields['cidr']) };
    }),
  };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
