/** What /metrics shows of the liveness machine. */
import type { LivenessSnapshot as Figures } from '../../adapters/observe/layer2-metrics.ts';
import type { LivenessSnapshot } from '../../protocols/liveness/interface.ts';

export function livenessFigures(snapshot: LivenessSnapshot, mode: 'sealed' | 'plain'): Figures {
  const watched = new Set(snapshot.watched);
  const timeouts = snapshot.peers.filter(({ node }) => watched.has(node)).map(({ timeoutMs }) => timeoutMs);
  return {
    authenticated: mode === 'sealed',
    timeoutSeconds: Math.max(0, ...timeouts) / 1000,
    peers: snapshot.peers.map(({ node, state, roundTripMs }) => ({
      node,
      state,
      watched: watched.has(node),
      ...(roundTripMs === undefined ? {} : { roundTripSeconds: roundTripMs / 1000 }),
    })),
  };
}
