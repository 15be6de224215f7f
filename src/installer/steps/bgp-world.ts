/**
 * Reads from a cluster what the speakers say of BGP: which routers they told of which Services, and how their sessions fare.
 * Changes nothing.
 */
import type { FaultyObject } from '../../runtime/decide/configuration/accepted.ts';
import type { DecidedConfig } from '../../runtime/decide/configuration/config-source.ts';
import type { BgpWorld } from '../../runtime/decide/explain/bgp-world.ts';
import type { SessionWord } from '../../runtime/decide/explain/session-list.ts';
import type { BgpSessionStatus } from '../../runtime/model/bgp-session-status.ts';
import { holdsBack } from '../../runtime/model/config.ts';
import type { ServiceBgpStatusView } from '../../runtime/model/service-status.ts';
import type { KubeObject } from '../kube-object.ts';
import { ADDON_NAMESPACE } from '../plan/addon-plan.ts';
import type { Cluster, Kind } from './cluster.ts';
import { listObjects } from './read-objects.ts';

export const SESSION_STATUSES: Kind = { apiVersion: 'metallb.io/v1beta1', kind: 'BGPSessionStatus' };
const SERVICE_STATUSES: Kind = { apiVersion: 'metallb.io/v1beta1', kind: 'ServiceBGPStatus' };

export interface SessionStatusReader {
  /** Undefined: it does not say yet of what it speaks. */
  readonly sessionStatus: (object: KubeObject) => BgpSessionStatus | undefined;
}

/** How objects of the API are read; see ObjectReaders. */
export interface BgpReaders extends SessionStatusReader {
  readonly bgpStatus: (object: KubeObject) => ServiceBgpStatusView;
}

/** All but what the configuration says. */
export async function readBgpWorld(
  cluster: Cluster,
  readers: BgpReaders,
): Promise<Pick<BgpWorld, 'statuses' | 'sessions'>> {
  const [statuses, sessions] = await Promise.all([
    listObjects(cluster, SERVICE_STATUSES, { namespace: ADDON_NAMESPACE }),
    listObjects(cluster, SESSION_STATUSES, { namespace: ADDON_NAMESPACE }),
  ]);
  return { statuses: statuses.map(readers.bgpStatus), sessions: sessionWords(sessions, readers) };
}

export function sessionWords(
  objects: readonly KubeObject[],
  { sessionStatus }: SessionStatusReader,
): readonly SessionWord[] {
  return objects
    .flatMap((object) => sessionStatus(object) ?? [])
    .map((status) => ({ status, sinceMs: Date.parse(status.since) }));
}

/** BGPPeers that are not in force as they are written, by name. */
export function peersOutOfForce({ source, faulty }: Pick<DecidedConfig, 'source' | 'faulty'>): readonly string[] {
  return source === 'resources' ? faulty.filter(isPeerOutOfForce).map(({ object }) => object.name) : [];
}

function isPeerOutOfForce({ object, errors }: FaultyObject): boolean {
  return object.kind === 'BGPPeer' && errors.some(holdsBack);
}
