/**
 * From the moment a watch shows a Service's external address until the client host on the LAN has its first ARP reply
 * for it; the client asks every millisecond, from before the Service exists. The speaker learns of the address by a
 * watch of its own, so a difference below zero is possible: it was faster than our watch. The floor is the same client's
 * first reply for an address that is there all along, a node's own.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { SandboxHandle } from '../src/sandbox/sandbox.ts';
import { type BenchCluster, reservedAddress } from './bench-cluster.ts';
import { type Asking, askForAll, whileAsking } from './lan-client.ts';
import { monotonicMs } from './machine.ts';
import { formatRow, percentiles } from './percentiles.ts';
import { type BenchServices, withServices } from './services.ts';

const ADDRESSES = 50;
/** Left out: the first warms up connections and compilers. */
const WARM_UP = 2;
/** Lets the work that a deletion makes pass. */
const PAUSE_MS = 300;
const GIVE_UP_SECONDS = 20;
const UNIT = { name: 'ms', digits: 2 };

interface Times {
  readonly fromVisible: number;
  readonly fromCreation: number;
}

export async function measureAnnouncement(cluster: BenchCluster): Promise<string[]> {
  const handle = await cluster.withAddon();
  const floor = await kernelReplies(handle);
  const addresses = Array.from({ length: WARM_UP + ADDRESSES }, (_, index) => reservedAddress(index + 1));
  // A node's own address comes first: its reply tells that the client has begun.
  const ips = [nodeAddress(handle), ...addresses];
  const times = await withServices(handle, (services) =>
    whileAsking(handle, { ips, giveUpSeconds: GIVE_UP_SECONDS }, async (asking) => {
      const measured: Times[] = [];
      await asking.answered(0);
      for (let index = 1; index < ips.length; index++) {
        measured.push(await announceOne(services, asking, { index, ips }));
      }
      return measured.slice(WARM_UP);
    }),
  );
  return [
    formatRow('a node’s own address (the floor)', percentiles(floor), UNIT),
    formatRow(`addon, address visible → reply`, percentiles(times.map((time) => time.fromVisible)), UNIT),
    formatRow(`addon, Service created → reply`, percentiles(times.map((time) => time.fromCreation)), UNIT),
    `${times.length} addresses, ${times.filter(({ fromVisible }) => fromVisible < 0).length} of them answered before our own watch showed the address`,
  ];
}

async function kernelReplies(handle: SandboxHandle): Promise<number[]> {
  const ips = Array.from({ length: WARM_UP + ADDRESSES }, () => nodeAddress(handle));
  const replies = await askForAll(handle, { ips, giveUpSeconds: GIVE_UP_SECONDS });
  return replies.slice(WARM_UP).map(({ beganMs, answeredMs }) => answeredMs - beganMs);
}

function nodeAddress({ nodes }: SandboxHandle): string {
  const last = nodes.at(-1);
  if (last === undefined) throw new Error('a sandbox has at least one node');
  return last.ip;
}

async function announceOne(
  services: BenchServices,
  asking: Asking,
  { index, ips }: { readonly index: number; readonly ips: readonly string[] },
): Promise<Times> {
  const name = `announced-${index}`;
  const address = ips[index] ?? '';
  const shown = services.hasAddress(name);
  const sentMs = monotonicMs();
  const created = services.create({ name, address, endpoints: 'nginx' });
  const [shownMs, reply] = await Promise.all([shown, asking.answered(index), created]);
  if (reply.beganMs > sentMs) throw new Error(`the client was not asking for ${address} yet`);
  await services.delete(name);
  await pause(PAUSE_MS);
  return { fromVisible: reply.answeredMs - shownMs, fromCreation: reply.answeredMs - sentMs };
}
