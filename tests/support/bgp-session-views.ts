/** What a speaker sees of a BGP session, for tests: one that has not come about, and what the test says of it. */
import type { BgpMessageCounts, BgpSessionView } from '../../src/runtime/model/bgp-session.ts';

export const NO_MESSAGES: BgpMessageCounts = {
  opensSent: 0,
  opensReceived: 0,
  notificationsSent: 0,
  notificationsReceived: 0,
  updatesSent: 0,
  updatesReceived: 0,
  keepalivesSent: 0,
  keepalivesReceived: 0,
  routeRefreshesSent: 0,
  routeRefreshesReceived: 0,
};

export function sessionView(given: Partial<BgpSessionView> = {}): BgpSessionView {
  return {
    peer: 'tor-1',
    state: 'idle',
    sinceWallMs: Date.parse('2026-08-01T10:00:00.250Z'),
    remoteAddress: '192.0.2.1',
    advertisedRoutes: 0,
    notAdvertised: [],
    advertisedFamilies: ['ipv4', 'ipv6'],
    established: 0,
    flaps: 0,
    messages: NO_MESSAGES,
    receivedPrefixes: 0,
    ...given,
  };
}
