/**
 * The BFD sessions of a node, standing alone in a namespace. Reads a command a line and says what happens a line each, both
 * as JSON; started by BfdChild.
 *
 *     {"set": [WantedBfd …]}     {"views": true}     {"busy": milliseconds}     {"close": true}
 *     {"event": BfdChange, "name", "atMs"}     {"views": {name: BfdView}, "drops"}     {"warning"}     {"ready", "scheduling"}
 *
 * Options: --busy-thread (another thread of it never yields for 200 ms at a time), --real-time.
 */
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { Worker } from 'node:worker_threads';
import { hostClock } from '../../src/runtime/adapters/host/clock.ts';
import { watchInterfaces } from '../../src/runtime/adapters/host/interfaces.ts';
import { selfTestPolling } from '../../src/runtime/adapters/host/native/self-test.ts';
import { readNeighbourMac } from '../../src/runtime/adapters/host/neighbours.ts';
import { hostPacketSockets } from '../../src/runtime/adapters/host/packet-socket.ts';
import { hostPathPorts } from '../../src/runtime/adapters/host/path-datagrams.ts';
import { scheduleInRealTime } from '../../src/runtime/adapters/host/thread-scheduling.ts';
import type { Log } from '../../src/runtime/engine/log.ts';
import { BfdEchoes } from '../../src/runtime/programs/speaker/bgp/bfd-echoes.ts';
import type { WantedBfd } from '../../src/runtime/programs/speaker/bgp/bfd-route.ts';
import { BfdSessions } from '../../src/runtime/programs/speaker/bgp/bfd-sessions.ts';

interface Command {
  readonly set?: readonly WantedBfd[];
  readonly views?: true;
  readonly busy?: number;
  readonly close?: true;
}

/** Works for 200 ms, yields for 10, and again. */
const BUSY_THREAD = `setInterval(() => { const end = performance.now() + 200; while (performance.now() < end); }, 10);`;

const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
const log: Log = { info: () => {}, warn: (fields, message) => say({ warning: message, ...fields }) };

await selfTestPolling();
if (process.argv.includes('--busy-thread')) new Worker(BUSY_THREAD, { eval: true });
const scheduling = process.argv.includes('--real-time') ? (scheduleInRealTime()?.message ?? 'real time') : 'ordinary';

const interfaces = watchInterfaces(log);
const sessions = new BfdSessions({
  ports: hostPathPorts,
  echoes: new BfdEchoes({
    sockets: hostPacketSockets,
    interfaces,
    neighbourMac: readNeighbourMac,
    clock: hostClock,
  }),
  interfaces,
  clock: hostClock,
  log,
  randomU32: () => randomBytes(4).readUInt32BE(),
  onChanged: (name, event) => say({ event, name, atMs: Number(process.hrtime.bigint()) / 1e6 }),
});
let names: readonly string[] = [];

function obey({ set, views, busy, close }: Command): void {
  if (set !== undefined) {
    names = set.map(({ name }) => name);
    sessions.setSessions(set);
  }
  if (busy !== undefined) {
    const end = performance.now() + busy;
    while (performance.now() < end);
  }
  if (views) {
    const all = Object.fromEntries(names.map((name) => [name, sessions.view(name)]));
    const { user, system } = process.cpuUsage();
    say({ views: all, drops: Object.fromEntries(sessions.drops()), cpuMs: (user + system) / 1000 });
  }
  if (close) {
    sessions.close();
    process.exit(0);
  }
}

createInterface({ input: process.stdin }).on('line', (line) => obey(JSON.parse(line) as Command));
say({ ready: true, scheduling });
