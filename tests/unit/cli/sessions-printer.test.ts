import { expect, test } from '@jest/globals';
import { formatSessions } from '../../../src/cli/sessions-printer.ts';
import type { SessionList, SessionRow } from '../../../src/runtime/decide/explain/session-list.ts';
import type { BgpSessionStatus } from '../../../src/runtime/model/bgp-session-status.ts';

function row(
  node: string,
  peer: string,
  status: Partial<BgpSessionStatus>,
  given: Partial<SessionRow> = {},
): SessionRow {
  const { state = 'established', address = '192.0.2.1' } = status;
  const whole: BgpSessionStatus = {
    node,
    peer,
    state,
    since: '2026-08-01T10:00:00Z',
    address,
    asn: 64513,
    advertisedPrefixes: 0,
    prefixes: [],
    notAdvertised: [],
    receivedPrefixes: 0,
    flaps: 0,
    ...status,
  };
  return { node, peer, address, state, ageSeconds: 45, message: status.lastError ?? '', status: whole, ...given };
}

const LIST: SessionList = {
  sessions: [
    row('node1', 'tor-1', { bfd: 'up', advertisedPrefixes: 2, prefixes: ['10.0.0.1/32', '10.0.0.2/32'] }),
    row('node1', 'tor-2', {
      advertisedPrefixes: 501,
      prefixes: ['10.0.0.1/32'],
      flaps: 3,
      lastError: 'hold timer expired',
    }),
    row('node2', 'tor-1', { advertisedPrefixes: 2, prefixes: ['10.0.0.1/32', '10.0.0.2/32'] }, { ageSeconds: 11_520 }),
    {
      ...row('node2', 'tor-2', { state: 'active', bfd: 'down', lastError: 'connect ECONNREFUSED' }),
      problem: 'not-established',
    },
    { node: 'node3', peer: 'tor-1', address: '', state: 'unknown', problem: 'nothing-said', message: 'not a word' },
  ],
  allUp: false,
  nodesWithoutSpeaker: ['node4'],
  faults: ['BGPPeer metallb-system/tor-3 spec.myASN: must be from 1 to 4294967295'],
  advice: ['look again'],
};

test('sessions as a table, with what is to be done', () => {
  expect(formatSessions(LIST, { prefixes: 'counted' })).toBe(
    `NODE   PEER   ADDRESS    ASN    STATE        SINCE  BFD   PREFIXES  FLAPS  LAST ERROR
node1  tor-1  192.0.2.1  64513  established  45s    up    2         0
node1  tor-2  192.0.2.1  64513  established  45s    -     501       3      hold timer expired
node2  tor-1  192.0.2.1  64513  established  3h12m  -     2         0
node2  tor-2  192.0.2.1  64513  active       45s    down  0         0      connect ECONNREFUSED
node3  tor-1  -          -      unknown      -      -     -         -      not a word

nodes that a BGPPeer chooses, without a speaker:
  node4

faults of the configuration:
  BGPPeer metallb-system/tor-3 spec.myASN: must be from 1 to 4294967295

what to do:
  1. look again
`,
  );
});

test('the prefixes of routers that were told the same are listed once', () => {
  const text = formatSessions({ ...LIST, advice: [], faults: [], nodesWithoutSpeaker: [] }, { prefixes: 'listed' });
  expect(text.split('\n\n').slice(1)).toEqual([
    'prefixes, node1 → tor-1, node2 → tor-1:\n  10.0.0.1/32\n  10.0.0.2/32',
    'prefixes, node1 → tor-2:\n  10.0.0.1/32\n  and 500 more\n',
  ]);
});

test('what a router does not take is said', () => {
  const sessions = [row('node1', 'tor-1', { notAdvertised: ['ipv6 unicast: the router does not speak it'] })];
  expect(formatSessions({ ...LIST, sessions }, { prefixes: 'counted' })).toContain(
    'not advertised:\n  node1 → tor-1: ipv6 unicast: the router does not speak it\n',
  );
});

test.each([
  { seconds: 119, want: '119s' },
  { seconds: 120, want: '2m' },
  { seconds: 7_199, want: '119m' },
  { seconds: 7_200, want: '2h' },
  { seconds: 172_799, want: '47h59m' },
  { seconds: 172_800, want: '2d' },
])('$seconds seconds are $want', ({ seconds, want }) => {
  const sessions = [row('node1', 'tor-1', {}, { ageSeconds: seconds })];
  expect(formatSessions({ ...LIST, sessions }, { prefixes: 'counted' })).toMatch(new RegExp(` ${want} +-`));
});

test('no session at all', () => {
  const list = { ...LIST, sessions: [], faults: [], nodesWithoutSpeaker: [] };
  expect(formatSessions(list, { prefixes: 'listed' })).toBe(
    'There is no BGP session, and there ought to be none.\n\nwhat to do:\n  1. look again\n',
  );
});
