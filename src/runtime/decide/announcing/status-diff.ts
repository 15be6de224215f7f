/**
 * What a speaker has to write so that the status objects of one subject (a Service, a BGP session) are right: its own made,
 * put right or taken away, and those of nodes that have none by right taken away. Pure, and the same for every kind.
 *
 *     said here      ─▶ own object as it should be, no second one, none of nodes that are known to have none by right
 *     not said here  ─▶ no own object
 *
 * The new object comes before the old ones go, so that a Service is never without. A node and a subject have one name for
 * their object, so that a write whose answer was lost can be done again without making a second one.
 */
import { isSameJson } from '../../model/json.ts';
import { type StatusObjectView, statusObjectNode, statusText, type WantedStatus } from '../../model/status-object.ts';

export interface StatusSituation {
  readonly nodeName: string;
  /** The pod that the objects go away with; undefined: they stay. */
  readonly ownerUid: string | undefined;
  /** This node's object. Undefined: it has none by right. */
  readonly wanted: WantedStatus | undefined;
  /** The nodes that have an object by right. 'unknown': each node knows that of itself only. */
  readonly nodes: readonly string[] | 'unknown';
  /** The objects that speak of the subject, whoever made them. */
  readonly known: readonly StatusObjectView[];
  /** Whether this node clears away what nodes without a speaker have left; one of them all does. */
  readonly sweeps: boolean;
  /** Nodes whose speakers live. */
  readonly alive: ReadonlySet<string>;
}

export type StatusChange =
  | { readonly kind: 'create'; readonly wanted: WantedStatus }
  /** Labels, annotations and owner. */
  | { readonly kind: 'patch-metadata'; readonly wanted: WantedStatus }
  | { readonly kind: 'patch-status'; readonly wanted: WantedStatus }
  | { readonly kind: 'delete'; readonly name: string; readonly uid: string };

/** In the order in which they are to be made; empty: all is right. */
export function diffStatuses(situation: StatusSituation): readonly StatusChange[] {
  const { wanted, known } = situation;
  const named = known.find(({ name }) => name === wanted?.name);
  const own = named !== undefined && wanted !== undefined && canBecome(named, wanted) ? named : undefined;
  const stray = known.filter((status) => status !== named && isInTheWay(status, situation));
  return [
    ...(named === own || named === undefined ? [] : [deletion(named)]),
    ...(wanted === undefined ? [] : changesOf(wanted, own, situation)),
    ...stray.map(deletion),
  ];
}

/** What a status says once is said for good: one that says something else cannot be put right, only made anew. */
function canBecome({ status }: StatusObjectView, { fixed }: WantedStatus): boolean {
  return Object.entries(fixed).every(([field, value]) => ['', value].includes(statusText(status, field)));
}

function deletion({ name, uid }: StatusObjectView): StatusChange {
  return { kind: 'delete', name, uid };
}

function isInTheWay(status: StatusObjectView, situation: StatusSituation): boolean {
  const { nodeName, wanted, nodes, sweeps, alive } = situation;
  const node = statusObjectNode(status);
  // Its own, and not the one it keeps.
  if (node === nodeName) return true;
  if (sweeps && !alive.has(node)) return nodes === 'unknown' || !nodes.includes(node);
  return nodes !== 'unknown' && wanted !== undefined && !nodes.includes(node);
}

function changesOf(
  wanted: WantedStatus,
  own: StatusObjectView | undefined,
  { ownerUid }: StatusSituation,
): readonly StatusChange[] {
  if (own === undefined) return [{ kind: 'create', wanted }];
  const has = (texts: Readonly<Record<string, string>>, all: Readonly<Record<string, string>>): boolean =>
    Object.entries(all).every(([key, value]) => texts[key] === value);
  const isOwned = ownerUid === undefined || own.ownerUids.includes(ownerUid);
  const isIdentified = isOwned && has(own.labels, wanted.labels) && has(own.annotations, wanted.annotations);
  const says = Object.entries({ ...wanted.fixed, ...wanted.fields }).every(([field, value]) =>
    isSameJson(own.status[field] ?? null, value),
  );
  return [
    ...(isIdentified ? [] : [{ kind: 'patch-metadata', wanted } as const]),
    ...(says ? [] : [{ kind: 'patch-status', wanted } as const]),
  ];
}
