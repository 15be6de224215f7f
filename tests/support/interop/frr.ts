/** FRR 8.4: zebra, bfdd and bgpd, each with its own configuration, asked through vtysh for JSON. */
import { existsSync } from 'node:fs';
import { waitFor } from '../wait-for.ts';
import { Daemons } from './daemons.ts';
import {
  type CapabilityName,
  familyOf,
  inPrefixOrder,
  nextHopFor,
  type OriginatedRoute,
  type RouteFamily,
  type Router,
  type RouterConfig,
  type RouterKind,
  type RouterNeighbour,
  type RouteSeen,
  type SessionSeen,
} from './router.ts';

const PROGRAMS = '/usr/lib/frr';
const STARTS = { withinMs: 10_000, everyMs: 50 };
const ZEBRA_SOCKET = 'zserv.api';
const FAMILIES = ['ipv4', 'ipv6'] as const;

export const FRR: RouterKind = {
  name: 'FRR 8.4',
  create: (host, folder) => {
    const daemons = new Daemons(host, folder);
    const ask = async (...commands: string[]) => {
      const options = commands.flatMap((command) => ['-c', command]);
      return (await daemons.run('vtysh', '--vty_socket', folder, ...options)).stdout;
    };
    let asn = 0;
    const route = async (family: RouteFamily, prefix: string) =>
      JSON.parse(await ask(`show bgp ${family} unicast ${prefix} json`)) as FrrRoute;
    return {
      async start(config) {
        await daemons.reset();
        asn = config.asn;
        await daemons.write('zebra.conf', '');
        await daemons.write('bfdd.conf', '');
        await daemons.write('bgpd.conf', writeConfig(config));
        // They give up root for a user of their own, who makes the sockets.
        await daemons.run('chown', '-R', 'frr:frr', folder);
        const begin = (program: string) => daemons.start(`${PROGRAMS}/${program}`, options(daemons, program));
        begin('zebra');
        // Who finds it missing asks again in ten seconds.
        await waitFor('zebra', async () => existsSync(daemons.file(ZEBRA_SOCKET)), STARTS);
        for (const program of ['bfdd', 'bgpd']) begin(program);
        await waitFor('FRR answers', async () => (await ask('show bgp summary json')).includes('{'), STARTS);
      },
      async session(neighbour) {
        const all = JSON.parse(await ask(`show bgp neighbors ${neighbour} json`)) as Record<string, FrrNeighbour>;
        const seen = all[neighbour];
        if (seen === undefined) throw new Error(`FRR knows no neighbour ${neighbour}`);
        return readSession(seen, await daemons.log(), neighbour);
      },
      async routes(neighbour) {
        const seen: RouteSeen[] = [];
        for (const family of FAMILIES) {
          const table = JSON.parse(await ask(`show bgp ${family} unicast json`)) as Partial<{ routes: object }>;
          for (const prefix of Object.keys(table.routes ?? {})) {
            seen.push(...readRoute(prefix, await route(family, prefix), neighbour));
          }
        }
        return inPrefixOrder(seen);
      },
      async countRoutes(neighbour) {
        const summary = JSON.parse(await ask('show bgp summary json')) as Record<string, FrrSummary>;
        return Object.values(summary).reduce((sum, { peers }) => sum + (peers[neighbour]?.pfxRcd ?? 0), 0);
      },
      async askForRefresh(neighbour, family) {
        await ask(`clear bgp ${family} unicast ${neighbour} in`);
      },
      async shutDown(neighbour, text) {
        await ask('configure terminal', `router bgp ${asn}`, `neighbor ${neighbour} shutdown message ${text}`);
        return text;
      },
      async bfd(neighbour) {
        const peers = JSON.parse(await ask('show bfd peers json')) as { peer: string; status: string }[];
        const peer = peers.find((candidate) => candidate.peer === neighbour);
        return peer === undefined ? undefined : peer.status === 'up' ? 'up' : 'down';
      },
      freeze: () => daemons.signal('SIGSTOP'),
      thaw: () => daemons.signal('SIGCONT'),
      stop: (how) => daemons.stop(how),
      log: () => daemons.log(),
    } satisfies Router;
  },
};

