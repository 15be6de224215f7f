/** What /metrics shows of the liveness machine and its link. */
import type { LivenessSnapshot as Figures } from '../../adapters/observe/layer2-metrics.ts';
import type { LivenessLink } from './liveness-link.ts';

export function livenessFigures(
  link: Pick<LivenessLink, 'snapshot' | 'counters' | 'isListening'>,
  mode: 'sealed' | 'plain',
): Figures {
  const snapshot = link.snapshot();
  const watched = new Set(snapshot.watched);
  const timeouts = snapshot.peers.filter(({ node }) => watched.has(node)).map(({ timeoutMs }) => timeoutMs);
  return {
    authenticated: mode === 'sealed',
    listening: link.isListening,
    socketErrors: link.counters().errors,
    timeoutSeconds: Math.max(0, ...timeouts) / 1000,
    peers: snapshot.peers.map(({ node, state, roundTripMs }) => ({
      node,
      state,
      watched: watched.has(node),
      ...(roundTripMs === undefined ? {} : { roundTripSeconds: roundTripMs / 1000 }),
    })),
  };
}
