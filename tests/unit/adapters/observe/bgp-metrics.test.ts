import { describe, expect, test } from '@jest/globals';
import { type BgpMetricsRow, bgpMetrics } from '../../../../src/runtime/adapters/observe/bgp-metrics.ts';
import { newRegistry } from '../../../../src/runtime/adapters/observe/metrics.ts';
import type { BgpSessionView } from '../../../../src/runtime/model/bgp-session.ts';
import type { BgpPeer } from '../../../../src/runtime/model/config.ts';
import { ipPrefix } from '../../../../src/runtime/model/ip-prefix.ts';
import { NO_MESSAGES, sessionView } from '../../../support/bgp-session-views.ts';
import { bgpPeer, ip } from '../../../support/views.ts';

const NOW = Date.parse('2026-08-01T10:01:30.250Z');
const PEER = bgpPeer('tor-1', { password: 'open sesame' });
const ROUTES = ['10.0.0.1', '10.0.0.2'].map((address) => ({ prefix: ipPrefix(ip(address), 32), communities: [] }));

function row(view: Partial<BgpSessionView> = {}, peer: Partial<BgpPeer> = {}): BgpMetricsRow {
  return { planned: { peer: { ...PEER, ...peer }, routes: ROUTES }, view: sessionView(view) };
}

async function scrape(...rows: readonly BgpMetricsRow[]): Promise<string> {
  const registry = newRegistry();
  bgpMetrics(registry, { sessions: () => rows, door: () => undefined, wallMs: () => NOW });
  return registry.metrics();
}

const UP = row({
  state: 'established',
  advertisedRoutes: 2,
  receivedPrefixes: 9,
  established: 3,
  flaps: 2,
  messages: {
    opensSent: 1,
    opensReceived: 2,
    notificationsSent: 3,
    notificationsReceived: 4,
    updatesSent: 5,
    updatesReceived: 6,
    keepalivesSent: 7,
    keepalivesReceived: 8,
    routeRefreshesSent: 9,
    routeRefreshesReceived: 10,
  },
});

describe('MetalLB’s names and labels', () => {
  test.each([
    'metallb_bgp_session_up{peer="192.0.2.1:179",vrf="default"} 1',
    'metallb_bgp_announced_prefixes_total{peer="192.0.2.1:179",vrf="default"} 2',
    'metallb_bgp_pending_prefixes_total{peer="192.0.2.1:179",vrf="default"} 2',
    'metallb_bgp_received_prefixes_total{peer="192.0.2.1:179",vrf="default"} 9',
    'metallb_bgp_opens_sent{peer="192.0.2.1:179",vrf="default"} 1',
    'metallb_bgp_opens_received{peer="192.0.2.1:179",vrf="default"} 2',
    'metallb_bgp_notifications_sent{peer="192.0.2.1:179",vrf="default"} 3',
    'metallb_bgp_updates_total{peer="192.0.2.1:179",vrf="default"} 5',
    'metallb_bgp_updates_total_received{peer="192.0.2.1:179",vrf="default"} 6',
    'metallb_bgp_keepalives_sent{peer="192.0.2.1:179",vrf="default"} 7',
    'metallb_bgp_keepalives_received{peer="192.0.2.1:179",vrf="default"} 8',
    'metallb_bgp_route_refresh_sent{peer="192.0.2.1:179",vrf="default"} 9',
    'metallb_bgp_total_sent{peer="192.0.2.1:179",vrf="default"} 25',
    'metallb_bgp_total_received{peer="192.0.2.1:179",vrf="default"} 30',
  ])('%s', async (line) => {
    expect((await scrape(UP)).split('\n')).toContain(line);
  });

  test('counters are counters, and the rest gauges', async () => {
    const text = await scrape(UP);
    expect(text).toContain('# TYPE metallb_bgp_updates_total counter');
    expect(text).toContain('# TYPE metallb_bgp_announced_prefixes_total gauge');
  });

  test.each<{ name: string; given: BgpMetricsRow; want: string }>([
    {
      name: 'IPv6 as FRR mode writes it, in its VRF and by its port',
      given: row({ remoteAddress: 'fd00::1' }, { port: 1179, vrf: 'red' }),
      want: 'metallb_bgp_session_up{peer="fd00::1:1179",vrf="red"} 0',
    },
    {
      name: 'a router that is not found yet by its interface',
      given: row({ remoteAddress: '' }, { remote: { interface: 'eth1' } }),
      want: 'metallb_bgp_session_up{peer="eth1:179",vrf="default"} 0',
    },
  ])('$name', async ({ given, want }) => {
    expect(await scrape(given)).toContain(want);
  });

  test('of BFD, where there is one', async () => {
    const bfd = {
      state: 'up',
      diagnostic: '',
      packetsSent: 11,
      packetsReceived: 12,
      echoesSent: 8,
      echoesReceived: 7,
      ups: 2,
      downs: 1,
    } as const;
    const text = await scrape(row({ bfd: { ...bfd, transmitIntervalMs: 50, detectionTimeMs: 150 } }));
    const lines = text.split('\n').filter((line) => line.startsWith('metallb_bfd_'));
    expect(lines).toEqual([
      'metallb_bfd_session_up{peer="192.0.2.1",vrf="default"} 1',
      'metallb_bfd_control_packet_input{peer="192.0.2.1",vrf="default"} 12',
      'metallb_bfd_control_packet_output{peer="192.0.2.1",vrf="default"} 11',
      'metallb_bfd_echo_packet_input{peer="192.0.2.1",vrf="default"} 7',
      'metallb_bfd_echo_packet_output{peer="192.0.2.1",vrf="default"} 8',
      'metallb_bfd_session_up_events{peer="192.0.2.1",vrf="default"} 2',
      'metallb_bfd_session_down_events{peer="192.0.2.1",vrf="default"} 1',
      'metallb_bfd_detection_time_seconds{peer="192.0.2.1",vrf="default"} 0.15',
      'metallb_bfd_transmit_interval_seconds{peer="192.0.2.1",vrf="default"} 0.05',
    ]);
    expect(await scrape(UP)).not.toMatch(/^metallb_bfd_/m);
  });
});

