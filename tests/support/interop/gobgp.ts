/** GoBGP 3.10: one process, TOML in, JSON out. It has no BFD. */
import { waitFor } from '../wait-for.ts';
import { Daemons } from './daemons.ts';
import {
  type CapabilityName,
  familyOf,
  inPrefixOrder,
  nextHopFor,
  type OriginatedRoute,
  type Router,
  type RouterConfig,
  type RouterKind,
  type RouterNeighbour,
  type RouteSeen,
  type SessionSeen,
} from './router.ts';

const STARTS_WITHIN_MS = 10_000;

export const GOBGP: RouterKind = {
  name: 'GoBGP 3.10',
  create: (host, folder) => {
    const daemons = new Daemons(host, folder);
    const socket = `unix://${daemons.file('api.sock')}`;
    const ask = async (...command: string[]) => (await daemons.run('gobgp', '--target', socket, ...command)).stdout;
    return {
      async start(config) {
        await daemons.reset();
        const file = await daemons.write('gobgpd.toml', writeConfig(config));
        const program = ['-f', file, '-t', 'toml', '--api-hosts', socket, '--pprof-disable', '-p', '-l', 'debug'];
        daemons.start('gobgpd', program);
        await waitFor('GoBGP answers', async () => (await ask('global')).includes(config.identifier), {
          withinMs: STARTS_WITHIN_MS,
          everyMs: 50,
        });
        for (const route of config.originates ?? []) await ask(...originate(config, route));
      },
      async session(neighbour) {
        const seen = readSession(JSON.parse(await ask('neighbor', neighbour, '-j')) as GobgpNeighbour);
        const lastError = readLastError(await daemons.log(), neighbour);
        return lastError === undefined ? seen : { ...seen, lastError };
      },
      async routes(neighbour) {
        // Not what the neighbour's own table has: that is not told while its session is down.
        const answers = [
          await ask('global', 'rib', '-a', 'ipv4', '-j'),
          await ask('global', 'rib', '-a', 'ipv6', '-j'),
        ];
        return inPrefixOrder(answers.flatMap((answer) => readRoutes(answer, neighbour)));
      },
      async countRoutes(neighbour) {
        const seen = JSON.parse(await ask('neighbor', neighbour, '-j')) as GobgpNeighbour;
        return seen.afi_safis.reduce((sum, { state }) => sum + (state.received ?? 0), 0);
      },
      async askForRefresh(neighbour, family) {
        await ask('neighbor', neighbour, 'softresetin', '-a', family);
      },
      async shutDown(neighbour, text) {
        // "disable", which is to replace it, loses the text.
        await ask('neighbor', neighbour, 'shutdown', '--reason', text);
        return text;
      },
      bfd: async () => undefined,
      freeze: () => daemons.signal('SIGSTOP'),
      thaw: () => daemons.signal('SIGCONT'),
      stop: (how) => daemons.stop(how),
      log: () => daemons.log(),
    } satisfies Router;
  },
};

function writeConfig({ asn, identifier, neighbours, multipath }: RouterConfig): string {
  const addresses = [...new Set(neighbours.map(({ localAddress }) => `"${localAddress}"`))];
  return [
    '[global.config]',
    `as = ${asn}`,
    `router-id = "${identifier}"`,
    `local-address-list = [${addresses.join(', ')}]`,
    ...(multipath ? ['[global.use-multiple-paths.config]', 'enabled = true'] : []),
    ...neighbours.map(writeNeighbour),
    '',
  ].join('\n');
}

function writeNeighbour(neighbour: RouterNeighbour): string {
  const { hops, holdTimeSeconds = 9 } = neighbour;
  return [
    '[[neighbors]]',
    '[neighbors.config]',
    `neighbor-address = "${neighbour.address}"`,
    `peer-as = ${neighbour.asn}`,
    ...(neighbour.password === undefined ? [] : [`auth-password = "${neighbour.password}"`]),
    '[neighbors.timers.config]',
    'connect-retry = 1',
    'idle-hold-time-after-reset = 1',
    `hold-time = ${holdTimeSeconds}`,
    `keepalive-interval = ${Math.floor(holdTimeSeconds / 3)}`,
    '[neighbors.transport.config]',
    `local-address = "${neighbour.localAddress}"`,
    `passive-mode = ${neighbour.passive === true}`,
    ...(hops?.kind === 'multihop'
      ? ['[neighbors.ebgp-multihop.config]', 'enabled = true', `multihop-ttl = ${hops.hops}`]
      : []),
    ...(hops?.kind === 'gtsm'
      ? ['[neighbors.ttl-security.config]', 'enabled = true', `ttl-min = ${256 - hops.hops}`]
      : []),
    '[neighbors.graceful-restart.config]',
    `enabled = ${neighbour.gracefulRestart === true}`,
    'restart-time = 120',
    'notification-enabled = true',
    ...neighbour.families.flatMap((family) => [
      '[[neighbors.afi-safis]]',
      '[neighbors.afi-safis.config]',
      `afi-safi-name = "${family}-unicast"`,
      '[neighbors.afi-safis.mp-graceful-restart.config]',
      `enabled = ${neighbour.gracefulRestart === true}`,
    ]),
  ].join('\n');
}

