import { describe, expect, test } from '@jest/globals';
import {
  listSessions,
  type SessionRow,
  type SessionWord,
  type SessionWorld,
} from '../../../../src/runtime/decide/explain/session-list.ts';
import type { BgpSessionStatus } from '../../../../src/runtime/model/bgp-session-status.ts';
import { ip } from '../../../support/views.ts';

const NOW = Date.parse('2026-08-01T12:00:00Z');
const everywhere = (name: string) => ({ name, nodeSelectors: [], remote: { address: ip('192.0.2.1') } });
const speaker = (nodeName: string, alive = true) => ({ nodeName, alive, silentSeconds: alive ? 1 : 300 });

function said(node: string, given: Partial<BgpSessionStatus> = {}): SessionWord {
  const status: BgpSessionStatus = {
    node,
    peer: 'tor-1',
    state: 'established',
    since: '2026-08-01T11:58:30Z',
    address: '192.0.2.1',
    asn: 64513,
    advertisedPrefixes: 1,
    prefixes: ['10.0.0.1/32'],
    notAdvertised: [],
    receivedPrefixes: 0,
    flaps: 0,
    ...given,
  };
  return { status, sinceMs: Date.parse(status.since) };
}

function world(given: Partial<SessionWorld> = {}): SessionWorld {
  return {
    peers: [everywhere('tor-1')],
    nodes: ['n1', 'n2'].map((name) => ({ name, labels: { rack: name } })),
    speakers: [speaker('n1'), speaker('n2')],
    statuses: [said('n1'), said('n2')],
    faultyPeers: [],
    faults: [],
    nowMs: NOW,
    ...given,
  };
}

/** "n1 tor-1 established: …" */
const told = ({ node, peer, state, problem, message }: SessionRow): string =>
  `${node} ${peer} ${state}${problem === undefined ? '' : ` (${problem})`}: ${message}`;

test('all is well', () => {
  const list = listSessions(world());
  expect(list.sessions.map(told)).toEqual(['n1 tor-1 established: ', 'n2 tor-1 established: ']);
  expect(list.sessions[0]).toMatchObject({ address: '192.0.2.1', ageSeconds: 90 });
  expect(list).toMatchObject({ allUp: true, nodesWithoutSpeaker: [], faults: [], advice: [] });
});

describe('a session that is not well', () => {
  test.each<{ name: string; given: Partial<SessionWorld>; want: string }>([
    {
      name: 'is not established: why',
      given: { statuses: [said('n1', { state: 'active', lastError: 'ECONNREFUSED' }), said('n2')] },
      want: 'n1 tor-1 active (not-established): ECONNREFUSED',
    },
    {
      name: 'was not tried yet',
      given: { statuses: [said('n1', { state: 'idle' }), said('n2')] },
      want: 'n1 tor-1 idle (not-established): it was not tried yet',
    },
    {
      name: 'has no word said of it',
      given: { statuses: [said('n2')] },
      want: "n1 tor-1 unknown (nothing-said): the node's speaker lives, and says nothing of it",
    },
    {
      name: 'is the last word of a speaker that is dead',
      given: { speakers: [speaker('n1', false), speaker('n2')] },
      want: 'n1 tor-1 unknown (no-speaker): the node\'s speaker is silent for 300 s; its last word was "established"',
    },
    {
      name: 'is of a speaker that died without a word',
      given: { speakers: [speaker('n1', false), speaker('n2')], statuses: [said('n2')] },
      want: "n1 tor-1 unknown (no-speaker): the node's speaker is silent for 300 s",
    },
    {
      name: 'is one of a faulty BGPPeer, which goes on as it was',
      given: { peers: [], faultyPeers: ['tor-1'], faults: ['BGPPeer metallb-system/tor-1 spec.myASN: …'] },
      want: 'n1 tor-1 established: ',
    },
  ])('$name', ({ given, want }) => {
    const list = listSessions(world(given));
    expect(list.sessions.map(told)[0]).toBe(want);
    expect(list.allUp).toBe(false);
  });
});

test('one that nobody asks for any more is about to end, and no fault', () => {
  const list = listSessions(world({ statuses: [said('n1'), said('n2'), said('n2', { peer: 'old' })] }));
  expect(list.sessions.map(told)[1]).toBe(
    'n2 old established (not-wanted): no BGPPeer of that name chooses the node (any more)',
  );
  expect(list.allUp).toBe(true);
});

test('a BGPPeer has a session on the nodes that it chooses only', () => {
  const peers = [{ ...everywhere('tor-1'), nodeSelectors: [{ matchLabels: { rack: 'n2' } }] }];
  const list = listSessions(world({ peers, statuses: [said('n2')] }));
  expect(list.sessions.map(told)).toEqual(['n2 tor-1 established: ']);
  expect(list.allUp).toBe(true);
});

test('a node that no speaker has run on is named, and is no fault: maybe none is to', () => {
  const list = listSessions(world({ speakers: [speaker('n1')], statuses: [said('n1')] }));
  expect(list).toMatchObject({ allUp: true, nodesWithoutSpeaker: ['n2'] });
  expect(list.advice).toEqual([
    'see why no speaker runs on n2: kubectl get pods -n metallb-system -l component=speaker -o wide',
  ]);
});

test('a node that is gone has no sessions any more', () => {
  const list = listSessions(world({ speakers: [speaker('n1'), speaker('n2'), speaker('n3', false)] }));
  expect(list.sessions).toHaveLength(2);
});

test('of one node, and of one peer', () => {
  const given = world({
    peers: [everywhere('tor-1'), everywhere('tor-2')],
    statuses: ['n1', 'n2'].flatMap((node) => [said(node), said(node, { peer: 'tor-2', state: 'active' })]),
  });
  expect(listSessions(given, { node: 'n1' }).sessions.map(({ peer }) => peer)).toEqual(['tor-1', 'tor-2']);
  expect(listSessions(given, { peer: 'tor-1' })).toMatchObject({ allUp: true });
  expect(listSessions(given, { peer: 'tor-2' })).toMatchObject({ allUp: false });
  expect(listSessions(given, { node: 'n2', peer: 'tor-2' }).sessions).toHaveLength(1);
});

describe('what to do', () => {
  test.each<{ name: string; given: Partial<SessionWorld>; want: RegExp }>([
    {
      name: 'without a BGPPeer',
      given: { peers: [], statuses: [] },
      want: /no BGPPeer is configured: set metallb_protocol/,
    },
    { name: 'a mute speaker', given: { statuses: [] }, want: /speaker of n1, n2 says: kubectl logs/ },
    {
      name: 'a router that was told nothing',
      given: { statuses: [said('n1', { advertisedPrefixes: 0, prefixes: [] }), said('n2')] },
      want: /tor-1 was told no prefix by some nodes: .*explain -A/,
    },
  ])('$name', ({ given, want }) => {
    expect(listSessions(world(given)).advice).toEqual([expect.stringMatching(want)]);
  });
});
