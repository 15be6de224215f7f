/**
 * Hosts that do not reach each other while everybody else reaches both: as where the cable between two switches is lost,
 * and each half of a cluster goes on in front of clients of its own. Frames between the two are dropped in the bridge.
 */
import type { Layout } from './layout.ts';
import { portOf } from './network.ts';
import { listRules, setRules, withoutTable } from './switch-rules.ts';

/** The two hosts, in the order of their names. */
export type Parted = readonly [string, string];

const TABLE_PREFIX = 'parted-';
const BETWEEN = '--';

/** Nothing passes between the two any more, either way. Parted already, they stay so. */
export async function partHosts(layout: Layout, host: string, other: string): Promise<void> {
  await setRules(layout, formatParting(host, other), `${host} and ${other} cannot be parted`);
}

/** Undoes it for the host and everybody it is parted from. */
export async function joinHost(layout: Layout, host: string): Promise<void> {
  const tables = (await readPartings(layout)).filter((pair) => pair.includes(host)).map(tableOf);
  if (tables.length > 0) await setRules(layout, tables.map(withoutTable).join(''), `${host} cannot be joined`);
}

export async function readPartings(layout: Layout): Promise<readonly Parted[]> {
  const json = await listRules(layout, 'tables');
  return json === undefined ? [] : parsePartings(json);
}

/** The ruleset, which replaces the pair's former one. */
export function formatParting(host: string, other: string): string {
  const pair: Parted = host < other ? [host, other] : [other, host];
  const rule = (from: string, to: string) =>
    `    iifname "${portOf({ name: from })}" oifname "${portOf({ name: to })}" counter drop`;
  return [
    withoutTable(tableOf(pair)).trimEnd(),
    `table bridge ${tableOf(pair)} {`,
    '  chain between {',
    '    type filter hook forward priority 0',
    rule(pair[0], pair[1]),
    rule(pair[1], pair[0]),
    '  }',
    '}',
    '',
  ].join('\n');
}

/** Out of `nft -json list tables`. */
export function parsePartings(json: string): Parted[] {
  const { nftables } = JSON.parse(json) as { nftables: { table?: { family: string; name: string } }[] };
  return nftables.flatMap(({ table }) => {
    if (table?.family !== 'bridge' || !table.name.startsWith(TABLE_PREFIX)) return [];
    const [first, second] = table.name.slice(TABLE_PREFIX.length).split(BETWEEN);
    return first === undefined || second === undefined ? [] : [[first, second] satisfies Parted];
  });
}

function tableOf([first, second]: Parted): string {
  return `${TABLE_PREFIX}${first}${BETWEEN}${second}`;
}
