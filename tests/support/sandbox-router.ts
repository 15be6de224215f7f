/**
 * A router at the sandbox's edge, and a host beyond it: where the nodes' default routes lead to, with a real BIRD that has
 * a BGP session with every node, and uses all best paths at once.
 *
 *     outside (203.0.113.2) ── wan ── router (.254 of the LAN) ── the LAN's switch ── nodes
 *
 * Requests from outside get to a Service's address by the routes that the nodes announce, or, when there are none, by the
 * LAN, if somebody answers there for the address.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { layoutOfHandle } from '../../src/sandbox/handle.ts';
import type { SandboxHandle } from '../../src/sandbox/sandbox.ts';
import type { Start } from './client-probes.ts';
import { BIRD } from './interop/bird.ts';
import { makeFolder } from './interop/folder.ts';
import type { Router, RouterNeighbour } from './interop/router.ts';
import { LanHost, tryRun } from './netns.ts';

export const ROUTER_ASN = 64513;
export const CLUSTER_ASN = 64512;

const WAN = { ip: '203.0.113.1', ip6: '2001:db8:113::1' };
const OUTSIDE = { ip: '203.0.113.2', ip6: '2001:db8:113::2' };
const PORT = 'port-router';

export interface SandboxRouter {
  readonly ip: string;
  readonly ip6: string | undefined;
  readonly bird: Router;
  /** Starts programs on the host beyond the router. */
  readonly outside: Start;
  /** One request from there; rejects unless it is answered within two seconds. */
  curl(address: string): Promise<string>;
  /** The next hops that the router's kernel has for the address, ordered. */
  nextHops(address: string): Promise<readonly string[]>;
  /** Starts BIRD, or starts it anew, with a session with every node over IPv4, and over IPv6 where there is one. */
  startBird(neighbour?: Partial<RouterNeighbour>): Promise<void>;
  remove(): Promise<void>;
}

/** Only one at a time for each sandbox. */
export async function createRouter(handle: SandboxHandle): Promise<SandboxRouter> {
  const { routerIp, routerIp6, prefixLength, switchNetns, name, nodes } = layoutOfHandle(handle);
  const router = new LanHost('router', `${name}-router`, switchNetns);
  const outside = new LanHost('outside', `${name}-outside`, switchNetns);
  const folder = await makeFolder();
  const bird = BIRD.create(router, folder);
  const remove = async (): Promise<void> => {
    await bird.stop('at-once');
    await tryRun('ip', '-n', switchNetns, 'link', 'del', PORT);
    for (const { namespace } of [router, outside]) await tryRun('ip', 'netns', 'del', namespace);
    await rm(folder, { recursive: true, force: true });
  };
  await remove();
  try {
    for (const host of [router, outside]) {
      await must('ip', 'netns', 'add', host.namespace);
      await host.ip('link', 'set', 'lo', 'up');
    }
    const cable = ['link', 'add', PORT, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', router.namespace];
    await must('ip', '-n', switchNetns, ...cable);
    await must('ip', '-n', switchNetns, 'link', 'set', PORT, 'master', 'lan', 'up');
    await router.ip('link', 'add', 'wan', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', outside.namespace);
    // Over which of several paths a connection goes is a matter of its ports as well, as in routers that balance.
    for (const setting of [
      'net.ipv4.ip_forward=1',
      'net.ipv6.conf.all.forwarding=1',
      'net.ipv4.fib_multipath_hash_policy=1',
      'net.ipv6.fib_multipath_hash_policy=1',
    ]) {
      await router.run('sysctl', '-qw', setting);
    }
    for (const device of ['eth0', 'wan']) await router.ip('link', 'set', device, 'up');
    await outside.ip('link', 'set', 'eth0', 'up');
    await address(router, `${routerIp}/${prefixLength}`, 'eth0');
    await address(router, `${WAN.ip}/24`, 'wan');
    await address(outside, `${OUTSIDE.ip}/24`, 'eth0');
    await outside.ip('route', 'add', 'default', 'via', WAN.ip);
    if (routerIp6 !== undefined) {
      await address(router, `${routerIp6}/64`, 'eth0');
      await address(router, `${WAN.ip6}/64`, 'wan');
      await address(outside, `${OUTSIDE.ip6}/64`, 'eth0');
      await outside.ip('-6', 'route', 'add', 'default', 'via', WAN.ip6);
    }
  } catch (error) {
    await remove();
    throw error;
  }
  const neighbours = (more: Partial<RouterNeighbour>): RouterNeighbour[] =>
    nodes.flatMap(({ ip, ip6 }) => [
      { address: ip, asn: CLUSTER_ASN, localAddress: routerIp, families: ['ipv4'], ...more } satisfies RouterNeighbour,
      ...(ip6 === undefined || routerIp6 === undefined
        ? []
        : [
            {
              address: ip6,
              asn: CLUSTER_ASN,
              localAddress: routerIp6,
              families: ['ipv6'],
              ...more,
            } satisfies RouterNeighbour,
          ]),
    ]);
  return {
    ip: routerIp,
    ip6: routerIp6,
    bird,
    outside: (program, ...command): ChildProcess =>
      spawn('ip', ['netns', 'exec', outside.namespace, program, ...command], { stdio: ['pipe', 'pipe', 'pipe'] }),
    async curl(ip) {
      const host = ip.includes(':') ? `[${ip}]` : ip;
      return (await outside.run('curl', '-sS', '--max-time', '2', `http://${host}/`)).stdout;
    },
    async nextHops(ip) {
      const family = ip.includes(':') ? ['-6'] : [];
      const { stdout } = await router.ip(...family, '-j', 'route', 'show', 'exact', ip);
      const routes = JSON.parse(stdout || '[]') as { gateway?: string; nexthops?: { gateway: string }[] }[];
      return routes
        .flatMap(({ gateway, nexthops = [] }) => [gateway ?? [], nexthops.map((hop) => hop.gateway)].flat(2))
        .sort();
    },
    async startBird(more = {}) {
      await bird.start({ asn: ROUTER_ASN, identifier: routerIp, neighbours: neighbours(more), multipath: true });
    },
    remove,
  };
}

async function address(host: LanHost, ip: string, device: string): Promise<void> {
  await host.ip('address', 'add', ip, 'dev', device, ...(ip.includes(':') ? ['nodad'] : []));
}

async function must(program: string, ...command: string[]): Promise<void> {
  const { exitCode, stderr } = await tryRun(program, ...command);
  if (exitCode !== 0) throw new Error(`${[program, ...command].join(' ')}: ${stderr.trim()}`);
}
