/** BGP sessions as lines for people: a table, and what the routers were told. */
import type { SessionList, SessionRow } from '../runtime/decide/explain/session-list.ts';
import { numbered, section, table } from './explanation-printer.ts';

export interface SessionsFormat {
  /** Whether the advertised prefixes are listed. */
  readonly prefixes: 'listed' | 'counted';
}

export function formatSessions(list: SessionList, { prefixes }: SessionsFormat): string {
  const { sessions, nodesWithoutSpeaker, faults, advice } = list;
  const sections: (readonly string[])[] = [
    sessions.length === 0 ? ['There is no BGP session, and there ought to be none.'] : sessionTable(sessions),
    ...(prefixes === 'listed' ? prefixSections(sessions) : []),
    section('not advertised', notAdvertised(sessions)),
    section('nodes that a BGPPeer chooses, without a speaker', nodesWithoutSpeaker),
    section('faults of the configuration', faults),
    section('what to do', numbered(advice)),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

function sessionTable(sessions: readonly SessionRow[]): string[] {
  const rows = sessions.map(({ node, peer, address, state, ageSeconds, message, problem, status }) => [
    node,
    peer,
    address || '-',
    status?.asn === undefined ? '-' : `${status.asn}`,
    problem === 'not-wanted' ? `${state} (not wanted)` : state,
    ageSeconds === undefined ? '-' : formatAge(ageSeconds),
    status?.bfd ?? '-',
    status === undefined ? '-' : `${status.advertisedPrefixes}`,
    status === undefined ? '-' : `${status.flaps}`,
    message,
  ]);
  const head = ['NODE', 'PEER', 'ADDRESS', 'ASN', 'STATE', 'SINCE', 'BFD', 'PREFIXES', 'FLAPS', 'LAST ERROR'];
  return table([head, ...rows]).map((line) => line.trimEnd());
}

/** Sessions whose routers were told the same are told of together. */
function prefixSections(sessions: readonly SessionRow[]): readonly (readonly string[])[] {
  const byText = new Map<string, { readonly lines: readonly string[]; readonly names: string[] }>();
  for (const { node, peer, status } of sessions) {
    if (status === undefined || status.advertisedPrefixes === 0) continue;
    const more = status.advertisedPrefixes - status.prefixes.length;
    const lines = [...status.prefixes, ...(more > 0 ? [`and ${more} more`] : [])];
    const text = lines.join('\n');
    const known = byText.get(text);
    if (known === undefined) byText.set(text, { lines, names: [`${node} → ${peer}`] });
    else known.names.push(`${node} → ${peer}`);
  }
  return Array.from(byText.values(), ({ lines, names }) => section(`prefixes, ${names.join(', ')}`, lines));
}

function notAdvertised(sessions: readonly SessionRow[]): readonly string[] {
  return sessions.flatMap(({ node, peer, status }) =>
    (status?.notAdvertised ?? []).map((reason) => `${node} → ${peer}: ${reason}`),
  );
}

/** As kubectl does: "45s", "12m", "3h12m", "5d". */
function formatAge(seconds: number): string {
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours >= 48) return `${Math.floor(hours / 24)}d`;
  return minutes % 60 === 0 ? `${hours}h` : `${hours}h${minutes % 60}m`;
}
