/**
 * Loss of frames on a host's cable: rules of nftables on the switch, at the host's port, so that everything is lost alike
 * (ARP and NDP as well as TCP) whichever way a program sends it, raw sockets included, and no rule of the node's own
 * stands beside them. They go with the switch.
 *
 *     host ── eth0 ═══ port-<host> ── "from" (prerouting) ── bridge ── "to" (postrouting) ── port-<host> ═══ eth0 ── host
 */
import { SandboxError } from './errors.ts';
import type { Layout } from './layout.ts';
import { portOf } from './network.ts';
import { listRules, setRules, withoutTable } from './switch-rules.ts';

/** Which frames are lost, seen from the host: what it sends, what it is sent, or each of both. */
export type LossDirection = 'from' | 'to' | 'both';

/** Smallest share that is told apart, in percent. */
const RESOLUTION = 0.001;

/** Replaces the host's rules. `percent`: above 0, at most 100. */
export async function setLoss(layout: Layout, host: string, percent: number, direction: LossDirection): Promise<void> {
  await setRules(layout, formatLoss(host, percent, direction), `frames of ${host} cannot be lost`);
}

export async function clearLoss(layout: Layout, host: string): Promise<void> {
  await setRules(layout, withoutTable(tableOf(host)), `loss of ${host}'s frames cannot be ended`);
}

/** What is lost now, in words, by host. */
export async function readLosses(layout: Layout): Promise<Map<string, string>> {
  const json = await listRules(layout, 'ruleset');
  return json === undefined ? new Map() : parseLosses(json);
}

/** The ruleset, which replaces the host's former one. */
export function formatLoss(host: string, percent: number, direction: LossDirection): string {
  if (!(percent >= RESOLUTION && percent <= 100)) {
    throw new SandboxError({
      problem: `${percent} % of the frames cannot be lost`,
      hint: `give a number from ${RESOLUTION} to 100, or 0 to lose none any more`,
    });
  }
  // nft refuses a comparison with a number that the generator never gives, so all of them is "at most the last".
  const last = Math.round(percent / RESOLUTION) - 1;
  const rule = (match: string, way: string) =>
    `    ${match} "${portOf({ name: host })}" numgen random mod ${100 / RESOLUTION} <= ${last} counter drop comment "${percent} % of what is sent ${way} ${host}"`;
  const chain = (name: 'from' | 'to', hook: string, match: string): string[] =>
    direction === name || direction === 'both'
      ? [`  chain ${name} {`, `    type filter hook ${hook} priority 0`, rule(match, name), '  }']
      : [];
  return [
    withoutTable(tableOf(host)).trimEnd(),
    `table bridge ${tableOf(host)} {`,
    ...chain('from', 'prerouting', 'iifname'),
    ...chain('to', 'postrouting', 'oifname'),
    '}',
    '',
  ].join('\n');
}

/** The rules' comments in `nft -json list ruleset`, by host. */
export function parseLosses(json: string): Map<string, string> {
  const { nftables } = JSON.parse(json) as {
    nftables: { rule?: { family: string; table: string; comment?: string } }[];
  };
  const losses = new Map<string, string>();
  for (const { rule } of nftables) {
    if (rule?.family !== 'bridge' || !rule.table.startsWith(TABLE_PREFIX) || rule.comment === undefined) continue;
    const host = rule.table.slice(TABLE_PREFIX.length);
    const before = losses.get(host);
    const lost = `${rule.comment} is lost`;
    losses.set(host, before === undefined ? lost : `${before}, and ${lost}`);
  }
  return losses;
}

const TABLE_PREFIX = 'loss-';

function tableOf(host: string): string {
  return `${TABLE_PREFIX}${host}`;
}
