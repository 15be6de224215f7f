/**
 * Which session a packet is for: the one it names, and while it names none, the one with its sender. A name once told
 * counts alone, so a neighbour may change its address or arrive by another interface and is still known.
 *
 * The table is replaced whole, never edited.
 * Implements: RFC 5880 §6.3, RFC 5881 §3 (one hop: the interface and the neighbour's address), RFC 5883 §4.1 (several hops:
 * both addresses).
 */
import type { Ip } from '../../model/ip.ts';

/** Where packets of a session come from before they name it. */
export type BfdPath =
  | { readonly hops: 'single'; readonly interface: string; readonly peer: Ip }
  | { readonly hops: 'multiple'; readonly local: Ip; readonly peer: Ip };

export interface SessionEntry {
  /** The caller's name for it. */
  readonly session: string;
  /** This side's discriminator: 1 … 2^32 − 1, another for each session. */
  readonly discriminator: number;
  readonly path: BfdPath;
  /** The lowest TTL accepted: 255 over a single hop (RFC 5881 §5). */
  readonly minimumTtl: number;
}

export interface SessionTable {
  readonly byDiscriminator: ReadonlyMap<number, SessionEntry>;
  readonly byPath: ReadonlyMap<string, SessionEntry>;
}

/** Two sessions by one discriminator or on one path are a bug of the caller, and throw. */
export function sessionTable(entries: readonly SessionEntry[]): SessionTable {
  const byDiscriminator = new Map<number, SessionEntry>();
  const byPath = new Map<string, SessionEntry>();
  for (const entry of entries) {
    const key = pathKey(entry.path);
    if (entry.discriminator === 0) throw new Error(`BFD session ${entry.session} has discriminator 0`);
    const other = byDiscriminator.get(entry.discriminator) ?? byPath.get(key);
    if (other !== undefined) throw new Error(`BFD sessions ${other.session} and ${entry.session} cannot be told apart`);
    byDiscriminator.set(entry.discriminator, entry);
    byPath.set(key, entry);
  }
  return { byDiscriminator, byPath };
}

/** `yourDiscriminator`: what the packet says, 0 for nothing. */
export function selectSession(
  { byDiscriminator, byPath }: SessionTable,
  yourDiscriminator: number,
  path: BfdPath,
): SessionEntry | undefined {
  return yourDiscriminator === 0 ? byPath.get(pathKey(path)) : byDiscriminator.get(yourDiscriminator);
}

function pathKey(path: BfdPath): string {
  return path.hops === 'single' ? `${path.interface} ${path.peer}` : `${path.local} > ${path.peer}`;
}
