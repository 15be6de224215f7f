/**
 * A thousand Services at once, in three acts on the same cluster:
 *
 * 1. The floor: how many statuses a second a bare loop writes (status-patches.ts), before and after everything else, and
 *    with the controller stopped.
 * 2. Eight clients create Services as fast as the API server takes them: how long after its creation a Service's address
 *    is visible, and whether the controller keeps up. Creation, allocation and our watch compete for one API server, so
 *    no rate of this act tells what the controller can do.
 * 3. As many Services wait, refused, for a pool that is not there; then it is made. Nothing else runs, as in the floor:
 *    this is the controller's own rate, and what is compared with the floor's.
 */
import { metallbApiVersion, metallbPath } from '../src/runtime/adapters/kube/paths.ts';
import { type BenchCluster, kubectl, SPARE_RANGE } from './bench-cluster.ts';
import { withoutController } from './controller-deployment.ts';
import { monotonicMs } from './machine.ts';
import { formatRow, MILLISECONDS, percentiles } from './percentiles.ts';
import { backlog, perSecond } from './rates.ts';
import { type BenchServices, inParallel, withServices } from './services.ts';
import { PatchedServices, WRITE_CONCURRENCY } from './status-patches.ts';

const SERVICES = 1000;
const CLIENTS = 8;
const PATIENCE_MS = 120_000;
const NAMESPACE = 'metallb-system';
const LATE_POOL = 'bench-late';
/** Addresses that come later than this after their Services are behind. */
const KEPT_UP_MS = 250;
const AIM = 0.8;

/** Times of the monotonic clock in milliseconds, of one Service. */
interface Life {
  readonly sentMs: number;
  readonly answeredMs: number;
  readonly visibleMs: number;
}

export async function measureThroughput(cluster: BenchCluster): Promise<string[]> {
  const handle = await cluster.withAddon();
  const lines = await withServices(handle, async (services) => {
    const { floor, before } = await withoutController(handle, async () => {
      const floor = await PatchedServices.create(services, SERVICES);
      return { floor, before: perSecond(await floor.patchAll()) };
    });
    const creation = describeCreation(await createAtOnce(services));
    const { madeMs, visibleMs } = await clearBacklog(services);
    const after = perSecond(await withoutController(handle, () => floor.patchAll()));
    return [
      `bare status patches, ${WRITE_CONCURRENCY} at once (the floor): ${rate(before)} before, ${rate(after)} after`,
      ...creation,
      ...describeBacklog(madeMs, visibleMs, (before + after) / 2),
    ];
  });
  // After its Services, or the controller would look for other addresses for all of them.
  await kubectl(handle, '-n', NAMESPACE, 'delete', 'ipaddresspool', LATE_POOL);
  return lines;
}

async function createAtOnce(services: BenchServices): Promise<readonly Life[]> {
  const names = Array.from({ length: SERVICES }, (_, index) => `at-once-${index}`);
  const posts = new Map<string, Omit<Life, 'visibleMs'>>();
  const create = async (name: string): Promise<void> => {
    const sentMs = monotonicMs();
    await services.create({ name, endpoints: 'none' });
    posts.set(name, { sentMs, answeredMs: monotonicMs() });
  };
  const shown = Promise.all(names.map((name) => services.hasAddress(name, PATIENCE_MS)));
  const [visible] = await Promise.all([shown, inParallel(names, create, CLIENTS)]);
  return names.flatMap((name, index) => {
    const post = posts.get(name);
    return post === undefined ? [] : [{ ...post, visibleMs: visible[index] ?? Number.NaN }];
  });
}

function describeCreation(lives: readonly Life[]): string[] {
  const sent = lives.map(({ sentMs }) => sentMs);
  const answered = lives.map(({ answeredMs }) => answeredMs);
  const visible = lives.map(({ visibleMs }) => visibleMs);
  const lateMs = Math.max(...visible) - Math.max(...answered);
  const { largest, rateWhileFull } = backlog(answered, visible, WRITE_CONCURRENCY);
  const busy = Number.isNaN(rateWhileFull)
    ? `never as many as ${WRITE_CONCURRENCY} waited`
    : `${rate(rateWhileFull)} addresses while ${WRITE_CONCURRENCY} or more waited, ${largest} at most`;
  const after = (since: readonly number[]) => percentiles(visible.map((atMs, index) => atMs - (since[index] ?? 0)));
  return [
    `${SERVICES} Services by ${CLIENTS} clients: ${rate(perSecond(answered))} created, ${rate(perSecond(visible))} addresses visible`,
    formatRow('POST answered → address visible', after(answered), MILLISECONDS),
    formatRow('POST sent → address visible', after(sent), MILLISECONDS),
    `kept up with creation: ${lateMs <= KEPT_UP_MS ? 'yes' : 'no'} (last address ${lateMs.toFixed(0)} ms after the last creation; ${busy})`,
  ];
}

/** Gives the time at which the pool was made, and when each address was seen. */
async function clearBacklog(services: BenchServices): Promise<{ madeMs: number; visibleMs: readonly number[] }> {
  const names = Array.from({ length: SERVICES }, (_, index) => `waiting-${index}`);
  const refused = names.map((name) => services.isRefused(name, 'RequestedPoolUnknown', PATIENCE_MS));
  const create = (name: string) => services.create({ name, endpoints: 'none', pool: LATE_POOL });
  await Promise.all([inParallel(names, create, CLIENTS), ...refused]);
  const shown = Promise.all(names.map((name) => services.hasAddress(name, PATIENCE_MS)));
  const [madeMs, visibleMs] = await Promise.all([makePool(services).then(monotonicMs), shown]);
  return { madeMs, visibleMs };
}

async function makePool({ api }: BenchServices): Promise<void> {
  await api.request({
    op: 'create pool',
    method: 'POST',
    path: metallbPath('ipaddresspools', NAMESPACE),
    body: {
      apiVersion: metallbApiVersion('ipaddresspools'),
      kind: 'IPAddressPool',
      metadata: { namespace: NAMESPACE, name: LATE_POOL },
      spec: { addresses: [SPARE_RANGE], autoAssign: false },
    },
  });
}

function describeBacklog(madeMs: number, visibleMs: readonly number[], floor: number): string[] {
  const ours = perSecond(visibleMs);
  const firstMs = Math.min(...visibleMs) - madeMs;
  const allMs = Math.max(...visibleMs) - madeMs;
  return [
    `${SERVICES} Services waiting for a pool, nothing else running: ${rate(ours)} addresses, the first ${firstMs.toFixed(0)} ms after the pool, all after ${(allMs / 1000).toFixed(1)} s`,
    `ratio to bare patches ${(ours / floor).toFixed(2)} (aim: ${AIM} or more)`,
  ];
}

function rate(perSecond: number): string {
  return `${perSecond.toFixed(0)} a second`;
}
