/** An explanation as lines for people: sections with a heading each, columns aligned, no colour. */
import type {
  AddressAnnouncement,
  AnnouncementSection,
  BgpStanding,
  NodeStanding,
} from '../runtime/decide/explain/announcement.ts';
import type {
  AddressExplanation,
  Asks,
  Explanation,
  PoolExplanation,
  ServiceProblem,
} from '../runtime/decide/explain/explanation.ts';
import { formatKey } from '../runtime/model/service.ts';

export function formatExplanation(explanation: Explanation): string {
  const { asks, has, allocation, announcement, configuration } = explanation;
  const facts: [string, string][] = [];
  if (asks !== undefined) facts.push(['asks for', formatAsks(asks)]);
  if (has !== undefined) {
    const from = has.pool === undefined ? '' : ` from pool "${has.pool}"`;
    facts.push(['has', has.addresses.length === 0 ? 'nothing' : `${has.addresses.join(', ')}${from}`]);
  }
  if (allocation.lost !== undefined) facts.push(['lost', `${allocation.lost.reason}: ${allocation.lost.message}`]);
  if (allocation.controller.note !== '') facts.push(['but', allocation.controller.note]);
  const sections = [
    [headline(explanation), ...facts.map(([name, text]) => `  ${name.padEnd(9)}${text}`)],
    section('requested addresses', addressRows(allocation.requested)),
    section('pools', poolRows(allocation.pools)),
    ...announcementSections(announcement),
    section('what to do', numbered([...allocation.advice, ...(announcement?.advice ?? [])])),
    section(`faults of the configuration (${configuration.source})`, indented(configuration.faults)),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

/** Rows of nodes beyond these are left to -o json. */
const MOST_NODES = 20;

function announcementSections(announcement: AnnouncementSection | undefined): readonly (readonly string[])[] {
  if (announcement === undefined) return [];
  const { addresses } = announcement;
  const rows = addresses.map(({ ip, reason, announcedBy, message }) => [
    ip,
    announcedBy.length === 0 ? reason : announcedBy.join(','),
    message,
  ]);
  return [section('who announces', table(rows)), ...nodeSections(addresses)];
}

/** Addresses of which the same is to be said are told together. */
function nodeSections(addresses: readonly AddressAnnouncement[]): readonly (readonly string[])[] {
  return [
    ...sectionsByText(
      'nodes',
      addresses.map(({ ip, nodes }) => ({ ip, rows: nodeRows(nodes) })),
    ),
    ...sectionsByText(
      'BGP',
      addresses.map(({ ip, bgp = [] }) => ({ ip, rows: bgpRows(bgp) })),
    ),
  ];
}

function sectionsByText(
  name: string,
  told: readonly { readonly ip: string; readonly rows: readonly string[] }[],
): readonly (readonly string[])[] {
  const byText = Map.groupBy(told, ({ rows }) => rows.join('\n'));
  return Array.from(byText.values(), (same) => {
    const ips = same.map(({ ip }) => ip).join(', ');
    return section(`${name}, for ${ips}`, same[0]?.rows ?? []);
  });
}

function nodeRows(nodes: readonly NodeStanding[]): readonly string[] {
  return firstRows(
    nodes.map(({ node, standing, reason, message, endpoints }) => [
      [node, reason ?? standing, message + formatPods(endpoints)],
    ]),
  );
}

/** A row a peer, and one of a node that tells none. */
function bgpRows(nodes: readonly BgpStanding[]): readonly string[] {
  return firstRows(
    nodes.map(({ node, standing, reason, message, peers, endpoints }) => {
      const pods = formatPods(endpoints);
      if (peers.length === 0) return [[node, '-', reason ?? standing, message + pods]];
      return peers.map((peer) => [
        node,
        peer.peer,
        peer.standing === 'not-meant' ? (peer.reason ?? peer.standing) : peer.standing,
        peer.message + pods,
      ]);
    }),
  );
}

/** Of so many nodes the rows. */
function firstRows(rowsByNode: readonly (readonly (readonly string[])[])[]): readonly string[] {
  const more = rowsByNode.length - MOST_NODES;
  const rows = table(rowsByNode.slice(0, MOST_NODES).flat());
  return [...rows, ...(more > 0 ? [`and ${more} more (-o json lists all)`] : [])];
}

function formatPods(endpoints: number | undefined): string {
  if (endpoints === undefined) return '';
  return `; ${endpoints === 0 ? 'no' : endpoints} ready pod${endpoints === 1 ? '' : 's'} of the Service there`;
}

/** A line a Service: "web/nginx  PoolsExhausted  <none>  no available IPs: …" */
export function formatProblems(problems: readonly ServiceProblem[]): string {
  const rows = problems.map(({ service, reason, addresses, message }) => [
    formatKey(service),
    reason,
    addresses.join(',') || '<none>',
    message,
  ]);
  return `${table([['SERVICE', 'REASON', 'HAS', 'WHY'], ...rows]).join('\n')}\n`;
}

function headline({ service, allocation }: Explanation): string {
  const { reason, message, verdict } = allocation;
  const sign = { keep: 'keeps', assign: 'is to get', release: 'is to lose what it has', refuse: 'gets nothing' };
  const what = verdict === 'not-ours' || verdict === 'unknown' ? '' : ` ${sign[verdict]}`;
  return `service/${service.name} in ${service.namespace}${what}: ${reason}${message === '' ? '' : `, ${message}`}`;
}

function formatAsks({
  type,
  class: own,
  families,
  dualStack,
  count,
  pool,
  addresses,
  sharingKey,
  fault,
}: Asks): string {
  if (type !== 'LoadBalancer') return `nothing (type ${type})`;
  const names = families.map((family) => (family === 'ipv4' ? 'IPv4' : 'IPv6')).join(' and ');
  const many = count === 1 ? 'an' : `${count}`;
  const what = families.length === 0 ? 'an address' : `${many} ${names} address${count === 1 ? '' : 'es'}`;
  const details = [
    dualStack === 'prefer' ? 'one family is enough' : '',
    addresses === undefined ? '' : `namely ${addresses.join(', ')}`,
    pool === undefined ? 'of any pool' : `of pool "${pool}"`,
    sharingKey === undefined ? '' : `shared under "${sharingKey}"`,
    own === undefined ? '' : `class ${own}`,
    fault === undefined ? '' : `but: ${fault}`,
  ];
  return [what, ...details.filter((detail) => detail !== '')].join(', ');
}

function addressRows(requested: readonly AddressExplanation[]): string[] {
  return table(requested.map(({ ip, standing, message }) => [ip, standing, message]));
}

function poolRows(pools: readonly PoolExplanation[]): string[] {
  return table(pools.map(({ pool, reason, message }) => [pool, reason, message]));
}

export function section(heading: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : [`${heading}:`, ...lines.map((line) => `  ${line}`)];
}

export function numbered(lines: readonly string[]): string[] {
  return lines.map((line, i) => `${i + 1}. ${line}`);
}

function indented(faults: readonly string[]): string[] {
  return faults.flatMap((fault) => fault.split('\n'));
}

/** Columns as wide as their widest cell, the last one as it is. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join('  '),
  );
}
