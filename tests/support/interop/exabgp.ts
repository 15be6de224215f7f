/**
 * ExaBGP 4.2: it keeps no table and answers no questions, but tells a program of each event in JSON. The program here
 * writes them to a file, from which the table is put together. It has no BFD, and routes end with their session.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { waitFor } from '../wait-for.ts';
import { Daemons } from './daemons.ts';
import {
  type CapabilityName,
  compareText,
  familyOf,
  nextHopFor,
  type OriginatedRoute,
  type Router,
  type RouterConfig,
  type RouterKind,
  type RouterNeighbour,
  type RouteSeen,
  type SessionSeen,
} from './router.ts';

const STARTS_WITHIN_MS = 15_000;

export const EXABGP: RouterKind = {
  name: 'ExaBGP 4.2',
  create: (host, folder) => {
    const daemons = new Daemons(host, folder);
    const eventsFile = daemons.file('events');
    const commandsFile = daemons.file('commands');
    let pipe: ChildProcess | undefined;
    const eventsOf = async (neighbour: string) => {
      const events = parseEvents(await readFile(eventsFile, 'utf8').catch(() => ''));
      return events.filter(({ neighbor }) => neighbor.address.peer === neighbour);
    };
    const tell = async (command: string) => await writeFile(commandsFile, `${command}\n`);
    const stop = async (how: 'in-order' | 'at-once') => {
      await daemons.stop(how);
      pipe?.kill('SIGKILL');
      pipe = undefined;
    };
    return {
      async start(config) {
        await stop('at-once');
        await daemons.reset();
        const program = await daemons.write('api', `#!/bin/sh\ncat ${commandsFile} &\nexec cat >> ${eventsFile}\n`);
        await chmod(program, 0o755);
        await daemons.run('mkfifo', commandsFile);
        // Holds the pipe open for writing, so that its reader does not see an end after each command.
        pipe = spawn('sh', ['-c', `exec sleep 100000 > ${commandsFile}`], { stdio: 'ignore' });
        const file = await daemons.write('exabgp.conf', writeConfig(config, program));
        const env = { 'exabgp.daemon.user': 'root', 'exabgp.api.cli': 'false', 'exabgp.reactor.speed': '0.2' };
        daemons.start('exabgp', [file], env);
        await waitFor('ExaBGP runs', async () => (await daemons.log()).includes('loaded new configuration'), {
          withinMs: STARTS_WITHIN_MS,
          everyMs: 50,
        });
      },
      session: async (neighbour) => readSession(await eventsOf(neighbour)),
      routes: async (neighbour) => readRoutes(await eventsOf(neighbour)),
      countRoutes: async (neighbour) => readRoutes(await eventsOf(neighbour)).length,
      askForRefresh: (neighbour, family) => tell(`neighbor ${neighbour} announce route-refresh ${family} unicast`),
      /** It has a text of its own, "Administrative Shutdown", and sends no other. */
      async shutDown(neighbour) {
        await tell(`neighbor ${neighbour} teardown 2`);
        return 'Administrative Shutdown';
      },
      bfd: async () => undefined,
      freeze: () => daemons.signal('SIGSTOP'),
      thaw: () => daemons.signal('SIGCONT'),
      stop,
      log: () => daemons.log(),
    } satisfies Router;
  },
};

function writeConfig(config: RouterConfig, program: string): string {
  const process = `process api {\n  run ${program};\n  encoder json;\n}`;
  const neighbours = config.neighbours.map((neighbour) => writeNeighbour(config, neighbour));
  return [process, ...neighbours, ''].join('\n');
}

function writeNeighbour({ asn, identifier, originates = [] }: RouterConfig, neighbour: RouterNeighbour): string {
  const { hops } = neighbour;
  const ttl = hops?.kind === 'gtsm' ? 256 - hops.hops : undefined;
  const routes = originates.flatMap((route) => writeRoute(route, nextHopFor(neighbour, familyOf(route.prefix))));
  return [
    `neighbor ${neighbour.address} {`,
    `  router-id ${identifier};`,
    `  local-address ${neighbour.localAddress};`,
    `  local-as ${asn};`,
    `  peer-as ${neighbour.asn};`,
    `  hold-time ${neighbour.holdTimeSeconds ?? 9};`,
    `  passive ${neighbour.passive === true};`,
    '  listen 179;',
    ...(neighbour.password === undefined ? [] : [`  md5-password "${neighbour.password}";`, '  md5-base64 false;']),
    ...(hops?.kind === 'multihop' ? [`  outgoing-ttl ${hops.hops};`] : []),
    ...(ttl === undefined ? [] : ['  outgoing-ttl 255;', `  incoming-ttl ${ttl};`]),
    `  family { ${neighbour.families.map((family) => `${family} unicast;`).join(' ')} }`,
    '  capability {',
    '    asn4 enable; route-refresh enable; extended-message enable;',
    ...(neighbour.gracefulRestart ? ['    graceful-restart 120;'] : []),
    ...(neighbour.extendedNextHop ? ['    nexthop enable;'] : []),
    '  }',
    ...(neighbour.extendedNextHop ? ['  nexthop { ipv4 unicast ipv6; }'] : []),
    `  static { ${routes.join(' ')} }`,
    '  api {',
    '    processes [ api ];',
    '    neighbor-changes;',
    // No "refresh": what it says of one is not JSON.
    // "packets": it cannot decode a NOTIFICATION that has a text, so this is where the text is to be seen.
    '    receive { parsed; packets; notification; open; update; }',
    '    send { parsed; notification; }',
    '  }',
    '}',
  ].join('\n');
}

