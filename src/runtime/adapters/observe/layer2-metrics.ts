/**
 * How layer 2 fares on this node: failovers, owners that change, conflicts on the LAN, and the speakers' watch over each
 * other. What is a state is asked for at every scrape and shows nothing of what is gone; what happens is told as it does.
 * No such metrics in MetalLB.
 */
import { Counter, Histogram, type Registry, readCounter, readGauge } from './metrics.ts';

/** Seconds. From less than a frame's way to what Leases alone would take. */
const FAILOVER_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.5, 0.75, 1, 1.5, 2.5, 5, 10];

/** failure: the node before was lost; planned: it handed over, or the cluster's wishes changed. */
export type TakeOverCause = 'failure' | 'planned';

/** What this speaker thinks of another's. */
export type PeerState = 'alive' | 'unknown' | 'dead';
export const PEER_STATES: readonly PeerState[] = ['alive', 'unknown', 'dead'];

export interface PeerSnapshot {
  /** Name of its node. */
  readonly node: string;
  readonly state: PeerState;
  /** Whether this speaker is one of those that watch it. */
  readonly watched: boolean;
  /** Of the probes that were answered, smoothed, in seconds. Absent: none was yet. */
  readonly roundTripSeconds?: number;
}

export interface LivenessSnapshot {
  readonly peers: readonly PeerSnapshot[];
  /** Packets are sealed with a key; false: the degraded mode, in which anybody on the network can forge them. */
  readonly authenticated: boolean;
  /** How long a watched speaker may be silent just now before it is suspected, in seconds. */
  readonly timeoutSeconds: number;
  /** There is a socket; false: this speaker neither hears others nor is heard. */
  readonly listening: boolean;
  /** What failed at the socket, counted by the system's name for it. */
  readonly socketErrors: Readonly<Record<string, number>>;
}

export interface Layer2Sources {
  /** How often this node took each address over from another; those of addresses that are gone are left out. */
  readonly takenOver: () => Iterable<{ readonly ip: string; readonly count: number }>;
  /** Addresses of Services that a host which is no speaker holds on the LAN, as seen from this node. */
  readonly conflicts: () => Iterable<{ readonly ip: string; readonly mac: string }>;
  readonly liveness: () => LivenessSnapshot;
}

export interface Layer2Metrics {
  /** From when it was known that the address is to move (a verdict, or another plan) to its first announcement here. */
  tookOver(seconds: number, cause: TakeOverCause): void;
  /** A foreign host was found to hold an address of a Service. */
  conflictFound(): void;
  /** What is believed of another speaker has changed to this. */
  verdict(verdict: PeerState): void;
}

export function layer2Metrics(registry: Registry, sources: Layer2Sources): Layer2Metrics {
  const registers = [registry];
  showOwners(registry, sources);
  showLiveness(registry, sources);
  const failover = new Histogram({
    name: 'metallb_layer2_failover_duration_seconds',
    help: 'Time from when an address was known to move here until it was announced here, by cause.',
    labelNames: ['cause'],
    buckets: FAILOVER_BUCKETS,
    registers,
  });
  const conflicts = new Counter({
    name: 'metallb_layer2_conflicts_total',
    help: 'How often a host that is no speaker was found to hold an address of a Service.',
    registers,
  });
  const verdicts = new Counter({
    name: 'metallb_liveness_verdicts_total',
    help: 'How often the belief about another speaker changed, by what it changed to.',
    labelNames: ['verdict'],
    registers,
  });
  return {
    tookOver: (seconds, cause) => failover.observe({ cause }, seconds),
    conflictFound: () => conflicts.inc(),
    verdict: (verdict) => verdicts.inc({ verdict }),
  };
}

function showOwners(registry: Registry, { takenOver, conflicts }: Layer2Sources): void {
  readCounter(
    registry,
    {
      name: 'metallb_layer2_owner_changes_total',
      help: 'How often this node took the address over from another; over all nodes, how often it moved.',
      labelNames: ['ip'],
    },
    () => Array.from(takenOver(), ({ ip, count }) => ({ labels: { ip }, value: count })),
  );
  readGauge(
    registry,
    {
      name: 'metallb_layer2_conflicting_address',
      help: '1 while a host that is no speaker, of this MAC address, holds an address of a Service.',
      labelNames: ['ip', 'mac'],
    },
    () => Array.from(conflicts(), ({ ip, mac }) => ({ labels: { ip, mac }, value: 1 })),
  );
}

function showLiveness(registry: Registry, { liveness }: Layer2Sources): void {
  readGauge(
    registry,
    {
      name: 'metallb_liveness_peers',
      help: 'Speakers of other nodes, by what this one thinks of them.',
      labelNames: ['state'],
    },
    () => {
      const { peers } = liveness();
      return PEER_STATES.map((state) => ({
        labels: { state },
        value: peers.filter((peer) => peer.state === state).length,
      }));
    },
  );
  readGauge(
    registry,
    {
      name: 'metallb_liveness_watched_peer_up',
      help: '1 while a speaker that this one watches is alive, 0 while it is not known to be or dead.',
      labelNames: ['peer'],
    },
    () => watched(liveness()).map(({ node, state }) => ({ labels: { peer: node }, value: state === 'alive' ? 1 : 0 })),
  );
  readGauge(
    registry,
    {
      name: 'metallb_liveness_watched_peer_round_trip_seconds',
      help: 'The round trip to a speaker that this one watches, smoothed.',
      labelNames: ['peer'],
    },
    () =>
      watched(liveness()).flatMap(({ node, roundTripSeconds }) =>
        roundTripSeconds === undefined ? [] : [{ labels: { peer: node }, value: roundTripSeconds }],
      ),
  );
  const single = (name: string, help: string, read: (snapshot: LivenessSnapshot) => number): void =>
    readGauge(registry, { name, help, labelNames: [] }, () => [{ labels: {}, value: read(liveness()) }]);
  single(
    'metallb_liveness_authenticated',
    '1 while the speakers’ packets are sealed with a key, 0 in the degraded mode.',
    ({ authenticated }) => (authenticated ? 1 : 0),
  );
  single(
    'metallb_liveness_timeout_seconds',
    'How long a watched speaker may be silent just now before it is suspected.',
    ({ timeoutSeconds }) => timeoutSeconds,
  );
  single(
    'metallb_liveness_listening',
    '1 while the UDP socket of the speakers is open, 0 while this one neither hears others nor is heard.',
    ({ listening }) => (listening ? 1 : 0),
  );
  readCounter(
    registry,
    {
      name: 'metallb_liveness_socket_errors_total',
      help: 'What failed at the UDP socket of the speakers, by the system’s name; not-open: lost for want of a socket.',
      labelNames: ['error'],
    },
    () => Object.entries(liveness().socketErrors).map(([error, value]) => ({ labels: { error }, value })),
  );
}

/** Those that this speaker watches are few, however large the cluster is; of the others it has only hearsay. */
function watched({ peers }: LivenessSnapshot): readonly PeerSnapshot[] {
  return peers.filter((peer) => peer.watched);
}
