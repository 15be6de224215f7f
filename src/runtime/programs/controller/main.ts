/**
 * The controller's process: flags, log, API, servers and signals around the Controller and its leadership. Exits 2 on wrong
 * flags, 1 when it cannot start, 0 after SIGTERM or SIGINT; a bug ends it with a stack trace on standard error.
 *
 *     SIGTERM ─▶ no new write; those under way end ─▶ the Lease is released, another leads ─▶ exit 0
 */
import { hostname } from 'node:os';
import { hostClock } from '../../adapters/host/clock.ts';
import { collectWhenIdle } from '../../adapters/host/idle-collection.ts';
import { hostRandom } from '../../adapters/host/random.ts';
import { KubeConnection } from '../../adapters/kube/connection.ts';
import { loadKubeConfig } from '../../adapters/kube/credentials.ts';
import { FencedApi } from '../../adapters/kube/fenced-api.ts';
import { corePath } from '../../adapters/kube/paths.ts';
import { asObject, asString } from '../../adapters/kube/untyped.ts';
import type { ConfigurationStateIdentity } from '../../adapters/kube/write-config-objects.ts';
import { healthRoutes } from '../../adapters/observe/health.ts';
import { type RunningServer, serveHttp } from '../../adapters/observe/http.ts';
import { leaderMetrics } from '../../adapters/observe/leader-metrics.ts';
import { openLog } from '../../adapters/observe/log.ts';
import { clientMetrics, metricsRoutes, newRegistry } from '../../adapters/observe/metrics.ts';
import { poolMetrics } from '../../adapters/observe/pool-metrics.ts';
import { serviceMetrics } from '../../adapters/observe/service-metrics.ts';
import type { Log } from '../../engine/log.ts';
import type { KubeApi } from '../../engine/ports.ts';
import { STATE_NAME } from './caches.ts';
import { Controller, type ControllerMetrics } from './controller.ts';
import { type ControllerFlags, readControllerFlags } from './flags.ts';
import { Leadership, type LeadershipOptions } from './leadership.ts';

/**
 * A stop that takes longer is cut short, and the Lease left to run out; the kubelet would kill after its own grace period
 * (10 s in the chart). Writes under way end within a lease, 5 s by default; the release takes a second or two at most.
 */
const STOP_WITHIN_MS = 8_000;

const read = readControllerFlags(process.argv.slice(2), process.env);
if (read.ok) await run(read.value);
else {
  process.stderr.write(`controller: ${read.error}\n`);
  process.exitCode = 2;
}

async function run(flags: ControllerFlags): Promise<void> {
  const log = openLog(flags.logLevel, 'controller');
  const registry = newRegistry();
  const client = clientMetrics(registry);
  const pools = poolMetrics(registry);
  const services = serviceMetrics(registry);
  const metrics: ControllerMetrics = {
    updated: () => client.updates.inc(),
    updateFailed: () => client.updateErrors.inc(),
    watchFailed: () => client.watchErrors.inc(),
    eventDropped: () => client.eventsDropped.inc(),
    configLoaded: ({ loaded, stale }) => {
      client.configLoaded.set(loaded ? 1 : 0);
      client.configStale.set(stale ? 1 : 0);
    },
    poolsUsed: (usage) => pools.set(usage),
    pending: (byReason) => services.pending(byReason),
    served: (seconds) => services.served(seconds),
  };
  try {
    const connection = new KubeConnection(loadKubeConfig(flags.kubeconfigPath), hostClock);
    const leadership = openLeadership(flags, connection, log, {
      onGained: () => void controller.lead(),
      onLost: () => controller.standBy(),
    });
    const leader = leaderMetrics(registry, () => leadership?.isLeader() ?? true);
    const api =
      leadership === undefined
        ? connection
        : new FencedApi(
            connection,
            () => leadership.writableMs(),
            () => leader.writesRefused.inc(),
          );
    const controller = new Controller({
      api,
      clock: hostClock,
      random: hostRandom,
      log,
      metrics,
      namespace: flags.namespace,
      loadBalancerClass: flags.loadBalancerClass,
      podNetworks: flags.podNetworks,
      serviceNetworks: flags.serviceNetworks,
      instance: flags.podName ?? hostname(),
      state: await stateIdentity(connection, flags),
      calico: flags.calico,
    });
    const waitingFor = (): string[] => [...controller.waitingFor(), ...(leadership?.waitingFor() ?? [])];
    const health = healthRoutes({ troubles: () => [], waitingFor });
    const servers = [await serveHttp({ port: flags.healthPort, routes: health })];
    if (flags.metricsPort !== undefined) {
      servers.push(await serveHttp({ port: flags.metricsPort, routes: metricsRoutes(registry) }));
    }
    controller.start();
    if (leadership === undefined) void controller.lead();
    else leadership.start();
    collectWhenIdle();
    log.info({ namespace: flags.namespace, loadBalancerClass: flags.loadBalancerClass ?? '' }, 'started');
    const signal = await stopSignal();
    log.info({ signal }, 'stopping');
    await stop({ controller, leadership, connection, servers });
    log.info({}, 'stopped');
  } catch (err) {
    log.fatal({ err }, 'cannot start');
    process.exitCode = 1;
  }
}

/** Undefined: without an election. */
function openLeadership(
  { leaseMs, namespace, podName }: ControllerFlags,
  api: KubeApi,
  log: Log,
  handlers: Pick<LeadershipOptions, 'onGained' | 'onLost'>,
): Leadership | undefined {
  if (leaseMs === undefined) return undefined;
  const identity = podName ?? `${hostname()}_${process.pid}`;
  return new Leadership({ api, clock: hostClock, random: hostRandom, log, namespace, identity, leaseMs, ...handlers });
}

/** Our ConfigurationState goes away with our pod, where we are one and may ask for it. */
async function stateIdentity(api: KubeApi, flags: ControllerFlags): Promise<ConfigurationStateIdentity> {
  const { namespace, podName } = flags;
  const identity = { namespace, name: STATE_NAME, labels: { 'metallb.io/component-type': 'controller' } };
  if (podName === undefined) return identity;
  try {
    const pod = await api.request({
      op: 'get own pod',
      path: `${corePath('pods', namespace)}/${podName}`,
      timeoutMs: 5_000,
    });
    const uid = asString(asObject(asObject(pod)['metadata'])['uid']);
    return uid === '' ? identity : { ...identity, owner: { name: podName, uid } };
  } catch {
    // Without an owner the object outlives us, and the next controller takes it over.
    return identity;
  }
}

function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
}

interface Running {
  readonly controller: Controller;
  readonly leadership: Leadership | undefined;
  readonly connection: KubeConnection;
  readonly servers: readonly RunningServer[];
}

/** The Lease is released after the last write has ended, so that nobody leads beside it. */
async function stop({ controller, leadership, connection, servers }: Running): Promise<void> {
  const timer = setTimeout(() => process.exit(0), STOP_WITHIN_MS);
  await controller.stop();
  await leadership?.retire();
  await Promise.all(servers.map((server) => server.close()));
  connection.close();
  clearTimeout(timer);
}