function options(daemons: Daemons, program: string): string[] {
  return [
    ...['-f', daemons.file(`${program}.conf`), '-i', daemons.file(`${program}.pid`)],
    ...['--vty_socket', daemons.folder, '-z', daemons.file(ZEBRA_SOCKET), '-P', '0', '--log', 'stdout'],
    ...(program === 'bfdd' ? ['--bfdctl', daemons.file('bfdd.sock')] : []),
  ];
}

function writeConfig({ asn, identifier, neighbours, originates = [], multipath }: RouterConfig): string {
  return [
    'debug bgp neighbor-events',
    `router bgp ${asn}`,
    ` bgp router-id ${identifier}`,
    ' no bgp ebgp-requires-policy',
    ' no bgp network import-check',
    ' no bgp default ipv4-unicast',
    ...(multipath ? [' bgp bestpath as-path multipath-relax'] : []),
    ...(neighbours.some(({ gracefulRestart }) => gracefulRestart) ? [' bgp graceful-restart'] : []),
    ...neighbours.flatMap(writeNeighbour),
    ...FAMILIES.flatMap((family) => [
      ` address-family ${family} unicast`,
      ...originates.filter(({ prefix }) => familyOf(prefix) === family).map(({ prefix }) => `  network ${prefix}`),
      ...(multipath ? ['  maximum-paths 8', '  maximum-paths ibgp 8'] : []),
      ...neighbours
        .filter(({ families }) => families.includes(family))
        .flatMap(({ address }) => [
          `  neighbor ${address} activate`,
          `  neighbor ${address} route-map outgoing-${address} out`,
        ]),
      ' exit-address-family',
    ]),
    ...originates.map(({ prefix }, index) => {
      const family = familyOf(prefix) === 'ipv4' ? 'ip' : 'ipv6';
      return `${family} prefix-list originated-${index} permit ${prefix}`;
    }),
    ...neighbours.flatMap((neighbour) => originates.flatMap((route, index) => writeMap(neighbour, route, index))),
    ...neighbours.map(({ address }) => `route-map outgoing-${address} deny 65535`),
    '',
  ].join('\n');
}

function writeNeighbour(neighbour: RouterNeighbour): string[] {
  const { address, hops, holdTimeSeconds = 9, bfd } = neighbour;
  const lines = [
    `remote-as ${neighbour.asn}`,
    `update-source ${neighbour.localAddress}`,
    `timers ${Math.floor(holdTimeSeconds / 3)} ${holdTimeSeconds}`,
    'timers connect 1',
    ...(neighbour.passive ? ['passive'] : []),
    ...(neighbour.password === undefined ? [] : [`password ${neighbour.password}`]),
    ...(hops?.kind === 'multihop' ? [`ebgp-multihop ${hops.hops}`] : []),
    ...(hops?.kind === 'gtsm' ? [`ttl-security hops ${hops.hops}`] : []),
    ...(bfd === undefined ? [] : [`bfd ${bfd.multiplier} ${bfd.intervalMs} ${bfd.intervalMs}`]),
    ...(neighbour.extendedNextHop ? ['capability extended-nexthop'] : []),
    ...(neighbour.gracefulRestart ? ['graceful-restart'] : []),
  ];
  return lines.map((line) => ` neighbor ${address} ${line}`);
}

function writeMap(neighbour: RouterNeighbour, route: OriginatedRoute, index: number): string[] {
  const family = familyOf(route.prefix);
  const nextHop = nextHopFor(neighbour, family);
  if (nextHop === undefined) return [];
  const of = (isLarge: boolean) => (route.communities ?? []).filter((text) => text.startsWith('large:') === isLarge);
  const large = of(true).map((text) => text.replace('large:', ''));
  return [
    `route-map outgoing-${neighbour.address} permit ${index + 1}`,
    ` match ${family === 'ipv4' ? 'ip' : 'ipv6'} address prefix-list originated-${index}`,
    family === 'ipv4' ? ` set ip next-hop ${nextHop}` : ` set ipv6 next-hop global ${nextHop}`,
    ...(of(false).length === 0 ? [] : [` set community ${of(false).join(' ')}`]),
    ...(large.length === 0 ? [] : [` set large-community ${large.join(' ')}`]),
    ...(route.multiExitDisc === undefined ? [] : [` set metric ${route.multiExitDisc}`]),
  ];
}