function originate({ neighbours }: RouterConfig, route: OriginatedRoute): string[] {
  const family = familyOf(route.prefix);
  const [neighbour] = neighbours;
  const nextHop = neighbour === undefined ? undefined : nextHopFor(neighbour, family);
  const of = (isLarge: boolean) => (route.communities ?? []).filter((text) => text.startsWith('large:') === isLarge);
  const large = of(true).map((text) => text.replace('large:', ''));
  return [
    ...['global', 'rib', 'add', '-a', family, route.prefix, 'nexthop', nextHop ?? '0.0.0.0'],
    ...(route.multiExitDisc === undefined ? [] : ['med', String(route.multiExitDisc)]),
    ...(of(false).length === 0 ? [] : ['community', of(false).join(',')]),
    ...(large.length === 0 ? [] : ['large-community', large.join(',')]),
  ];
}

interface GobgpNeighbour {
  readonly afi_safis: readonly { readonly state: { readonly received?: number } }[];
  readonly state: {
    readonly session_state?: number;
    readonly remote_cap?: readonly { readonly type_url: string; readonly value?: string }[];
  };
}

/** BGP_FSM_ESTABLISHED in GoBGP's API. */
const ESTABLISHED = 6;

function readSession({ state }: GobgpNeighbour): SessionSeen {
  return {
    isEstablished: state.session_state === ESTABLISHED,
    capabilities: (state.remote_cap ?? []).flatMap(({ type_url, value }) => nameCapability(type_url, value)),
  };
}

function nameCapability(type: string, value = ''): CapabilityName[] {
  switch (type.replace('type.googleapis.com/apipb.', '')) {
    case 'MultiProtocolCapability':
      // A Family message in field 1: its first field is the AFI.
      return [Buffer.from(value, 'base64')[3] === 1 ? 'multiprotocol ipv4' : 'multiprotocol ipv6'];
    case 'RouteRefreshCapability':
      return ['route-refresh'];
    case 'EnhancedRouteRefreshCapability':
      return ['enhanced-route-refresh'];
    case 'ExtendedNexthopCapability':
      return ['extended-next-hop'];
    case 'FourOctetASNCapability':
      return ['four-octet-as'];
    case 'GracefulRestartCapability':
      return ['graceful-restart'];
    case 'UnknownCapability':
      // Its first field is the code; 6 is the extended message (RFC 8654), which this release does not know.
      return Buffer.from(value, 'base64')[1] === 6 ? ['extended-message'] : [];
    default:
      return [];
  }
}

/** It keeps no last error; its log has every NOTIFICATION and every reason of a change. */
function readLastError(log: string, neighbour: string): string | undefined {
  const lines = log
    .split('\n')
    .filter(
      (line) => line.includes(`Key=${neighbour} `) && /notification|hold timer|Peer Down|new=BGP_FSM_IDLE/.test(line),
    );
  return lines.length === 0 ? undefined : lines.slice(-5).join('\n');
}

interface GobgpPath {
  readonly nlri: { readonly prefix: string };
  readonly attrs: readonly Readonly<Record<string, unknown>>[];
  readonly stale?: boolean;
  readonly 'neighbor-ip': string;
}

const TYPE = { asPath: 2, nextHop: 3, multiExitDisc: 4, localPref: 5, communities: 8, mpReach: 14, large: 32 };

function readRoutes(json: string, neighbour: string): readonly RouteSeen[] {
  const paths = JSON.parse(json || '{}') as Readonly<Record<string, readonly GobgpPath[]>>;
  const fromNeighbour = Object.values(paths)
    .flat()
    .filter((path) => path['neighbor-ip'] === neighbour);
  return fromNeighbour.map(readRoute);
}

function readRoute(path: GobgpPath): RouteSeen {
  const attribute = (type: number) => path.attrs.find((candidate) => candidate['type'] === type);
  const asPath = (attribute(TYPE.asPath)?.['as_paths'] ?? []) as readonly { readonly asns: readonly number[] }[];
  const localPref = attribute(TYPE.localPref)?.['value'] as number | undefined;
  const multiExitDisc = attribute(TYPE.multiExitDisc)?.['metric'] as number | undefined;
  const standard = (attribute(TYPE.communities)?.['communities'] ?? []) as readonly number[];
  const large = (attribute(TYPE.large)?.['value'] ?? []) as readonly Readonly<Record<string, number>>[];
  return {
    prefix: path.nlri.prefix,
    nextHop: String((attribute(TYPE.mpReach) ?? attribute(TYPE.nextHop))?.['nexthop']),
    asPath: asPath.flatMap(({ asns }) => asns),
    ...(localPref === undefined ? {} : { localPref }),
    ...(multiExitDisc === undefined ? {} : { multiExitDisc }),
    communities: [
      ...standard.map((value) => `${Math.floor(value / 65536)}:${value % 65536}`),
      ...large.map(({ ASN, LocalData1, LocalData2 }) => `large:${ASN}:${LocalData1}:${LocalData2}`),
    ].sort(),
    isStale: path.stale === true,
  };
}
