/**
 * The BGP sessions of a cluster, each with how it fares and, where it does not, why: what the speakers say in
 * BGPSessionStatus objects, held against which sessions there ought to be. Pure.
 *
 * There ought to be one of each node that a speaker runs on with each BGPPeer that chooses the node.
 */
import type { BgpState } from '../../model/bgp-session.ts';
import type { BgpSessionStatus } from '../../model/bgp-session-status.ts';
import type { BgpPeer } from '../../model/config.ts';
import { isSelected, type Labels } from '../../model/labels.ts';
import { compareText } from '../../model/text-order.ts';
import { toldList } from './told-list.ts';

export interface SessionWorld {
  readonly peers: readonly Pick<BgpPeer, 'name' | 'nodeSelectors' | 'remote'>[];
  readonly nodes: readonly { readonly name: string; readonly labels: Labels }[];
  /** Every node that a speaker has run on. */
  readonly speakers: readonly { readonly nodeName: string; readonly alive: boolean; readonly silentSeconds: number }[];
  readonly statuses: readonly SessionWord[];
  /** BGPPeers that are not in force as they are written: their sessions stay as they were, or do not begin. */
  readonly faultyPeers: readonly string[];
  /** What is wrong with the configuration. */
  readonly faults: readonly string[];
  /** Wall clock, milliseconds since the Unix epoch. */
  readonly nowMs: number;
}

/** What a speaker says of a session. */
export interface SessionWord {
  readonly status: BgpSessionStatus;
  /** `status.since`, milliseconds since the Unix epoch. */
  readonly sinceMs: number;
}

export type SessionProblem =
  | 'not-established'
  /** The node's speaker lives, and has no word of the session. */
  | 'nothing-said'
  /** What is shown is the last word of a speaker that is silent since. */
  | 'no-speaker'
  /** Nobody asks for the session any more: it is about to end. No fault. */
  | 'not-wanted';

export interface SessionRow {
  readonly node: string;
  readonly peer: string;
  /** The router's; "" where it is not known. */
  readonly address: string;
  readonly state: BgpState | 'unknown';
  /** How long it has been established, or not. Absent: not known. */
  readonly ageSeconds?: number;
  /** Absent: it is established, and ought to be. */
  readonly problem?: SessionProblem;
  /** Why, or what was wrong last. "" where there is nothing to say. */
  readonly message: string;
  /** Absent: no speaker has said anything. */
  readonly status?: BgpSessionStatus;
}

export interface SessionList {
  /** By node and peer. */
  readonly sessions: readonly SessionRow[];
  /** Every session that ought to be is established, and no BGPPeer is faulty. */
  readonly allUp: boolean;
  /** Nodes that a BGPPeer chooses and that no speaker has ever run on. */
  readonly nodesWithoutSpeaker: readonly string[];
  readonly faults: readonly string[];
  /** What would make it work. */
  readonly advice: readonly string[];
}

/** Absent: of all. */
export interface SessionFilter {
  readonly node?: string;
  readonly peer?: string;
}

export function listSessions(world: SessionWorld, { node, peer }: SessionFilter = {}): SessionList {
  const isAsked = (row: { readonly node: string; readonly peer?: string }): boolean =>
    (node === undefined || row.node === node) && (peer === undefined || row.peer === undefined || row.peer === peer);
  const sessions = allRows(world).filter(isAsked);
  const manned = new Set(world.speakers.map(({ nodeName }) => nodeName));
  const nodesWithoutSpeaker = world.nodes
    .filter(({ name, labels }) => !manned.has(name) && isAsked({ node: name }) && isChosen(world.peers, labels, peer))
    .map(({ name }) => name)
    .sort(compareText);
  const found = { sessions, nodesWithoutSpeaker };
  const faultyPeers = world.faultyPeers.filter((name) => peer === undefined || name === peer);
  const isFine = ({ problem }: SessionRow): boolean => problem === undefined || problem === 'not-wanted';
  return {
    ...found,
    allUp: faultyPeers.length === 0 && sessions.every(isFine),
    faults: world.faults,
    advice: advise(world, found),
  };
}

function isChosen(peers: SessionWorld['peers'], labels: Labels, name: string | undefined): boolean {
  return peers.some((peer) => (name === undefined || peer.name === name) && isSelected(peer.nodeSelectors, labels));
}

