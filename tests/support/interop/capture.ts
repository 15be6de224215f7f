/**
 * Everything that a host sends and hears of BGP and BFD, written down by tcpdump, and judged by tshark: whatever it finds
 * malformed, or worth a warning, in what the host has sent.
 */
import { stat } from 'node:fs/promises';
import { MAX_EXTENDED_MESSAGE_BYTES, MAX_MESSAGE_BYTES } from '../../../src/runtime/protocols/bgp/codec/header.ts';
import type { LanHost } from '../netns.ts';
import { waitFor } from '../wait-for.ts';
import { Daemons } from './daemons.ts';

const CAPTURED = 'tcp port 179 or udp port 3784 or udp port 4784 or udp port 3785';
const STARTS_WITHIN_MS = 10_000;
/** tshark's severities and groups, as numbers (epan/expert.h). */
const WARNING = 0x0060_0000;
const SEQUENCE = 0x0200_0000;

export interface Verdict {
  readonly frames: number;
  /** "frame 12: BGP: …" */
  readonly complaints: readonly string[];
}

export interface Capture {
  /** Ends it, and judges what the host has sent. */
  judge(): Promise<Verdict>;
}

export async function capture(host: LanHost, folder: string): Promise<Capture> {
  const daemons = new Daemons(host, folder);
  const file = await daemons.write('packets.pcap', '');
  daemons.start('tcpdump', ['-i', 'eth0', '-U', '-Z', 'root', '-w', file, ...CAPTURED.split(' ')]);
  await waitFor('tcpdump listens', async () => (await daemons.log()).includes('listening on'), {
    withinMs: STARTS_WITHIN_MS,
    everyMs: 20,
  });
  return {
    async judge() {
      await daemons.stop('in-order');
      if ((await stat(file)).size === 0) throw new Error('tcpdump has written nothing');
      const sent = `(bgp || bfd) && eth.src == ${await host.mac()}`;
      const fields = ['frame.number', '_ws.malformed', '_ws.expert.severity', '_ws.expert.group', '_ws.expert.message'];
      const format = [...fields.flatMap((field) => ['-e', field]), '-E', 'separator=/t', '-E', 'aggregator=|'];
      const { stdout } = await daemons.run('tshark', '-n', '-r', file, '-Y', sent, '-T', 'fields', ...format);
      const lines = stdout.split('\n').filter((line) => line !== '');
      return { frames: lines.length, complaints: lines.flatMap(readComplaints) };
    },
  };
}

/**
 * tshark 4.0 takes 4096 octets for the most that a message may have: it does not know RFC 8654, and does not decode what
 * is longer. What such messages carry it sees in the runs with routers that do not speak of them either.
 */
function isExtended(messages: string): boolean {
  const octets = Number(/Length is invalid (\d+)/.exec(messages)?.[1]);
  return octets > MAX_MESSAGE_BYTES && octets <= MAX_EXTENDED_MESSAGE_BYTES;
}

/** What tshark says about TCP's sequence numbers (retransmissions, resets) is about the connection, not what it carries. */
function readComplaints(line: string): string[] {
  const [frame, malformed = '', severities = '', groups = '', messages = ''] = line.split('\t');
  if (isExtended(messages)) return [];
  const complaints = severities.split('|').flatMap((severity, index) => {
    const isNews = Number(severity) >= WARNING && Number(groups.split('|')[index]) !== SEQUENCE;
    return isNews ? [`frame ${frame}: ${messages.split('|')[index]}`] : [];
  });
  return malformed === '' ? complaints : [`frame ${frame}: malformed`, ...complaints];
}
