/**
 * The speaker: answers for the addresses this node owns. This thread is the network and nothing else; the cluster half
 * runs in a worker (cluster-worker.ts), so that nothing the API server does can delay a reply.
 *
 *     SIGTERM ─▶ the Lease is deleted, others take over ─▶ still answering for HANDOVER_MS ─▶ closed, exit 0
 */
import { hostClock } from '../../adapters/host/clock.ts';
import { readGateways } from '../../adapters/host/gateways.ts';
import { watchInterfaces } from '../../adapters/host/interfaces.ts';
import { selfTestPolling } from '../../adapters/host/native/self-test.ts';
import { hostPacketSockets } from '../../adapters/host/packet-socket.ts';
import { hostRandom } from '../../adapters/host/random.ts';
import { showPresence } from '../../adapters/host/tcp-presence.ts';
import { healthRoutes } from '../../adapters/observe/health.ts';
import { serveHttp } from '../../adapters/observe/http.ts';
import { openLog } from '../../adapters/observe/log.ts';
import { metricsRoutes } from '../../adapters/observe/metrics.ts';
import { ClusterThread } from './cluster-thread.ts';
import { readSpeakerFlags } from './flags.ts';
import { GatewayWatch } from './gateway-watch.ts';
import type { ClusterCounters, FromCluster } from './messages.ts';
import { speakerMetrics } from './metrics.ts';
import { createPacketPath } from './packet-path.ts';

/** How long the old owner goes on answering after it has said goodbye, while its successor announces itself. */
const HANDOVER_MS = 500;
/** How long the goodbye may take before the speaker ends without it. */
const RETIRE_MS = 1500;

const read = readSpeakerFlags(process.argv.slice(2), process.env);
if (!read.ok) {
  process.stderr.write(`speaker: ${read.error}\n`);
  process.exit(2);
}
const flags = read.value;
const log = openLog(flags.logLevel, 'speaker');

await selfTestPolling();
const interfaces = watchInterfaces(log);
const packetPath = createPacketPath({
  ports: { sockets: hostPacketSockets, interfaces },
  clock: hostClock,
  random: hostRandom,
  log,
  excludePatterns: flags.excludePatterns,
});

let generation = 0;
let missing: readonly string[] = ['the cluster has not been read yet'];
let counters: ClusterCounters | undefined;
const retired = Promise.withResolvers<void>();

const presence = await showPresence(flags.presencePort).catch((err: unknown) => {
  log.warn({ err, port: flags.presencePort }, 'the port is taken: other speakers cannot reach this one directly');
  return undefined;
});

const cluster = new ClusterThread({
  workerData: {
    nodeName: flags.nodeName,
    namespace: flags.namespace,
    pod: flags.pod,
    kubeconfigPath: flags.kubeconfigPath,
    presencePort: presence?.port,
    loadBalancerClass: flags.loadBalancerClass,
    excludedNodes: flags.excludedNodes,
    logLevel: flags.logLevel,
  },
  clock: hostClock,
  random: hostRandom,
  onMessage: handle,
  onDied: (err) => {
    missing = ['the cluster half died and is being started again'];
    log.error({ err }, 'the cluster half died; addresses stay answered while it is started again');
  },
});
cluster.setInterfaces(packetPath.interfaces());
packetPath.onInterfacesChanged(() => cluster.setInterfaces(packetPath.interfaces()));
const gateways = new GatewayWatch({
  clock: hostClock,
  read: readGateways,
  onChange: (read) => cluster.setGateways(read),
  onError: (err) => log.warn({ err }, 'the default routes cannot be read, trying again'),
});
gateways.start();
// Of any interface: a default route may leave by one that nothing is announced on.
interfaces.onChange(() => gateways.interfacesChanged());

const servers = [
  await serveHttp({
    port: flags.healthPort,
    host: '127.0.0.1',
    routes: healthRoutes({ troubles: () => [], waitingFor: () => missing }),
  }),
];
if (flags.metricsPort !== undefined) {
  const registry = speakerMetrics({
    nodeName: flags.nodeName,
    packets: () => packetPath.snapshot(),
    cluster: () => counters,
  });
  servers.push(await serveHttp({ port: flags.metricsPort, routes: metricsRoutes(registry) }));
}
log.info({ node: flags.nodeName, interfaces: packetPath.interfaces().map(({ name }) => name) }, 'the speaker runs');

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop(signal));

function handle(message: FromCluster): void {
  switch (message.kind) {
    case 'table':
      generation += 1;
      packetPath.setTable({ generation, addresses: message.addresses });
      return;
    case 'health':
      missing = message.missing;
      return;
    case 'counters':
      counters = message.counters;
      return;
    case 'retired':
      retired.resolve();
      return;
  }
}

async function stop(signal: string): Promise<void> {
  log.info({ signal }, 'handing the addresses over');
  cluster.retire();
  await Promise.race([retired.promise, pause(RETIRE_MS)]);
  await pause(HANDOVER_MS);
  gateways.stop();
  packetPath.close();
  interfaces.close();
  await cluster.stop();
  await Promise.all([...servers, ...(presence === undefined ? [] : [presence])].map((server) => server.close()));
  log.info({}, 'the speaker ends');
  process.exit(0);
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    hostClock.schedule(delayMs, resolve);
  });
}
