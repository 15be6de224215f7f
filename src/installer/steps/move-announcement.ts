/**
 * A change of metallb_protocol, so that no Service is without somebody who announces it:
 *
 *     the new advertisements are applied ─▶ every address that was announced the old way is announced the new way,
 *     and stays so for a moment ─▶ the old advertisements are deleted
 *
 * When the second does not come about in time, nothing is deleted: Services stay announced both ways, as far as they are,
 * and the user hears which are missing and why.
 */
import { toldList } from '../../runtime/decide/explain/told-list.ts';
import { InstallError } from '../errors.ts';
import { ADDON_NAMESPACE, type Protocol } from '../plan/addon-plan.ts';
import {
  type AnnouncedService,
  announcedAddresses,
  type MoveInput,
  notAnnounced,
  readMoving,
} from './announced-services.ts';
import { orInstallError } from './apply-objects.ts';
import type { Cluster } from './cluster.ts';
import { type WaitOptions, waitFor } from './wait.ts';

export const MOVE = 'move the announcement over';

/** A session that has just come up may go down again, and a router takes a moment to use what it is told. */
const STEADY_MS = 3_000;

const WORDS: Readonly<Record<Protocol, string>> = { layer2: 'in layer 2', bgp: 'by BGP', calico: 'by Calico' };

export interface Moved {
  /** "12 Services are announced by BGP" */
  readonly summary: string;
  readonly warnings: readonly string[];
}

/** Throws InstallError of kind 'timeout' when the new announcement does not come about. */
export async function waitMoved(input: MoveInput, wait: WaitOptions): Promise<Moved> {
  const { cluster, to } = input;
  const { covered, uncovered } = await readMoving(MOVE, input);
  let steadySince: number | undefined;
  const isMoved = await waitFor(async () => {
    if (covered.length === 0) return true;
    const announced = await announcedAddresses(MOVE, cluster, to);
    const now = wait.pace.now();
    steadySince = notAnnounced(covered, announced).length === 0 ? (steadySince ?? now) : undefined;
    return steadySince !== undefined && now - steadySince >= STEADY_MS ? true : undefined;
  }, wait);
  const sessions = to === 'bgp' ? await troubledSessions(cluster) : [];
  if (isMoved !== true) {
    // Services may have gone, or lost their endpoints, while they were waited for.
    const missing = await stillMissing(input);
    if (missing.length > 0) throw notMoved(input, { missing, of: covered.length, sessions, wait });
  }
  return {
    summary: `${count(covered.length)} announced ${WORDS[to]}`,
    warnings: [...sessions, ...uncoveredWarning(uncovered, input)],
  };
}

async function stillMissing(input: MoveInput): Promise<readonly AnnouncedService[]> {
  const [{ covered }, announced] = await Promise.all([
    readMoving(MOVE, input),
    announcedAddresses(MOVE, input.cluster, input.to),
  ]);
  return notAnnounced(covered, announced);
}

/** In words: sessions that are not established, and families that a router does not take. */
async function troubledSessions(cluster: Cluster): Promise<readonly string[]> {
  const kind = { apiVersion: 'metallb.io/v1beta1', kind: 'BGPSessionStatus' };
  const objects = await orInstallError(MOVE, cluster.list(kind, { namespace: ADDON_NAMESPACE }));
  return objects
    .map((object) => (object['status'] ?? {}) as SessionStatus)
    .flatMap(({ node, peer, address, state, lastError, notAdvertised = [] }) => {
      const session = `the BGP session of node ${node} with "${peer}"${address === undefined ? '' : ` (${address})`}`;
      if (state !== 'established') return [`${session} is not established: ${lastError ?? 'it was not tried yet'}`];
      return notAdvertised.map((reason) => `${session}: ${reason}`);
    })
    .sort();
}

interface SessionStatus {
  readonly node?: string;
  readonly peer?: string;
  readonly address?: string;
  readonly state?: string;
  readonly lastError?: string;
  readonly notAdvertised?: readonly string[];
}

function uncoveredWarning(uncovered: readonly AnnouncedService[], { from, to }: MoveInput): readonly string[] {
  if (uncovered.length === 0) return [];
  const kind = to === 'bgp' ? 'BGPAdvertisement' : 'L2Advertisement';
  return [
    `${count(uncovered.length)} announced ${wordsOf(from)} and covered by no ${kind}, so nobody announces them any more: ${told(uncovered)}`,
  ];
}

interface Failure {
  readonly missing: readonly AnnouncedService[];
  /** How many there are in all. */
  readonly of: number;
  readonly sessions: readonly string[];
  readonly wait: WaitOptions;
}

function notMoved({ from, to }: MoveInput, { missing, of, sessions, wait }: Failure): InstallError {
  const [first] = missing;
  const look =
    to === 'bgp' && sessions.length > 0
      ? 'see ./install bgp and set up the routers that are named'
      : `see ./install explain -n ${first?.key.split('/')[0]} service/${first?.key.split('/')[1]}`;
  return new InstallError({
    kind: 'timeout',
    step: MOVE,
    problem: [
      `after ${wait.timeoutSeconds} s ${missing.length} of ${of} Services are not announced ${WORDS[to]}: ${told(missing)}; ` +
        `nothing was taken away, they stay announced ${wordsOf(from)}`,
      ...(to === 'bgp' && sessions.length === 0 ? ['no speaker tells of a BGP session that fails'] : sessions),
    ],
    hint: `${look}, then run this again; or set metallb_protocol back to "${from[0]}"; metallb_wait_seconds lengthens the wait`,
  });
}

function wordsOf(protocols: readonly Protocol[]): string {
  return protocols.map((protocol) => WORDS[protocol]).join(' and ');
}

function count(services: number): string {
  return services === 1 ? '1 Service is' : `${services} Services are`;
}

function told(services: readonly AnnouncedService[]): string {
  return toldList(services.map(({ key, addresses }) => `${key} (${addresses.join(', ')})`));
}
