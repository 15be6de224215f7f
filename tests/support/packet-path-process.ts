/**
 * The packet path as a program of its own, so that it can live in a network namespace. Takes one JSON line a command on
 * its input and answers each with one on its output; ends when its input does. Started by packet-path-child.ts.
 *
 *     packet-path-process.ts [--answer-ping] [--busy-thread] [PATTERN…]    patterns of interfaces to exclude
 *     {"command":"set-table","table":{…}} | {"command":"interfaces"} | {"command":"snapshot"}
 */
import { createInterface } from 'node:readline';
import { Worker } from 'node:worker_threads';
import { hostClock } from '../../src/runtime/adapters/host/clock.ts';
import { watchInterfaces } from '../../src/runtime/adapters/host/interfaces.ts';
import { selfTestPolling } from '../../src/runtime/adapters/host/native/self-test.ts';
import { hostPacketSockets } from '../../src/runtime/adapters/host/packet-socket.ts';
import { hostRandom } from '../../src/runtime/adapters/host/random.ts';
import type { Log } from '../../src/runtime/engine/log.ts';
import type { AnnouncementTable } from '../../src/runtime/model/announcements.ts';
import { createPacketPath, type PacketPath } from '../../src/runtime/programs/speaker/packet-path.ts';

export type PacketPathCommand =
  | { readonly command: 'set-table'; readonly table: AnnouncementTable }
  | { readonly command: 'interfaces' }
  | { readonly command: 'snapshot' };

const options = process.argv.slice(2);

const log: Log = {
  info: (fields, message) => console.error(`packet path: ${message} ${JSON.stringify(fields)}`),
  warn: (fields, message) => console.error(`packet path: ${message} ${JSON.stringify(fields)}`),
};

function obey(path: PacketPath, command: PacketPathCommand): unknown {
  switch (command.command) {
    case 'set-table':
      path.setTable(command.table);
      return 'set';
    case 'interfaces':
      return path.interfaces();
    case 'snapshot':
      return path.snapshot();
  }
}

/** Blocks 200 ms at a time, with gaps of 10 ms: what a Kubernetes client's thread may do at its worst. */
const BUSY = `
  const block = () => {
    const end = performance.now() + 200;
    while (performance.now() < end);
    setTimeout(block, 10);
  };
  block();
`;

await selfTestPolling();
const busy = options.includes('--busy-thread') ? new Worker(BUSY, { eval: true }) : undefined;
const interfaces = watchInterfaces(log);
const path = createPacketPath({
  ports: { sockets: hostPacketSockets, interfaces },
  clock: hostClock,
  random: hostRandom,
  log,
  excludePatterns: options.filter((option) => !option.startsWith('--')).map((pattern) => new RegExp(pattern)),
  pings: options.includes('--answer-ping') ? 'answer' : 'ignore',
});

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(obey(path, JSON.parse(line) as PacketPathCommand)));
}
path.close();
interfaces.close();
await busy?.terminate();
