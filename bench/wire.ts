/** The BGP messages that one host hears, with the kernel's time stamps: taken down by tcpdump, put together here. */
import { stat } from 'node:fs/promises';
import { execa } from 'execa';
import { HEADER_BYTES } from '../src/runtime/protocols/bgp/codec/header.ts';
import { Daemons } from '../tests/support/interop/daemons.ts';
import type { LanHost } from '../tests/support/netns.ts';
import { waitFor } from '../tests/support/wait-for.ts';

const STARTS_WITHIN_MS = 10_000;
const STILL_MS = 200;
const PCAP_HEAD_BYTES = 24;
const LENGTH_AT = 16;
const TYPE_AT = 18;

export interface HeardMessage {
  readonly type: number;
  readonly bytes: number;
  /** When its first octet came. Milliseconds since the Unix epoch. */
  readonly beganMs: number;
}

export interface Wire {
  /** Ends it: what came from the address over its one connection, in order. */
  messagesFrom(address: string): Promise<readonly HeardMessage[]>;
}

export async function watchWire(host: LanHost, folder: string): Promise<Wire> {
  const daemons = new Daemons(host, folder);
  await daemons.reset();
  const file = await daemons.write('packets.pcap', '');
  daemons.start('tcpdump', [
    '-i',
    'eth0',
    '--immediate-mode',
    '-B',
    '65536',
    '-U',
    '-Z',
    'root',
    '-w',
    file,
    'tcp',
    'port',
    '179',
  ]);
  await waitFor('tcpdump listens', async () => (await daemons.log()).includes('listening on'), {
    withinMs: STARTS_WITHIN_MS,
    everyMs: 20,
  });
  return {
    async messagesFrom(address) {
      // What it has not read from the kernel is lost when it ends.
      await waitFor('tcpdump to have written it all', () => isStill(file), { withinMs: STARTS_WITHIN_MS });
      await daemons.stop('in-order');
      const filter = `ip.src == ${address} && tcp.len > 0 && !tcp.analysis.retransmission`;
      const fields = ['-T', 'fields', '-e', 'frame.time_epoch', '-e', 'tcp.payload'];
      const { stdout } = await execa('tshark', [
        '-n',
        '--disable-protocol',
        'bgp',
        '-r',
        file,
        '-Y',
        filter,
        ...fields,
      ]);
      return readMessages(stdout.split('\n').filter((line) => line !== ''));
    },
  };
}

/** Whether the file has something beyond its head, and gets no more for a moment. */
async function isStill(file: string): Promise<boolean> {
  const { size } = await stat(file);
  await new Promise((done) => setTimeout(done, STILL_MS));
  return size > PCAP_HEAD_BYTES && (await stat(file)).size === size;
}

/** "seconds since the epoch, tab, payload in hex" each. */
function readMessages(lines: readonly string[]): readonly HeardMessage[] {
  const messages: HeardMessage[] = [];
  let rest = Buffer.alloc(0);
  // When the first octet of what is left over came.
  let restMs = 0;
  for (const line of lines) {
    const [time, payload = ''] = line.split('\t');
    const atMs = Number(time) * 1000;
    if (rest.length === 0) restMs = atMs;
    rest = Buffer.concat([rest, Buffer.from(payload, 'hex')]);
    while (rest.length >= HEADER_BYTES && rest.length >= rest.readUInt16BE(LENGTH_AT)) {
      const bytes = rest.readUInt16BE(LENGTH_AT);
      messages.push({ type: rest.readUInt8(TYPE_AT), bytes, beganMs: restMs });
      rest = rest.subarray(bytes);
      restMs = atMs;
    }
  }
  return messages;
}
