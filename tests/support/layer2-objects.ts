/** Pools, Services and speakers as the layer-2 files of the end-to-end tier need them, and who announces what. */
import { exec } from '../../src/sandbox/sandbox.ts';
import type { Cluster } from './cluster.ts';
import { waitFor } from './wait-for.ts';

export const SOON_MS = 30_000;

type Family = 'IPv4' | 'IPv6';

/** A Kubernetes list, for `Cluster.apply`. */
export function list(...items: readonly object[]): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}

export interface PoolOptions {
  /** Fields of the IPAddressPool's spec. */
  readonly pool?: object;
  /** Fields of the L2Advertisement's spec. */
  readonly advertisement?: object;
}

/** A pool of single addresses that nobody gets who does not name it, and its advertisement. */
export function pool(name: string, addresses: readonly string[], options: PoolOptions = {}): readonly object[] {
  const metadata = { namespace: 'metallb-system', name };
  const apiVersion = 'metallb.io/v1beta1';
  const ranges = addresses.map((address) => `${address}/${address.includes(':') ? 128 : 32}`);
  return [
    {
      apiVersion,
      kind: 'IPAddressPool',
      metadata,
      spec: { addresses: ranges, autoAssign: false, ...options.pool },
    },
    { apiVersion, kind: 'L2Advertisement', metadata, spec: { ipAddressPools: [name], ...options.advertisement } },
  ];
}

export interface ServiceOptions {
  /** Both, unless told otherwise. */
  readonly family?: Family;
  /** The pool's name, unless told otherwise the Service's. */
  readonly pool?: string;
  readonly spec?: object;
}

/** A Service in front of the demo's nginx. */
export function service(name: string, options: ServiceOptions = {}): object {
  const { family } = options;
  const families = family === undefined ? { ipFamilyPolicy: 'RequireDualStack' } : { ipFamilies: [family] };
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, annotations: { 'metallb.io/address-pool': options.pool ?? name } },
    spec: { type: 'LoadBalancer', ...families, selector: { app: 'nginx' }, ports: [{ port: 80 }], ...options.spec },
  };
}

/** Removes the Services, and the pools and advertisements of these names. */
export async function remove(c: Cluster, ...names: readonly string[]): Promise<void> {
  await c.kubectl('delete', 'service', ...names, '--ignore-not-found');
  for (const kind of ['l2advertisement', 'ipaddresspool']) {
    await c.kubectl('delete', kind, '-n', 'metallb-system', ...names, '--ignore-not-found');
  }
}

/** The node that answers for the address, as soon as one does. */
export async function ownerOf(c: Cluster, vip: string): Promise<string> {
  const mac = await waitFor(`one node answers for ${vip}`, async () => (await c.owners(vip))[0], { withinMs: SOON_MS });
  return c.nodeOf(mac);
}

/** Waits until one node alone answers, three times in a row, and returns it. */
export async function oneOwner(c: Cluster, vip: string): Promise<string> {
  let streak = 0;
  const mac = await waitFor(
    `exactly one owner of ${vip}`,
    async () => {
      const owners = await c.owners(vip);
      streak = owners.length === 1 ? streak + 1 : 0;
      return streak >= 3 ? owners[0] : undefined;
    },
    { withinMs: SOON_MS },
  );
  return c.nodeOf(mac);
}

/** Waits until the node alone answers for the address. */
export async function ownedBy(c: Cluster, vip: string, node: string): Promise<void> {
  await waitFor(
    `${node} has ${vip}`,
    async () => {
      const owners = await c.owners(vip);
      return owners.length === 1 && (await c.nodeOf(owners[0] ?? '')) === node;
    },
    { withinMs: SOON_MS },
  );
}

/** Waits until one node alone answers for the address, and it is not that one. */
export async function movedFrom(c: Cluster, vip: string, node: string): Promise<void> {
  await waitFor(
    `another than ${node} has ${vip}`,
    async () => {
      const owners = await c.owners(vip);
      return owners.length === 1 && (await c.nodeOf(owners[0] ?? '')) !== node;
    },
    { withinMs: SOON_MS },
  );
}

/** Gives the client on the LAN the address, as a foreign host that has it, or takes it away. */
export function holdOnClient(c: Cluster, action: 'add' | 'del', vip: string) {
  const [length, ...nodad] = vip.includes(':') ? ['64', ...(action === 'add' ? ['nodad'] : [])] : ['24'];
  const argv = ['ip', 'address', action, `${vip}/${length}`, 'dev', 'eth0', ...nodad];
  return exec(c.handle, 'client', argv, { stdio: 'pipe' });
}

export async function speakerPodOn(c: Cluster, node: string): Promise<string> {
  const onNode = ['--field-selector', `spec.nodeName=${node}`];
  const [pod] = await c.list('pods', '-n', 'metallb-system', '-l', 'component=speaker', ...onNode);
  return String(pod?.metadata.name);
}

/** Waits until every speaker runs and is ready. */
export async function speakersReady(c: Cluster): Promise<void> {
  await c.kubectl('rollout', 'status', '-n', 'metallb-system', 'daemonset/speaker', '--timeout=120s');
}

/** The messages of the Service's Events of that reason. */
export async function eventsOf(c: Cluster, name: string, reason: string): Promise<readonly string[]> {
  const about = `involvedObject.name=${name},reason=${reason}`;
  const events = await c.list('events', '--field-selector', about);
  return events.map((event) => String((event as unknown as { message?: string }).message));
}
