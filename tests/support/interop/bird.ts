/** BIRD 2.0: one process, its configuration as text, its tables read from what birdc prints. */
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

const STARTS_WITHIN_MS = 5000;

export const BIRD: RouterKind = {
  name: 'BIRD 2.0',
  create: (host, folder) => {
    const daemons = new Daemons(host, folder);
    const socket = daemons.file('ctl');
    let protocols: readonly string[] = [];
    const ask = async (command: string) => (await daemons.run('birdc', '-s', socket, command)).stdout;
    const protocol = (neighbour: string) => `p${protocols.indexOf(neighbour)}`;
    return {
      async start(config) {
        await daemons.reset();
        protocols = config.neighbours.map(({ address }) => address);
        const file = await daemons.write('bird.conf', writeConfig(config));
        daemons.start('bird', ['-f', '-c', file, '-s', socket, '-P', daemons.file('pid')]);
        await waitFor('BIRD answers', async () => (await ask('show status')).includes('up and running'), {
          withinMs: STARTS_WITHIN_MS,
          everyMs: 20,
        });
      },
      session: async (neighbour) => readSession(await ask(`show protocols all ${protocol(neighbour)}`)),
      async routes(neighbour) {
        const session = await ask(`show protocols all ${protocol(neighbour)}`);
        const routes = readRoutes(await ask(`show route all protocol ${protocol(neighbour)}`));
        // It marks no single route: until End-of-RIB all of them are.
        const isStale = session.includes('Neighbor graceful restart active');
        return inPrefixOrder(routes.map((route) => ({ ...route, isStale })));
      },
      async countRoutes(neighbour) {
        const text = await ask(`show route protocol ${protocol(neighbour)} count`);
        return Number(/(\d+) of \d+ routes for \d+ networks in table master4/.exec(text)?.[1] ?? 0);
      },
      async askForRefresh(neighbour) {
        await ask(`reload in ${protocol(neighbour)}`);
      },
      async shutDown(neighbour, text) {
        await ask(`disable ${protocol(neighbour)} "${text}"`);
        return text;
      },
      bfd: async (neighbour) => readBfd(await ask('show bfd sessions'), neighbour),
      freeze: () => daemons.signal('SIGSTOP'),
      thaw: () => daemons.signal('SIGCONT'),
      stop: (how) => daemons.stop(how),
      log: () => daemons.log(),
    } satisfies Router;
  },
};

function writeConfig(config: RouterConfig): string {
  const { identifier, neighbours, originates = [], multipath } = config;
  const timers = neighbours.find(({ bfd }) => bfd !== undefined)?.bfd;
  const interval = `min rx interval ${timers?.intervalMs} ms; min tx interval ${timers?.intervalMs} ms;`;
  const options = `${interval} multiplier ${timers?.multiplier};`;
  return [
    `router id ${identifier};`,
    'log stderr all;',
    'debug protocols { states, events };',
    'protocol device {}',
    'protocol direct { ipv4; ipv6; }',
    ...(multipath ? ['ipv4', 'ipv6'].map((f) => `protocol kernel { merge paths on; ${f} { export all; }; }`) : []),
    ...(timers === undefined ? [] : [`protocol bfd { interface "*" { ${options} }; multihop { ${options} }; }`]),
    ...(['ipv4', 'ipv6'] as const).flatMap((family) => writeOriginated(family, originates)),
    ...neighbours.map((neighbour, index) => writeNeighbour(config.asn, neighbour, `p${index}`)),
    '',
  ].join('\n');
}

function writeOriginated(family: RouteFamily, originates: readonly OriginatedRoute[]): string[] {
  const own = originates.filter(({ prefix }) => familyOf(prefix) === family);
  const routes = own.map(({ prefix }) => `route ${prefix} blackhole;`).join(' ');
  const attributes = own.map(({ prefix, multiExitDisc, communities = [] }) => {
    const med = multiExitDisc === undefined ? [] : [`bgp_med = ${multiExitDisc};`];
    return `if net = ${prefix} then { ${[...med, ...communities.map(addCommunity)].join(' ')} accept; }`;
  });
  return [
    `protocol static originated_${family} { ${family}; ${routes} }`,
    `filter outgoing_${family} { ${attributes.join(' ')} reject; }`,
  ];
}

function addCommunity(text: string): string {
  const numbers = text.replace('large:', '').replaceAll(':', ',');
  return `${text.startsWith('large:') ? 'bgp_large_community' : 'bgp_community'}.add((${numbers}));`;
}