function allRows(world: SessionWorld): readonly SessionRow[] {
  const keyOf = (node: string, peer: string): string => `${node}/${peer}`;
  const words = new Map(world.statuses.map((word) => [keyOf(word.status.node, word.status.peer), word]));
  const labelsOf = new Map(world.nodes.map(({ name, labels }) => [name, labels]));
  const rows: SessionRow[] = [];
  for (const { nodeName, ...speaker } of world.speakers) {
    const labels = labelsOf.get(nodeName);
    // The node is gone, and its speaker's Lease goes after it.
    if (labels === undefined) continue;
    for (const peer of world.peers.filter((each) => isSelected(each.nodeSelectors, labels))) {
      const word = words.get(keyOf(nodeName, peer.name));
      words.delete(keyOf(nodeName, peer.name));
      const unsaid = { node: nodeName, peer: peer.name, address: addressOf(peer), state: 'unknown' } as const;
      rows.push(judged(word === undefined ? unsaid : rowOf(word, world.nowMs), speaker));
    }
  }
  const speakerOf = new Map(world.speakers.map((speaker) => [speaker.nodeName, speaker]));
  for (const word of words.values()) {
    const { node, peer } = word.status;
    const row = rowOf(word, world.nowMs);
    const speaker = speakerOf.get(node);
    // It goes on as it was before the fault.
    if (world.faultyPeers.includes(peer) && speaker !== undefined) rows.push(judged(row, speaker));
    else rows.push({ ...row, problem: 'not-wanted', message: 'no BGPPeer of that name chooses the node (any more)' });
  }
  return rows.sort((a, b) => compareText(a.node, b.node) || compareText(a.peer, b.peer));
}

type UnjudgedRow = Omit<SessionRow, 'problem' | 'message'>;

/** Of a session that ought to be: how it stands. */
function judged(
  row: UnjudgedRow,
  speaker: Pick<SessionWorld['speakers'][number], 'alive' | 'silentSeconds'>,
): SessionRow {
  const { status } = row;
  if (!speaker.alive) {
    const last = status === undefined ? '' : `; its last word was "${status.state}"`;
    const message = `the node's speaker is silent for ${Math.round(speaker.silentSeconds)} s${last}`;
    return { ...row, state: 'unknown', problem: 'no-speaker', message };
  }
  if (status === undefined) {
    return { ...row, problem: 'nothing-said', message: "the node's speaker lives, and says nothing of it" };
  }
  if (status.state === 'established') return { ...row, message: status.lastError ?? '' };
  return { ...row, problem: 'not-established', message: status.lastError ?? 'it was not tried yet' };
}

function rowOf({ status, sinceMs }: SessionWord, nowMs: number): UnjudgedRow {
  const { node, peer, address = '', state } = status;
  const ageSeconds = Math.max(0, Math.round((nowMs - sinceMs) / 1000));
  return { node, peer, address, state, ...(Number.isNaN(sinceMs) ? {} : { ageSeconds }), status };
}

function addressOf({ remote }: Pick<BgpPeer, 'remote'>): string {
  return 'address' in remote ? remote.address : '';
}

function advise(
  { peers, faults }: SessionWorld,
  { sessions, nodesWithoutSpeaker }: Pick<SessionList, 'sessions' | 'nodesWithoutSpeaker'>,
): readonly string[] {
  const nodesOf = (problem: SessionProblem): readonly string[] =>
    Array.from(new Set(sessions.filter((row) => row.problem === problem).map(({ node }) => node)));
  const [silent, mute] = [nodesOf('no-speaker'), nodesOf('nothing-said')];
  const isTold = ({ problem, status }: SessionRow): boolean =>
    problem !== undefined || status?.advertisedPrefixes !== 0;
  const untold = Array.from(new Set(sessions.filter((row) => !isTold(row)).map(({ peer }) => peer)));
  return [
    ...(peers.length > 0 || faults.length > 0
      ? []
      : [
          'no BGPPeer is configured: set metallb_protocol to "bgp" in the inventory, with metallb_bgp_peers, or create one',
        ]),
    ...(silent.length + nodesWithoutSpeaker.length === 0
      ? []
      : [
          `see why no speaker runs on ${toldList([...silent, ...nodesWithoutSpeaker])}: kubectl get pods -n metallb-system -l component=speaker -o wide`,
        ]),
    ...(mute.length === 0
      ? []
      : [
          `look again in some seconds; if it stays, see what the speaker of ${toldList(mute)} says: kubectl logs -n metallb-system -l component=speaker --prefix`,
        ]),
    ...(untold.length === 0
      ? []
      : [
          `${toldList(untold)} was told no prefix by some nodes: see which Services have an address, and why it is not announced, with ./install explain -A`,
        ]),
  ];
}