interface FrrNeighbour {
  readonly bgpState: string;
  readonly neighborCapabilities?: Readonly<Record<string, unknown>>;
  readonly lastResetDueTo?: string;
  readonly lastNotificationReason?: string;
  readonly lastShutdownDescription?: string;
}

const CAPABILITIES: readonly (readonly [string, CapabilityName])[] = [
  ['routeRefresh', 'route-refresh'],
  ['enhancedRouteRefresh', 'enhanced-route-refresh'],
  ['extendedMessage', 'extended-message'],
  ['extendedNexthop', 'extended-next-hop'],
  ['4byteAs', 'four-octet-as'],
  ['gracefulRestart', 'graceful-restart'],
];

function readSession(seen: FrrNeighbour, log: string, neighbour: string): SessionSeen {
  const capabilities = seen.neighborCapabilities ?? {};
  const families = (capabilities['multiprotocolExtensions'] ?? {}) as Readonly<Record<string, object>>;
  const isReceived = (value: unknown) => /received/i.test(typeof value === 'string' ? value : JSON.stringify(value));
  const notifications = log.split('\n').filter((line) => line.includes('NOTIFICATION') && line.includes(neighbour));
  const words = [seen.lastResetDueTo, seen.lastNotificationReason, seen.lastShutdownDescription, notifications.at(-1)];
  const lastError = words.filter((word) => word !== undefined).join('; ');
  return {
    isEstablished: seen.bgpState === 'Established',
    capabilities: [
      ...FAMILIES.filter((family) => isReceived(families[`${family}Unicast`] ?? '')).map(
        (family) => `multiprotocol ${family}` as const,
      ),
      ...CAPABILITIES.filter(([key]) => isReceived(capabilities[key] ?? '')).map(([, name]) => name),
    ],
    ...(lastError === '' ? {} : { lastError }),
  };
}

interface FrrSummary {
  readonly peers: Readonly<Record<string, { readonly pfxRcd: number }>>;
}

/** What it calls by a name. */
const COMMUNITIES: Readonly<Record<string, string>> = {
  gracefulShutdown: '65535:0',
  noExport: '65535:65281',
};

interface FrrRoute {
  readonly paths?: readonly FrrPath[];
}

interface FrrPath {
  readonly aspath?: { readonly string: string };
  readonly metric?: number;
  readonly locPrf?: number;
  readonly community?: { readonly list: readonly string[] };
  readonly largeCommunity?: { readonly list: readonly string[] };
  readonly nexthops: readonly { readonly ip: string; readonly scope?: string }[];
  readonly peer: { readonly peerId: string };
  readonly stale?: boolean;
}

function readRoute(prefix: string, { paths = [] }: FrrRoute, neighbour: string): RouteSeen[] {
  return paths
    .filter(({ peer }) => peer.peerId === neighbour)
    .map((path) => ({
      prefix,
      nextHop: (path.nexthops.find(({ scope }) => scope !== 'link-local') ?? path.nexthops[0])?.ip ?? '',
      asPath: (path.aspath?.string ?? '')
        .split(' ')
        .filter((word) => /^\d+$/.test(word))
        .map(Number),
      ...(path.locPrf === undefined ? {} : { localPref: path.locPrf }),
      ...(path.metric === undefined ? {} : { multiExitDisc: path.metric }),
      communities: [
        ...(path.community?.list ?? []).map((text) => COMMUNITIES[text] ?? text),
        ...(path.largeCommunity?.list ?? []).map((text) => `large:${text}`),
      ].sort(),
      isStale: path.stale === true,
    }));
}
