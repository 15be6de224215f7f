/** Reads from a cluster which BGP sessions there ought to be, and what the speakers say of them. Changes nothing. */
import type { FaultyObject } from '../../runtime/decide/configuration/accepted.ts';
import { decideConfig, NO_MEMORY } from '../../runtime/decide/configuration/config-source.ts';
import type { SessionWorld } from '../../runtime/decide/explain/session-list.ts';
import type { BgpSessionStatus } from '../../runtime/model/bgp-session-status.ts';
import { holdsBack } from '../../runtime/model/config.ts';
import { InstallError } from '../errors.ts';
import type { KubeObject } from '../kube-object.ts';
import { ADDON_NAMESPACE } from '../plan/addon-plan.ts';
import { orInstallError } from './apply-objects.ts';
import type { Cluster, Kind } from './cluster.ts';
import { type ObjectReaders, OLD_CONFIG_MAP, oldConfiguration } from './explain-world.ts';
import { readSpeakers } from './layer2-world.ts';
import { listObjects, READ_WORLD } from './read-objects.ts';

/** How objects of the API are read; see ObjectReaders. */
export interface SessionReaders
  extends Pick<ObjectReaders, 'node' | 'lease' | 'resource' | 'namespace' | 'configMap' | 'yaml'> {
  /** Undefined: it does not say yet of what it speaks. */
  readonly sessionStatus: (object: KubeObject) => BgpSessionStatus | undefined;
}

const STATUSES: Kind = { apiVersion: 'metallb.io/v1beta1', kind: 'BGPSessionStatus' };
const CONFIGURATION = [
  ['pools', 'IPAddressPool', 'v1beta1'],
  ['l2Advertisements', 'L2Advertisement', 'v1beta1'],
  ['bgpAdvertisements', 'BGPAdvertisement', 'v1beta1'],
  ['bgpPeers', 'BGPPeer', 'v1beta2'],
  ['communities', 'Community', 'v1beta1'],
  ['bfdProfiles', 'BFDProfile', 'v1beta1'],
] as const;
type ConfigurationList = (typeof CONFIGURATION)[number][0];
/** Whose faults matter to a session. */
const ABOUT_SESSIONS = /^(BGPPeer|BFDProfile|ConfigMap) /;

export async function readSessionWorld(
  cluster: Cluster,
  readers: SessionReaders,
  nowMs: number,
): Promise<SessionWorld> {
  await mustBeServed(cluster);
  const [nodes, namespaces, speakers, statuses, configMap, lists] = await Promise.all([
    listObjects(cluster, { apiVersion: 'v1', kind: 'Node' }),
    listObjects(cluster, { apiVersion: 'v1', kind: 'Namespace' }),
    readSpeakers(cluster, readers, nowMs),
    listObjects(cluster, STATUSES, { namespace: ADDON_NAMESPACE }),
    orInstallError(READ_WORLD, cluster.get(OLD_CONFIG_MAP), 'reading the old ConfigMap'),
    readConfiguration(cluster, readers),
  ]);
  const labelled = nodes.map(readers.node);
  const resources = { ...lists, namespaces: namespaces.map(readers.namespace), nodes: labelled };
  const old = configMap === undefined ? {} : { configMap: await oldConfiguration(configMap, readers) };
  // Secrets are not this command's to read: a password that is missing is told by the session.
  const { config, source, errors, faulty } = decideConfig({ resources, ...old }, NO_MEMORY);
  return {
    peers: config?.bgpPeers ?? [],
    nodes: labelled,
    speakers,
    statuses: statuses
      .flatMap((object) => readers.sessionStatus(object) ?? [])
      .map((status) => ({ status, sinceMs: Date.parse(status.since) })),
    faultyPeers: source === 'resources' ? faulty.filter(isPeerOutOfForce).map(({ object }) => object.name) : [],
    faults: errors.filter(({ path }) => ABOUT_SESSIONS.test(path)).map(({ path, message }) => `${path}: ${message}`),
    nowMs,
  };
}

function isPeerOutOfForce({ object, errors }: FaultyObject): boolean {
  return object.kind === 'BGPPeer' && errors.some(holdsBack);
}

async function mustBeServed(cluster: Cluster): Promise<void> {
  if (await orInstallError(READ_WORLD, cluster.serves(STATUSES), 'asking which kinds there are')) return;
  throw new InstallError({
    kind: 'cluster',
    step: READ_WORLD,
    problem: `${cluster.server} knows no ${STATUSES.kind} of ${STATUSES.apiVersion}: this addon is not installed there, or in a version before it`,
    hint: 'install it, or bring it up to date, with ./install addon metallb',
  });
}

async function readConfiguration(cluster: Cluster, readers: Pick<ObjectReaders, 'resource'>) {
  const lists = await Promise.all(
    CONFIGURATION.map(async ([name, kind, version]) => {
      const scope = { namespace: ADDON_NAMESPACE };
      const objects = await listObjects(cluster, { apiVersion: `metallb.io/${version}`, kind }, scope);
      return [name, objects.map(readers.resource(kind))] as const;
    }),
  );
  return Object.fromEntries(lists) as Record<ConfigurationList, ReturnType<ReturnType<ObjectReaders['resource']>>[]>;
}
