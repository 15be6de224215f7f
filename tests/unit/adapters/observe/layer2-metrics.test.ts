import { expect, test } from '@jest/globals';
import {
  type Layer2Sources,
  type LivenessSnapshot,
  layer2Metrics,
} from '../../../../src/runtime/adapters/observe/layer2-metrics.ts';
import { newRegistry } from '../../../../src/runtime/adapters/observe/metrics.ts';

const ALONE: LivenessSnapshot = {
  peers: [],
  authenticated: true,
  timeoutSeconds: 0.15,
  listening: true,
  socketErrors: {},
};
const NOTHING: Layer2Sources = { takenOver: () => [], conflicts: () => [], liveness: () => ALONE };

/** The lines of the scrape that begin with the name, buckets and explanations left out. */
async function scrape(
  sources: Layer2Sources,
  name: string,
  tell?: (metrics: ReturnType<typeof layer2Metrics>) => void,
) {
  const registry = newRegistry();
  const metrics = layer2Metrics(registry, sources);
  tell?.(metrics);
  const text = await registry.metrics();
  return text.split('\n').filter((line) => line.startsWith(name) && !line.includes('_bucket'));
}

test('addresses that were taken over, and those in conflict, go when they are gone', async () => {
  const rows = [{ ip: '10.0.0.1', count: 2, mac: '02:00:00:00:00:09' }];
  const sources = { ...NOTHING, takenOver: () => rows, conflicts: () => rows };
  const registry = newRegistry();
  layer2Metrics(registry, sources);
  expect(await registry.metrics()).toContain('metallb_layer2_owner_changes_total{ip="10.0.0.1"} 2');
  expect(await registry.metrics()).toContain(
    'metallb_layer2_conflicting_address{ip="10.0.0.1",mac="02:00:00:00:00:09"} 1',
  );
  rows.length = 0;
  expect(await registry.metrics()).not.toContain('10.0.0.1');
});

test('a failover is a sample under its cause', async () => {
  const lines = await scrape(NOTHING, 'metallb_layer2_failover_duration_seconds', (metrics) => {
    metrics.tookOver(0.2, 'failure');
    metrics.tookOver(0.04, 'planned');
  });
  expect(lines).toContain('metallb_layer2_failover_duration_seconds_sum{cause="failure"} 0.2');
  expect(lines).toContain('metallb_layer2_failover_duration_seconds_count{cause="planned"} 1');
});

test('speakers are counted by state, and only those watched from here are named', async () => {
  const liveness = () => ({
    peers: [
      { node: 'n2', state: 'alive' as const, watched: true, roundTripSeconds: 0.0004 },
      { node: 'n3', state: 'dead' as const, watched: true },
      { node: 'n4', state: 'alive' as const, watched: false, roundTripSeconds: 0.1 },
    ],
    authenticated: true,
    timeoutSeconds: 0.15,
    listening: false,
    socketErrors: { EADDRINUSE: 4, 'not-open': 75 },
  });
  expect(await scrape({ ...NOTHING, liveness }, 'metallb_liveness_')).toEqual([
    'metallb_liveness_peers{state="alive"} 2',
    'metallb_liveness_peers{state="unknown"} 0',
    'metallb_liveness_peers{state="dead"} 1',
    'metallb_liveness_watched_peer_up{peer="n2"} 1',
    'metallb_liveness_watched_peer_up{peer="n3"} 0',
    'metallb_liveness_watched_peer_round_trip_seconds{peer="n2"} 0.0004',
    'metallb_liveness_authenticated 1',
    'metallb_liveness_timeout_seconds 0.15',
    'metallb_liveness_listening 0',
    'metallb_liveness_socket_errors_total{error="EADDRINUSE"} 4',
    'metallb_liveness_socket_errors_total{error="not-open"} 75',
  ]);
});

test('verdicts and conflicts are counted as they happen', async () => {
  const lines = await scrape(NOTHING, 'metallb_', (metrics) => {
    metrics.verdict('dead');
    metrics.conflictFound();
  });
  expect(lines).toContain('metallb_liveness_verdicts_total{verdict="dead"} 1');
  expect(lines).toContain('metallb_layer2_conflicts_total 1');
});
