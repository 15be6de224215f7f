/**
 * What BGPSessionStatus objects are to say, out of what the speaker sees of its sessions. Pure.
 *
 * A session that does not come about goes through the same states over and over: which of them it is in just now is not
 * worth a write, so what was said stays until something else is to be said.
 */
import type { BgpSessionView } from '../../model/bgp-session.ts';
import { type BgpSessionStatus, STATUS_PEER_LABEL } from '../../model/bgp-session-status.ts';
import { isSameJson, type Json } from '../../model/json.ts';
import type { Sha256Hex } from '../../model/platform.ts';
import { STATUS_NODE_LABEL, type StatusObjectView, statusText, type WantedStatus } from '../../model/status-object.ts';
import { labelValue, statusName } from './status-names.ts';

/** Some 20 KB; the number of all is told beside them. */
export const MOST_PREFIXES = 500;
/** Bounds of the definition. */
const MOST_REASONS = 32;
const LONGEST_TEXT = 1024;

/** What is told of a session of this node. */
export type ToldSession = Omit<BgpSessionStatus, 'node'>;

export interface SessionFacts {
  readonly view: BgpSessionView;
  /** `view.sinceWallMs`, as the API writes times. */
  readonly since: string;
  /** What the router was told, or is to be, ordered. */
  readonly prefixes: readonly string[];
}

/** `before`: what was told of it last. */
export function toldSession({ view, since, prefixes }: SessionFacts, before: ToldSession | undefined): ToldSession {
  const { localAddress, remoteAsn, remoteIdentifier, bfd, lastError } = view;
  const isEstablished = view.state === 'established';
  const now: ToldSession = {
    peer: view.peer,
    state: view.state,
    since,
    ...(view.remoteAddress === '' ? {} : { address: view.remoteAddress }),
    // An attempt to connect has one, and then has none: of use is that of a session.
    ...(isEstablished && localAddress !== undefined ? { localAddress } : {}),
    ...(remoteAsn === undefined ? {} : { asn: remoteAsn }),
    ...(remoteIdentifier === undefined ? {} : { identifier: remoteIdentifier }),
    ...(bfd === undefined ? {} : { bfd: bfd.state }),
    advertisedPrefixes: view.advertisedRoutes,
    prefixes: view.advertisedRoutes === 0 ? [] : prefixes.slice(0, MOST_PREFIXES),
    notAdvertised: view.notAdvertised.slice(0, MOST_REASONS).map(shorten),
    receivedPrefixes: view.receivedPrefixes,
    ...(lastError === undefined ? {} : { lastError: shorten(lastError) }),
    flaps: view.flaps,
  };
  return before !== undefined && isSameJson(withoutDetail(now, before), before) ? before : now;
}

/**
 * What is told only along with something else is left as it was told: what a session that does not come about is doing
 * just now, and how many prefixes a router that goes on telling of some has told of, unless they have doubled.
 */
function withoutDetail(now: ToldSession, before: ToldSession): ToldSession {
  const isDown = now.state !== 'established' && before.state !== 'established';
  const isFewMore =
    now.receivedPrefixes >= before.receivedPrefixes && now.receivedPrefixes < before.receivedPrefixes * 2;
  return {
    ...now,
    ...(isDown ? { state: before.state } : {}),
    ...(isFewMore ? { receivedPrefixes: before.receivedPrefixes } : {}),
  };
}

export function wantedSessionStatus(
  { node, told }: { readonly node: string; readonly told: ToldSession },
  sha256Hex: Sha256Hex,
): WantedStatus {
  const { peer } = told;
  const text = (value: string | number | undefined): Json => value ?? null;
  const list = (values: readonly string[]): Json => (values.length === 0 ? null : values);
  return {
    name: sessionStatusName(node, peer, sha256Hex),
    labels: {
      [STATUS_NODE_LABEL]: labelValue(node, sha256Hex),
      [STATUS_PEER_LABEL]: labelValue(peer, sha256Hex),
    },
    annotations: {},
    fixed: { node, peer },
    fields: {
      state: told.state,
      since: told.since,
      address: text(told.address),
      localAddress: text(told.localAddress),
      asn: text(told.asn),
      identifier: text(told.identifier),
      bfd: text(told.bfd),
      advertisedPrefixes: told.advertisedPrefixes,
      prefixes: list(told.prefixes),
      notAdvertised: list(told.notAdvertised),
      receivedPrefixes: told.receivedPrefixes,
      lastError: text(told.lastError),
      flaps: told.flaps,
    },
  };
}

/** The name of the one object of the node and the peer. */
export function sessionStatusName(node: string, peer: string, sha256Hex: Sha256Hex): string {
  return statusName('bgp', { node, subject: peer }, sha256Hex);
}

/** The peer that an object speaks of. */
export function peerOfStatus({ status, labels }: StatusObjectView): string {
  return statusText(status, 'peer') || (labels[STATUS_PEER_LABEL] ?? '');
}

function shorten(text: string): string {
  return text.length <= LONGEST_TEXT ? text : `${text.slice(0, LONGEST_TEXT - 1)}…`;
}
