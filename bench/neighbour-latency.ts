/**
 * How long a host of the LAN waits for our ARP reply or neighbour advertisement, against the floor: the kernel's own reply
 * for an address of its own, on the same link, from the same client, in the same run. Blocks of requests to the one and
 * the other alternate, so that whatever else the machine does meets both alike. Once with the packet path alone, and once
 * with another thread of its process that never yields for 200 ms at a time, as the Kubernetes client's may.
 */
import path from 'node:path';
import { createLan, type Lan } from '../tests/support/netns.ts';
import { PacketPathChild } from '../tests/support/packet-path-child.ts';
import { formatRatio, formatRow, MICROSECONDS, type Percentiles, percentiles } from './percentiles.ts';

interface Family {
  readonly name: string;
  readonly client: string;
  readonly kernel: string;
  readonly ours: string;
}

const FAMILIES: readonly Family[] = [
  { name: 'ARP', client: '192.0.2.1', kernel: '192.0.2.2', ours: '192.0.2.100' },
  { name: 'NDP', client: '2001:db8::1', kernel: '2001:db8::2', ours: '2001:db8::100' },
];
/** The first block of each warms up caches and compilers, and is left out. */
const ROUNDS = 11;
const REQUESTS_PER_ROUND = 500;

/** Microseconds. */
interface RoundTrips extends Percentiles {
  /** Requests without an answer within a second. */
  readonly lost: number;
}

/** Needs root. Takes about twenty seconds. */
export async function benchNeighbourLatency(): Promise<string[]> {
  const lines: string[] = [];
  for (const load of ['idle', 'busy'] as const) {
    const lan = await createLan({ speaker: ['192.0.2.2/24'], client: ['192.0.2.1/24'] });
    const child = new PacketPathChild(lan.host('speaker'), load === 'busy' ? ['--busy-thread'] : []);
    try {
      for (const family of FAMILIES) lines.push(...(await measure({ lan, child, family, load })));
    } finally {
      await child.stop().finally(() => lan.remove());
    }
  }
  return [...lines, `${(ROUNDS - 1) * REQUESTS_PER_ROUND} requests each, one at a time`];
}

async function measure({
  lan,
  child,
  family,
  load,
}: {
  readonly lan: Lan;
  readonly child: PacketPathChild;
  readonly family: Family;
  readonly load: 'idle' | 'busy';
}): Promise<string[]> {
  const [client, speaker] = [lan.host('client'), lan.host('speaker')];
  if (family.name === 'NDP') {
    await client.ip('addr', 'add', `${family.client}/64`, 'dev', 'eth0', 'nodad');
    await speaker.ip('addr', 'add', `${family.kernel}/64`, 'dev', 'eth0', 'nodad');
  }
  // Other announced addresses, as there would be: the table is looked up, not walked.
  const others = Array.from({ length: 1000 }, (_, i) =>
    family.name === 'NDP' ? { ip: `2001:db8:1::${i.toString(16)}` } : { ip: `10.0.${i >> 8}.${i & 255}` },
  );
  await child.announce({ ip: family.ours }, ...others);
  const program = path.resolve(import.meta.dirname, 'neighbour-requester.ts');
  const options = ['--disable-warning=ExperimentalWarning', program, family.client, ROUNDS, REQUESTS_PER_ROUND];
  const { stdout } = await client.run(process.execPath, ...options.map(String), family.kernel, family.ours);
  const times = JSON.parse(stdout) as Record<string, number[]>;
  const kernel = roundTrips(times[family.kernel] ?? []);
  const ours = roundTrips(times[family.ours] ?? []);
  const row = (name: string, trips: RoundTrips) => `${formatRow(name, trips, MICROSECONDS)}   lost ${trips.lost}`;
  const state = load === 'busy' ? ', other thread busy' : '';
  return [
    row(`${family.name}, the kernel (the floor)${state}`, kernel),
    row(`${family.name}, packet path${state}`, ours),
    formatRatio(ours, kernel),
  ];
}

function roundTrips(times: readonly number[]): RoundTrips {
  const counted = times.slice(REQUESTS_PER_ROUND);
  const answered = counted.filter((time) => time >= 0);
  return { ...percentiles(answered), lost: counted.length - answered.length };
}

if (import.meta.main) console.log((await benchNeighbourLatency()).join('\n'));
