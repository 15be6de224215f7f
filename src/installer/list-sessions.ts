/** The BGP sessions of a cluster, as its speakers see them. Called by the command line. Changes nothing. */
import { listSessions, type SessionFilter, type SessionList } from '../runtime/decide/explain/session-list.ts';
import type { Cluster } from './steps/cluster.ts';
import { reachServer } from './steps/preflight.ts';
import { readSessionWorld, type SessionReaders } from './steps/session-world.ts';

export interface SessionsInput {
  readonly cluster: Cluster;
  readonly readers: SessionReaders;
  /** Wall clock, milliseconds since the Unix epoch. */
  readonly nowMs: number;
}

export async function readSessions(
  { cluster, readers, nowMs }: SessionsInput,
  filter: SessionFilter,
): Promise<SessionList> {
  await reachServer(cluster);
  return listSessions(await readSessionWorld(cluster, readers, nowMs), filter);
}
