/**
 * A router that somebody else wrote, in a namespace of its own: how a test configures it, and what it sees of the other
 * side. Each implementation writes its own configuration and reads its own tables; a test asserts what the router sees,
 * never what we believe to have sent.
 */
import type { LanHost } from '../netns.ts';

export type RouteFamily = 'ipv4' | 'ipv6';

export interface RouterConfig {
  readonly asn: number;
  readonly identifier: string;
  readonly neighbours: readonly RouterNeighbour[];
  /** Announced to every neighbour, with the neighbour's localAddress of its family as next hop. */
  readonly originates?: readonly OriginatedRoute[];
  /** Several best paths to one prefix are all used, and installed in the kernel. */
  readonly multipath?: boolean;
}

export interface RouterNeighbour {
  readonly address: string;
  readonly asn: number;
  readonly localAddress: string;
  readonly families: readonly RouteFamily[];
  /** Next hop of routes of the family that the session does not run over. Absent: none are originated. */
  readonly otherNextHop?: string;
  /** Waits to be connected to. */
  readonly passive?: boolean;
  /** Absent: 9. */
  readonly holdTimeSeconds?: number;
  readonly password?: string;
  readonly hops?: { readonly kind: 'multihop' | 'gtsm'; readonly hops: number };
  /** Keeps this neighbour's routes while it restarts. */
  readonly gracefulRestart?: boolean;
  readonly bfd?: { readonly intervalMs: number; readonly multiplier: number };
  /** IPv4 routes may have IPv6 next hops (RFC 8950). */
  readonly extendedNextHop?: boolean;
}

export interface OriginatedRoute {
  readonly prefix: string;
  readonly multiExitDisc?: number;
  /** "64500:1", "large:64500:1:2" */
  readonly communities?: readonly string[];
}

export interface SessionSeen {
  readonly isEstablished: boolean;
  /** What the neighbour's OPEN offered, as this router names it for its user; see CAPABILITIES. Empty: no OPEN. */
  readonly capabilities: readonly CapabilityName[];
  /** Why the session ended last, in the router's words. Absent: it does not say. */
  readonly lastError?: string;
}

export type CapabilityName =
  | 'multiprotocol ipv4'
  | 'multiprotocol ipv6'
  | 'route-refresh'
  | 'enhanced-route-refresh'
  | 'extended-message'
  | 'extended-next-hop'
  | 'four-octet-as'
  | 'graceful-restart';

export interface RouteSeen {
  readonly prefix: string;
  readonly nextHop: string;
  readonly asPath: readonly number[];
  readonly localPref?: number;
  readonly multiExitDisc?: number;
  /** Ordered; written as in OriginatedRoute. */
  readonly communities: readonly string[];
  /** Kept over a restart of the neighbour, which has not announced it again. */
  readonly isStale: boolean;
}

export interface Router {
  /** Starts it, or starts it anew, and returns when it answers. */
  start(config: RouterConfig): Promise<void>;
  session(neighbour: string): Promise<SessionSeen>;
  /** What it has from this neighbour, ordered by prefix. */
  routes(neighbour: string): Promise<readonly RouteSeen[]>;
  /** How many it has from this neighbour: for many, where to list them would take long. */
  countRoutes(neighbour: string): Promise<number>;
  /** Asks the neighbour to send the routes of the family once more. */
  askForRefresh(neighbour: string, family: RouteFamily): Promise<void>;
  /** Ends the session on purpose, saying why (RFC 9003), in these words or its own; tells in which. */
  shutDown(neighbour: string, text: string): Promise<string>;
  /** State of its BFD session, as it says. Absent: it has none. */
  bfd(neighbour: string): Promise<'up' | 'down' | undefined>;
  /** Neither sends nor reads from now on, as if the machine had hung. */
  freeze(): void;
  thaw(): void;
  /** Ends it: in order, or at once. */
  stop(how: 'in-order' | 'at-once'): Promise<void>;
  /** What it has logged: for the message of a test that fails. */
  log(): Promise<string>;
}

export interface RouterKind {
  /** "FRR 8.4" */
  readonly name: string;
  readonly create: (host: LanHost, folder: string) => Router;
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function inPrefixOrder(routes: readonly RouteSeen[]): readonly RouteSeen[] {
  return [...routes].sort((a, b) => compareText(a.prefix, b.prefix));
}

export function familyOf(prefixOrAddress: string): RouteFamily {
  return prefixOrAddress.includes(':') ? 'ipv6' : 'ipv4';
}

/** The next hop that a router gives its own routes of the family on this session. Absent: it has none to give. */
export function nextHopFor(neighbour: RouterNeighbour, family: RouteFamily): string | undefined {
  return familyOf(neighbour.localAddress) === family ? neighbour.localAddress : neighbour.otherNextHop;
}
