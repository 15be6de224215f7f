/**
 * The packet path as a program of its own, so that it can live in a network namespace. Takes one JSON line a command on
 * its input and answers each with one on its output; ends when its input does. Started by packet-path-child.ts.
 *
 *     {"command":"set-table","table":{…}} | {"command":"interfaces"} | {"command":"snapshot"}
 */
import { createInterface } from 'node:readline';
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

/** Among the patterns of interfaces to exclude. */
const ANSWER_PING = '--answer-ping';

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

await selfTestPolling();
const interfaces = watchInterfaces(log);
const path = createPacketPath({
  ports: { sockets: hostPacketSockets, interfaces },
  clock: hostClock,
  random: hostRandom,
  log,
  excludePatterns: process.argv
    .slice(2)
    .filter((option) => option !== ANSWER_PING)
    .map((pattern) => new RegExp(pattern)),
  pings: process.argv.includes(ANSWER_PING) ? 'answer' : 'ignore',
});

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(obey(path, JSON.parse(line) as PacketPathCommand)));
}
path.close();
interfaces.close();
