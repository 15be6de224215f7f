/** Reads from a cluster the custom resources that the configuration is made of. Changes nothing. */
import type { RawResource } from '../../runtime/model/resource.ts';
import type { KubeObject } from '../kube-object.ts';
import { ADDON_NAMESPACE } from '../plan/addon-plan.ts';
import type { Cluster } from './cluster.ts';
import { listObjects } from './read-objects.ts';

/** How an object of the kind is read. */
export interface ResourceReader {
  readonly resource: (kind: string) => (object: KubeObject) => RawResource;
}

const CONFIGURATION = [
  ['pools', 'IPAddressPool', 'v1beta1'],
  ['l2Advertisements', 'L2Advertisement', 'v1beta1'],
  ['bgpAdvertisements', 'BGPAdvertisement', 'v1beta1'],
  ['bgpPeers', 'BGPPeer', 'v1beta2'],
  ['communities', 'Community', 'v1beta1'],
  ['bfdProfiles', 'BFDProfile', 'v1beta1'],
] as const;
type ConfigurationList = (typeof CONFIGURATION)[number][0];

/** All but Secrets, which no command reads: a password that is missing is told by the session. */
export async function readConfiguration(
  cluster: Cluster,
  readers: ResourceReader,
): Promise<Record<ConfigurationList, readonly RawResource[]>> {
  const lists = await Promise.all(
    CONFIGURATION.map(async ([name, kind, version]) => {
      const scope = { namespace: ADDON_NAMESPACE };
      const objects = await listObjects(cluster, { apiVersion: `metallb.io/${version}`, kind }, scope);
      return [name, objects.map(readers.resource(kind))] as const;
    }),
  );
  return Object.fromEntries(lists) as Record<ConfigurationList, RawResource[]>;
}
