/**
 * The speaker: answers for the addresses this node owns. This thread is the network and nothing else; the cluster half
 * runs in a worker (cluster-worker.ts), so that nothing the API server does can delay a reply.
 *
 *     SIGTERM ─▶ leaves: others claim its addresses one by one, and each is answered until then; routers turn to other
 *                nodes ─▶ the Lease is deleted, goodbye ─▶ closed, exit 0
 */
import { createHash, randomBytes } from 'node:crypto';
import { hostClock } from '../../adapters/host/clock.ts';
import { DatagramSeal } from '../../adapters/host/datagram-seal.ts';
import { readGateways } from '../../adapters/host/gateways.ts';
import { watchInterfaces } from '../../adapters/host/interfaces.ts';
import { KeyFolder } from '../../adapters/host/key-folder.ts';
import { selfTestPolling } from '../../adapters/host/native/self-test.ts';
import { hostPacketSockets } from '../../adapters/host/packet-socket.ts';
import { hostRandom } from '../../adapters/host/random.ts';
import { scheduleInRealTime } from '../../adapters/host/thread-scheduling.ts';
import { openUdp } from '../../adapters/host/udp.ts';
import { bgpMetrics } from '../../adapters/observe/bgp-metrics.ts';
import { healthRoutes } from '../../adapters/observe/health.ts';
import { serveHttp } from '../../adapters/observe/http.ts';
import { type Layer2Metrics, layer2Metrics } from '../../adapters/observe/layer2-metrics.ts';
import { openLog } from '../../adapters/observe/log.ts';
import { metricsRoutes } from '../../adapters/observe/metrics.ts';
import type { Ip } from '../../model/ip.ts';
import { Announced, type ClaimChanges } from './announced.ts';
import { openHostBgp } from './bgp/host-bgp.ts';
import { ClusterThread } from './cluster-thread.ts';
import { ConflictGuard } from './conflict-guard.ts';
import { FirstClaims } from './first-claims.ts';
import { readSpeakerFlags } from './flags.ts';
import { GatewayWatch } from './gateway-watch.ts';
import { livenessFigures } from './liveness-figures.ts';
import { type LinkOutput, LivenessLink } from './liveness-link.ts';
import { LivenessNews, some } from './liveness-news.ts';
import type { AdvertisedAddresses, ClusterCounters, FromCluster, Peer } from './messages.ts';
import { speakerMetrics } from './metrics.ts';
import { createPacketPath } from './packet-path.ts';
import { TakeOverTimer } from './take-overs.ts';

/** How long the process before may take to let go of the UDP port, before this one goes on without it. */
const PORT_MS = 2000;
/** How long others have to claim what a speaker that leaves announces; what nobody can claim it gives up then. */
const LEAVE_MS = 2000;
/** How long it goes on answering without claims, when those who are to succeed it make none. */
const HANDOVER_MS = 500;
/** How long the goodbye may take before the speaker ends without it. */
const RETIRE_MS = 1500;

const sha256Hex = (text: string): string => createHash('sha256').update(text).digest('hex');
const read = readSpeakerFlags(process.argv.slice(2), process.env);
if (!read.ok) {
  process.stderr.write(`speaker: ${read.error}\n`);
  process.exit(2);
}
const flags = read.value;
const log = openLog(flags.logLevel, 'speaker');

await selfTestPolling();
const interfaces = watchInterfaces(log);
const conflicts = new ConflictGuard({
  clock: hostClock,
  random: hostRandom,
  log,
  nodeName: flags.nodeName,
  path: () => packetPath,
  claimOf: (ip) => announced.hold(ip),
  isOurs: (ip) => announced.claimed.has(ip),
  onConflicts: (held) => cluster.setConflicts(held),
  onFound: () => layer2?.conflictFound(),
});
const tellOwnMacs = (): void => conflicts.setOwnMacs(interfaces.current().flatMap(({ mac }) => mac ?? []));
tellOwnMacs();
interfaces.onChange(tellOwnMacs);
const packetPath = createPacketPath({
  ports: { sockets: hostPacketSockets, interfaces },
  clock: hostClock,
  random: hostRandom,
  log,
  excludePatterns: flags.excludePatterns,
  pings: flags.pings,
  guard: conflicts,
  onAnnounced: (ip) => {
    const takeOver = takeOvers.announced(ip, hostClock.now());
    if (takeOver !== undefined) layer2?.tookOver(takeOver.seconds, takeOver.cause);
  },
});

const boot = randomBytes(8).toString('hex');
const announced: Announced = new Announced({
  nodeName: flags.nodeName,
  ownerOf: (ip) => link.owner(ip)?.node,
  isAnnounced: (ip) => conflicts.isAnnounced(ip),
});
let generation = 0;
let missing: readonly string[] = ['the cluster has not been read yet'];
let counters: ClusterCounters | undefined;
let advertised: readonly AdvertisedAddresses[] = [];
const retired = Promise.withResolvers<void>();