function writeRoute(route: OriginatedRoute, nextHop: string | undefined): string[] {
  if (nextHop === undefined) return [];
  const of = (isLarge: boolean) => (route.communities ?? []).filter((text) => text.startsWith('large:') === isLarge);
  const large = of(true).map((text) => text.replace('large:', ''));
  const words = [
    ...['route', route.prefix, 'next-hop', nextHop],
    ...(route.multiExitDisc === undefined ? [] : ['med', String(route.multiExitDisc)]),
    ...(of(false).length === 0 ? [] : [`community [ ${of(false).join(' ')} ]`]),
    ...(large.length === 0 ? [] : [`large-community [ ${large.join(' ')} ]`]),
  ];
  return [`${words.join(' ')};`];
}

interface ExabgpEvent {
  readonly type: string;
  readonly neighbor: {
    readonly address: { readonly peer: string };
    readonly direction?: 'send' | 'receive';
    readonly state?: 'connected' | 'up' | 'down';
    readonly reason?: string;
    readonly open?: { readonly capabilities: Readonly<Record<string, ExabgpCapability>> };
    readonly notification?: { readonly code: number; readonly subcode: number; readonly data: string };
    /** Of a packet that is told before it is decoded: its octets after the header, in hexadecimal. */
    readonly message?: { readonly update?: ExabgpUpdate; readonly body?: string; readonly category?: number };
  };
}

interface ExabgpCapability {
  readonly families?: readonly string[];
}

interface ExabgpUpdate {
  readonly attribute?: {
    readonly 'as-path'?: readonly number[];
    readonly 'local-preference'?: number;
    readonly med?: number;
    readonly community?: readonly (readonly number[])[];
    readonly 'large-community'?: readonly (readonly number[])[];
  };
  readonly announce?: Readonly<Record<string, Readonly<Record<string, readonly { readonly nlri: string }[]>>>>;
  readonly withdraw?: Readonly<Record<string, readonly { readonly nlri: string }[]>>;
}

/** Answers to commands ("done") stand among the events. The last line may not be whole yet. */
function parseEvents(text: string): ExabgpEvent[] {
  return text.split('\n').flatMap((line, index, lines) => {
    if (!line.startsWith('{') || index === lines.length - 1) return [];
    return [JSON.parse(line) as ExabgpEvent];
  });
}

/** IANA's numbers; ExaBGP gives names of its own to some. */
const CAPABILITIES: Readonly<Record<string, CapabilityName>> = {
  2: 'route-refresh',
  5: 'extended-next-hop',
  6: 'extended-message',
  64: 'graceful-restart',
  65: 'four-octet-as',
  70: 'enhanced-route-refresh',
};
const NOTIFICATION = 3;

function readSession(events: readonly ExabgpEvent[]): SessionSeen {
  const open = events.findLast(({ type, neighbor }) => type === 'open' && neighbor.direction === 'receive');
  const offered = open?.neighbor.open?.capabilities ?? {};
  const families = offered['1']?.families ?? [];
  const errors = events.flatMap(({ type, neighbor }) => {
    if (neighbor.state === 'down') return [neighbor.reason ?? ''];
    const { body, category } = neighbor.message ?? {};
    return type === 'notification' && category === NOTIFICATION && body !== undefined ? [readNotification(body)] : [];
  });
  return {
    isEstablished: events.findLast(({ type }) => type === 'state')?.neighbor.state === 'up',
    capabilities: [
      ...families.map((name) => (name === 'ipv4/unicast' ? 'multiprotocol ipv4' : 'multiprotocol ipv6')),
      ...Object.keys(offered).flatMap((code) => CAPABILITIES[code] ?? []),
    ],
    ...(errors.length === 0 ? {} : { lastError: errors.slice(-2).join('; ') }),
  };
}

function readNotification(body: string): string {
  const [code = 0, subcode = 0, ...data] = Buffer.from(body.replace('0x', ''), 'hex');
  return `received NOTIFICATION ${code}/${subcode} "${Buffer.from(data.slice(1)).toString('utf8')}"`;
}

function readRoutes(events: readonly ExabgpEvent[]): readonly RouteSeen[] {
  const table = new Map<string, RouteSeen>();
  for (const { neighbor } of events) {
    if (neighbor.state !== undefined) table.clear();
    const update = neighbor.message?.update;
    if (update === undefined) continue;
    for (const nlris of Object.values(update.withdraw ?? {})) for (const { nlri } of nlris) table.delete(nlri);
    for (const route of Object.values(update.announce ?? {}).flatMap((hops) => announced(update, hops))) {
      table.set(route.prefix, route);
    }
  }
  return [...table.values()].sort((a, b) => compareText(a.prefix, b.prefix));
}

function announced(
  { attribute = {} }: ExabgpUpdate,
  byNextHop: Readonly<Record<string, readonly { readonly nlri: string }[]>>,
): RouteSeen[] {
  const localPref = attribute['local-preference'];
  const communities = [
    ...(attribute.community ?? []).map((numbers) => numbers.join(':')),
    ...(attribute['large-community'] ?? []).map((numbers) => `large:${numbers.join(':')}`),
  ].sort();
  return Object.entries(byNextHop)
    .filter(([nextHop]) => !nextHop.startsWith('fe80:'))
    .flatMap(([nextHop, nlris]) =>
      nlris.map(({ nlri }) => ({
        prefix: nlri,
        nextHop,
        asPath: attribute['as-path'] ?? [],
        ...(localPref === undefined ? {} : { localPref }),
        ...(attribute.med === undefined ? {} : { multiExitDisc: attribute.med }),
        communities,
        isStale: false,
      })),
    );
}
