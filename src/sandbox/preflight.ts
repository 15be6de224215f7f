/**
 * Looks, before anything is touched, for what would make a boot fail or do harm: rights, kernel features, a subnet that
 * is in use, names that something else has taken.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { type AddressRange, parseAddressRange, rangesOverlap } from '../runtime/model/range.ts';
import { readCgroupMounts } from './cgroups.ts';
import { runCommand, tryCommand } from './command.ts';
import { SandboxError } from './errors.ts';
import { type Layout, namespacesOf } from './layout.ts';
import { listNamespaces } from './network.ts';

/** Bits of linux/capability.h that a sandbox cannot do without. */
const CAPABILITIES: Readonly<Record<string, bigint>> = {
  CAP_NET_ADMIN: 12n,
  CAP_NET_RAW: 13n,
  CAP_SYS_CHROOT: 18n,
  CAP_SYS_PTRACE: 19n,
  CAP_SYS_ADMIN: 21n,
  CAP_MKNOD: 27n,
};

/** Rights and kernel: needs no program of the distribution. */
export async function checkMachine(): Promise<void> {
  if (process.platform !== 'linux') {
    throw new SandboxError({
      problem: `a sandbox needs Linux, and this is ${process.platform}`,
      hint: 'run it in a Linux virtual machine',
    });
  }
  if (process.getuid?.() !== 0) {
    throw new SandboxError({
      problem: 'a sandbox makes network namespaces and containers, which only root may',
      hint: 'run the same command with sudo',
    });
  }
  const missing = missingCapabilities(await readFile('/proc/self/status', 'utf8'));
  if (missing.length > 0) {
    throw new SandboxError({
      problem: `this root lacks ${missing.join(', ')}`,
      hint: 'run on the machine itself, or in a container started with --privileged',
    });
  }
  await readCgroupMounts();
  // Both may be modules that are not loaded yet; where they are built in, modprobe has nothing to do.
  for (const module of ['veth', 'bridge', 'overlay', 'nf_tables']) await tryCommand(['modprobe', '--quiet', module]);
}

/** Subnet and names: free for this instance. */
export async function checkClashes(layout: Layout): Promise<void> {
  const present = new Set(await listNamespaces());
  const taken = namespacesOf(layout).filter((netns) => present.has(netns));
  if (taken.length > 0 || existsSync(`/sys/class/net/${layout.hostInterface}`)) {
    const what = taken[0] === undefined ? `the interface ${layout.hostInterface}` : `the network namespace ${taken[0]}`;
    throw new SandboxError({
      problem: `${what} exists already and is not known to belong to a sandbox`,
      hint: `choose another --name, or remove it (ip ${taken[0] === undefined ? `link delete ${layout.hostInterface}` : `netns delete ${taken[0]}`})`,
    });
  }
  for (const subnet of [layout.subnet, layout.subnet6]) {
    const clash = subnet === undefined ? undefined : await findSubnetUse(subnet);
    if (clash === undefined) continue;
    const own = subnet === layout.subnet ? `the subnet ${subnet}` : `${subnet}, the IPv6 side of ${layout.subnet},`;
    throw new SandboxError({
      problem: `${own} overlaps ${clash.network}, which this machine uses on ${clash.device}`,
      hint: clash.device.startsWith('sb-')
        ? `another sandbox has it: end that one (sandbox down --name ${clash.device.slice(3)}) or choose another --subnet`
        : 'choose a free one with --subnet, for example --subnet 10.99.0.0/24',
    });
  }
}

/** Whether IPv6 is there to be used; a kernel started with ipv6.disable=1 has none in any namespace. */
export function kernelHasIpv6(): boolean {
  return existsSync('/proc/net/if_inet6');
}

/** Names of needed capabilities that are not in the effective set of /proc/<pid>/status's text. */
export function missingCapabilities(status: string): string[] {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  return Object.entries(CAPABILITIES).flatMap(([name, bit]) => ((effective >> bit) & 1n ? [] : [name]));
}

interface SubnetUse {
  readonly network: string;
  readonly device: string;
}

async function findSubnetUse(subnet: string): Promise<SubnetUse | undefined> {
  const own = parseAddressRange(subnet);
  if (!own.ok) throw new Error(own.error);
  const addresses = Object.entries(networkInterfaces()).flatMap(([device, list]) =>
    (list ?? []).flatMap((address) => (address.cidr === null ? [] : [{ network: address.cidr, device }])),
  );
  const routes = await readRoutes(own.value.family === 'ipv4' ? '-4' : '-6');
  return [...addresses, ...routes].find((use) => overlaps(own.value, use.network));
}

async function readRoutes(family: '-4' | '-6'): Promise<SubnetUse[]> {
  const printed = await runCommand(['ip', '-json', family, 'route', 'show', 'table', 'all']);
  const routes = JSON.parse(printed || '[]') as { dst?: string; dev?: string; type?: string }[];
  return routes.flatMap(({ dst, dev, type }) => {
    // The default route covers everything, and broadcast and multicast routes are nobody's network.
    if (dst === undefined || dst === 'default' || type === 'broadcast' || type === 'multicast') return [];
    const network = dst.includes('/') ? dst : `${dst}/${dst.includes(':') ? 128 : 32}`;
    return [{ network, device: dev ?? `a ${type ?? 'route'}` }];
  });
}

function overlaps(own: AddressRange, network: string): boolean {
  const other = parseAddressRange(network);
  return other.ok && rangesOverlap(own, other.value);
}