const seal = new DatagramSeal(boot);
const keys = new KeyFolder({
  folder: flags.livenessKeyDir,
  clock: hostClock,
  log,
  onChange: (changed) => seal.setKeys(changed),
});
await keys.start();
const link = new LivenessLink({
  node: flags.nodeName,
  boot,
  clock: hostClock,
  log,
  seal,
  sha256Hex,
  seed: randomBytes(4).readUInt32BE(),
  open: (handlers) => openUdp(flags.livenessPort, handlers),
  onOutput: heed,
});
// Without it the others' claims are not heard of.
await Promise.race([new Promise<unknown>((resolve) => link.whenOpen(resolve)), pause(PORT_MS)]);
const news = new LivenessNews({
  log,
  snapshot: () => link.snapshot(),
  claims: () => link.claims(),
  soon: setImmediate,
  onView: (view) => cluster.setLiveness(view),
});
const firstClaims = new FirstClaims(hostClock, () => carryOut(announced.allowClaims()));
const { bgp, routers } = openHostBgp({
  log,
  interfaces,
  listenPort: flags.bgpListenPort,
  gracefulShutdownMs: flags.bgpGracefulShutdownSeconds * 1000,
  onChange: () => cluster.setBgpSessions(bgp.views()),
});
let layer2: Layer2Metrics | undefined;
const takeOvers = new TakeOverTimer();

const cluster = new ClusterThread({
  workerData: {
    nodeName: flags.nodeName,
    boot,
    election: flags.election,
    namespace: flags.namespace,
    pod: flags.pod,
    kubeconfigPath: flags.kubeconfigPath,
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
link.whenOpen((port) => cluster.setLivenessPort(port));
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
    advertised: () => advertised,
  });
  layer2 = layer2Metrics(registry, {
    takenOver: () => counters?.takenOver ?? [],
    conflicts: () => conflicts.conflicts,
    liveness: () => livenessFigures(link, keys.status().mode),
  });
  bgpMetrics(registry, { sessions: () => bgp.sessions(), door: () => bgp.door(), wallMs: hostClock.wallMs });
  servers.push(await serveHttp({ port: flags.metricsPort, routes: metricsRoutes(registry) }));
}
// Last: threads that are there by then are not part of it.
if (flags.scheduling === 'real-time') {
  const err = scheduleInRealTime();
  if (err !== undefined) log.warn({ err }, 'the network thread runs as an ordinary one: on a busy node it may be late');
}
log.info({ node: flags.nodeName, interfaces: packetPath.interfaces().map(({ name }) => name) }, 'the speaker runs');

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop(signal));

function handle(message: FromCluster): void {
  switch (message.kind) {
    case 'peers':
      meet(message.peers);
      return;
    case 'speaker-macs':
      conflicts.setSpeakerMacs(message.macs);
      return;
    case 'table':
      carryOut(announced.take(message.table));
      return;
    case 'bgp':
      bgp.setPlan(message.plan);
      return;
    case 'health':
      missing = message.missing;
      return;
    case 'counters':
      counters = message.counters;
      return;
    case 'advertised':
      advertised = message.services;
      return;
    case 'retired':
      retired.resolve();
      return;
  }
}

function meet(peers: readonly Peer[]): void {
  link.setPeers(peers);
  news.changed();
  firstClaims.met(peers.length);
}

function heed(output: LinkOutput): void {
  news.take(output);
  if (output.kind === 'peer') {
    layer2?.verdict(output.state);
    if (output.state === 'alive') firstClaims.heard();
    takeOvers.peer(output.node, output.state, hostClock.now());
  }
  // Somebody else announced them too until now, and neighbours may have believed it.
  if (output.kind === 'claims-changed') packetPath.announceAgain(output.ips.filter((ip) => announced.claimed.has(ip)));
  if (output.kind === 'overtaken') announced.overtaken(output.claims.map(({ ip }) => ip));
  else if (output.kind === 'doubt' || output.kind === 'assured') announced.setDoubt(output.kind === 'doubt');
  else return;
  answer();
}

function carryOut(changes: ClaimChanges): void {
  release(changes.release);
  takeOvers.begin(changes.takenOver, hostClock.now());
  claim(changes.claim);
}

/** Answered first: whoever hears the claim stops answering. */
function claim(ips: readonly Ip[]): void {
  answer();
  if (ips.length === 0) return;
  log.info(some(ips), 'claiming addresses');
  link.claim(ips);
  news.changed();
}

function release(ips: readonly Ip[]): void {
  if (ips.length === 0) return;
  link.release(ips);
  news.changed();
}

function answer(): void {
  generation += 1;
  const addresses = announced.addresses();
  takeOvers.keep(addresses.map(({ ip }) => ip));
  packetPath.setTable({ generation, addresses });
}

async function stop(signal: string): Promise<void> {
  log.info({ signal }, 'handing the addresses over');
  const hadClaims = announced.claimed.size > 0;
  const routesGone = bgp.close();
  link.leave();
  news.changed();
  for (let waitedMs = 0; announced.claimed.size > 0 && waitedMs < LEAVE_MS; waitedMs += 10) await pause(10);
  cluster.retire();
  await Promise.race([retired.promise, pause(RETIRE_MS)]);
  if (!hadClaims) await pause(HANDOVER_MS);
  await routesGone;
  routers.close();
  await link.close();
  keys.stop();
  gateways.stop();
  packetPath.close();
  conflicts.close();
  interfaces.close();
  await cluster.stop();
  await Promise.all(servers.map((server) => server.close()));
  log.info({}, 'the speaker ends');
  process.exit(0);
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    hostClock.schedule(delayMs, resolve);
  });
}