describe('what MetalLB does not show', () => {
  const own = 'peer="192.0.2.1:179",vrf="default",name="tor-1"';

  test('the state, since when, and how often it came and went', async () => {
    const text = await scrape(UP);
    expect(text).toContain(`metallb_bgp_session_state{${own},state="established"} 1`);
    expect(text).toContain(`metallb_bgp_session_state{${own},state="active"} 0`);
    expect(text).toContain(`metallb_bgp_session_uptime_seconds{${own}} 90`);
    expect(text).toContain(`metallb_bgp_session_established_total{${own}} 3`);
    expect(text).toContain(`metallb_bgp_session_flaps_total{${own}} 2`);
    expect(text).not.toContain('metallb_bgp_session_last_error{');
  });

  test('a session that is not up has no uptime, and says why', async () => {
    const text = await scrape(row({ state: 'active', lastError: `hold timer "expired"${'.'.repeat(200)}` }));
    expect(text).toContain(`metallb_bgp_session_uptime_seconds{${own}} 0`);
    expect(text).toMatch(/metallb_bgp_session_last_error\{.*error="hold timer \\"expired\\"\.{100}"\} 1/);
  });
});

test.each([
  { name: 'they are not to', door: undefined, want: [] },
  { name: 'they can', door: { port: 179 }, want: ['metallb_bgp_listening{port="179"} 1'] },
  {
    name: 'they cannot',
    door: { port: 179, error: 'EADDRINUSE' },
    want: ['metallb_bgp_listening{port="179"} 0', 'metallb_bgp_listen_error{port="179",error="EADDRINUSE"} 1'],
  },
])('whether routers can connect to this node: $name', async ({ door, want }) => {
  const registry = newRegistry();
  bgpMetrics(registry, { sessions: () => [], door: () => door, wallMs: () => NOW });
  const lines = (await registry.metrics()).split('\n').filter((line) => line.startsWith('metallb_bgp_listen'));
  expect(lines).toEqual(want);
});

test('what is gone is not shown, and a password never', async () => {
  const rows = [UP];
  const registry = newRegistry();
  bgpMetrics(registry, { sessions: () => rows, door: () => undefined, wallMs: () => NOW });
  expect(await registry.metrics()).not.toContain('sesame');
  rows.length = 0;
  expect(await registry.metrics()).not.toContain('192.0.2.1');
});

test('every message that is counted is in the sums', async () => {
  const messages = Object.fromEntries(
    Object.keys(NO_MESSAGES).map((name) => [name, 1]),
  ) as unknown as typeof NO_MESSAGES;
  const text = await scrape(row({ messages }));
  expect(text).toMatch(/metallb_bgp_total_sent\{.*\} 5/);
  expect(text).toMatch(/metallb_bgp_total_received\{.*\} 5/);
});
