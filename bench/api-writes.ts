/** Writes that an API server has carried out, from its own metrics: what a program wrote, whoever looks. */

/** "services/status" → how many, for the resources that the controller may write (Leases apart: renewing is their use). */
export type WriteCounts = ReadonlyMap<string, number>;

const SERIES = /^apiserver_request_total\{([^}]*)\} (\S+)$/;
const READS = new Set(['GET', 'LIST', 'WATCH', 'HEAD', 'OPTIONS', 'CONNECT']);
const CORE_RESOURCES = new Set(['services', 'events', 'configmaps']);

/** Reads the text of GET /metrics. */
export function readWriteCounts(metrics: string): WriteCounts {
  const counts = new Map<string, number>();
  for (const line of metrics.split('\n')) {
    const [, labels = '', value = ''] = SERIES.exec(line) ?? [];
    const label = (name: string): string => new RegExp(`(?:^|,)${name}="([^"]*)"`).exec(labels)?.[1] ?? '';
    const group = label('group');
    const ours = group === 'metallb.io' || (group === '' && CORE_RESOURCES.has(label('resource')));
    if (!ours || READS.has(label('verb'))) continue;
    const subresource = label('subresource');
    const name = subresource === '' ? label('resource') : `${label('resource')}/${subresource}`;
    counts.set(name, (counts.get(name) ?? 0) + Number(value));
  }
  return counts;
}

/** What was written between two readings; without what was not. */
export function writesBetween(before: WriteCounts, after: WriteCounts): WriteCounts {
  const grown = [...after].map(([name, count]) => [name, count - (before.get(name) ?? 0)] as const);
  return new Map(grown.filter(([, count]) => count > 0));
}

/** "none", or "3 (services/status 2, events 1)". */
export function formatWrites(writes: WriteCounts): string {
  if (writes.size === 0) return 'none';
  const sum = [...writes.values()].reduce((total, count) => total + count, 0);
  return `${sum} (${[...writes].map(([name, count]) => `${name} ${count}`).join(', ')})`;
}
