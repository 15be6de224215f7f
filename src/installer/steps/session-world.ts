/** Reads from a cluster which BGP sessions there ought to be, and what the speakers say of them. Changes nothing. */
import { decideConfig, NO_MEMORY } from '../../runtime/decide/configuration/config-source.ts';
import type { SessionWorld } from '../../runtime/decide/explain/session-list.ts';
import { InstallError } from '../errors.ts';
import { ADDON_NAMESPACE } from '../plan/addon-plan.ts';
import { orInstallError } from './apply-objects.ts';
import { peersOutOfForce, SESSION_STATUSES, type SessionStatusReader, sessionWords } from './bgp-world.ts';
import type { Cluster } from './cluster.ts';
import { type ObjectReaders, OLD_CONFIG_MAP, oldConfiguration } from './explain-world.ts';
import { readSpeakers } from './layer2-world.ts';
import { readConfiguration } from './read-configuration.ts';
import { listObjects, READ_WORLD } from './read-objects.ts';

/** How objects of the API are read; see ObjectReaders. */
export type SessionReaders = SessionStatusReader &
  Pick<ObjectReaders, 'node' | 'lease' | 'resource' | 'namespace' | 'configMap' | 'yaml'>;

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
    listObjects(cluster, SESSION_STATUSES, { namespace: ADDON_NAMESPACE }),
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
    statuses: sessionWords(statuses, readers),
    faultyPeers: peersOutOfForce({ source, faulty }),
    faults: errors.filter(({ path }) => ABOUT_SESSIONS.test(path)).map(({ path, message }) => `${path}: ${message}`),
    nowMs,
  };
}

async function mustBeServed(cluster: Cluster): Promise<void> {
  if (await orInstallError(READ_WORLD, cluster.serves(SESSION_STATUSES), 'asking which kinds there are')) return;
  throw new InstallError({
    kind: 'cluster',
    step: READ_WORLD,
    problem: `${cluster.server} knows no ${SESSION_STATUSES.kind} of ${SESSION_STATUSES.apiVersion}: this addon is not installed there, or in a version before it`,
    hint: 'install it, or bring it up to date, with ./install addon metallb',
  });
}