function writeNeighbour(asn: number, neighbour: RouterNeighbour, name: string): string {
  const { hops } = neighbour;
  const channels = neighbour.families.map((family) => {
    const nextHop = nextHopFor(neighbour, family);
    return [
      `  ${family} {`,
      '    import all;',
      `    export ${nextHop === undefined ? 'none' : `filter outgoing_${family}`};`,
      ...(nextHop === undefined ? [] : [`    next hop address ${nextHop};`]),
      ...(neighbour.extendedNextHop ? ['    extended next hop on;'] : []),
      '  };',
    ].join('\n');
  });
  return [
    `protocol bgp ${name} {`,
    `  local ${neighbour.localAddress} as ${asn};`,
    `  neighbor ${neighbour.address} as ${neighbour.asn};`,
    `  hold time ${neighbour.holdTimeSeconds ?? 9};`,
    '  connect delay time 1; connect retry time 1; error wait time 1, 2;',
    '  enable extended messages on;',
    `  graceful restart ${neighbour.gracefulRestart ? 'on' : 'off'};`,
    ...(neighbour.passive ? ['  passive on;'] : []),
    ...(neighbour.password === undefined ? [] : [`  password "${neighbour.password}";`]),
    ...(hops?.kind === 'multihop' ? [`  multihop ${hops.hops};`] : []),
    ...(hops?.kind === 'gtsm' ? [...(hops.hops > 1 ? [`  multihop ${hops.hops};`] : []), '  ttl security on;'] : []),
    ...(neighbour.bfd === undefined ? [] : ['  bfd on;']),
    ...channels,
    '}',
  ].join('\n');
}

const CAPABILITIES: readonly (readonly [RegExp, CapabilityName])[] = [
  [/AF announced:.*\bipv4\b/, 'multiprotocol ipv4'],
  [/AF announced:.*\bipv6\b/, 'multiprotocol ipv6'],
  [/^ *Route refresh$/m, 'route-refresh'],
  [/^ *Enhanced refresh$/m, 'enhanced-route-refresh'],
  [/^ *Extended message$/m, 'extended-message'],
  [/^ *Extended next hop$/m, 'extended-next-hop'],
  [/^ *4-octet AS numbers$/m, 'four-octet-as'],
  [/^ *Graceful restart$/m, 'graceful-restart'],
];

function readSession(text: string): SessionSeen {
  // The neighbour's capabilities stand one step further in than what follows them.
  const offered = /^ {4}Neighbor capabilities\n((?: {6}.*\n)*)/m.exec(text)?.[1] ?? '';
  const error = [/^ *Last error: *(.*)$/m, /^ *Message: *(.*)$/m].flatMap((line) => line.exec(text)?.[1] ?? []);
  return {
    isEstablished: /BGP state: *Established/.test(text),
    capabilities: CAPABILITIES.filter(([line]) => line.test(offered)).map(([, name]) => name),
    ...(error.length === 0 ? {} : { lastError: error.join(': ') }),
  };
}

/** A route is a line with its prefix, which stands once for all routes to it, and lines with its attributes, further in. */
function readRoutes(text: string): readonly Omit<RouteSeen, 'isStale'>[] {
  const routes: Omit<RouteSeen, 'isStale'>[] = [];
  let prefix = '';
  for (const block of text.split(/\n(?=\S)/)) {
    const [head = ''] = block.split('\n');
    if (!/ (unicast|unreachable|blackhole) \[/.test(head)) continue;
    prefix = /^[0-9a-f.:]+\/\d+/.exec(head)?.[0] ?? prefix;
    const attribute = (name: string) => new RegExp(`^\\s*BGP\\.${name}: *(.*)$`, 'm').exec(block)?.[1];
    const number = (name: string) => {
      const value = attribute(name);
      return value === undefined ? undefined : Number(value);
    };
    const localPref = number('local_pref');
    const multiExitDisc = number('med');
    const tuples = (name: string) =>
      [...(attribute(name) ?? '').matchAll(/\(([^)]*)\)/g)].map(([, tuple = '']) => tuple);
    const communities = [
      ...tuples('community').map((tuple) => tuple.replaceAll(',', ':')),
      ...tuples('large_community').map((tuple) => `large:${tuple.replaceAll(/, ?/g, ':')}`),
    ];
    routes.push({
      prefix,
      nextHop: attribute('next_hop')?.split(' ')[0] ?? '',
      asPath: (attribute('as_path') ?? '').split(' ').filter(Boolean).map(Number),
      ...(localPref === undefined ? {} : { localPref }),
      ...(multiExitDisc === undefined ? {} : { multiExitDisc }),
      communities: communities.sort(),
    });
  }
  return routes;
}

function readBfd(text: string, neighbour: string): 'up' | 'down' | undefined {
  const line = text.split('\n').find((row) => row.startsWith(`${neighbour} `));
  if (line === undefined) return undefined;
  return / Up /.test(line) ? 'up' : 'down';
}
