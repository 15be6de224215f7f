/**
 * How the BGP sessions of this node and their BFD fare. Names, labels and types are MetalLB's where it has them (in its FRR
 * mode, and of its own BGP what that lacks); those with the label "name" are ours. Everything is asked for at every scrape,
 * and shows nothing of a session that is gone.
 *
 * Deviation: echo packets and notifications to zebra are not shown, there are none.
 */

import type { PlannedSession } from '../../model/bgp-plan.ts';
import type { BfdView, BgpMessageCounts, BgpSessionView, BgpState } from '../../model/bgp-session.ts';
import { type Registry, readCounter, readGauge } from './metrics.ts';

/** Linux's name for what is in no VRF, as FRR has it. */
const DEFAULT_VRF = 'default';
const STATES: readonly BgpState[] = ['idle', 'connect', 'active', 'open-sent', 'open-confirm', 'established'];
/** A label is no place for a novel. */
const LONGEST_ERROR = 120;

export interface BgpMetricsRow {
  readonly planned: Pick<PlannedSession, 'peer' | 'routes'>;
  readonly view: BgpSessionView;
}

export interface BgpMetricsSources {
  readonly sessions: () => readonly BgpMetricsRow[];
  /** Whether routers can connect to this node; undefined: they are not to. */
  readonly door: () => { readonly port: number; readonly error?: string } | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly wallMs: () => number;
}

type Read = (row: BgpMetricsRow) => number;

/** Of a session, by MetalLB's labels. */
const GAUGES: readonly (readonly [name: string, help: string, read: Read])[] = [
  ['session_up', '1 while the session with the router is established, else 0.', ({ view }) => (isUp(view) ? 1 : 0)],
  ['announced_prefixes_total', 'Prefixes that the router was told of.', ({ view }) => view.advertisedRoutes],
  ['pending_prefixes_total', 'Prefixes that the router is to be told of.', ({ planned }) => planned.routes.length],
  [
    'received_prefixes_total',
    'How often the router told of a prefix since the session came about. None is used or kept, so none is taken off.',
    ({ view }) => view.receivedPrefixes,
  ],
];
const COUNTERS: readonly (readonly [name: string, help: string, read: Read])[] = [
  ['opens_sent', 'OPEN messages sent.', ofMessages((counts) => counts.opensSent)],
  ['opens_received', 'OPEN messages received.', ofMessages((counts) => counts.opensReceived)],
  ['notifications_sent', 'NOTIFICATION messages sent.', ofMessages((counts) => counts.notificationsSent)],
  ['notifications_received', 'NOTIFICATION messages received.', ofMessages((counts) => counts.notificationsReceived)],
  ['updates_total', 'UPDATE messages sent.', ofMessages((counts) => counts.updatesSent)],
  ['updates_total_received', 'UPDATE messages received.', ofMessages((counts) => counts.updatesReceived)],
  ['keepalives_sent', 'KEEPALIVE messages sent.', ofMessages((counts) => counts.keepalivesSent)],
  ['keepalives_received', 'KEEPALIVE messages received.', ofMessages((counts) => counts.keepalivesReceived)],
  ['route_refresh_sent', 'ROUTE-REFRESH messages sent.', ofMessages((counts) => counts.routeRefreshesSent)],
  ['route_refresh_received', 'ROUTE-REFRESH messages received.', ofMessages((counts) => counts.routeRefreshesReceived)],
  ['total_sent', 'Messages sent.', ofMessages((counts) => sumOf(counts, 'Sent'))],
  ['total_received', 'Messages received.', ofMessages((counts) => sumOf(counts, 'Received'))],
];

export function bgpMetrics(registry: Registry, sources: BgpMetricsSources): void {
  showSessions(registry, sources);
  showOwn(registry, sources);
  showBfd(registry, sources);
  showDoor(registry, sources);
}

function showDoor(registry: Registry, { door }: BgpMetricsSources): void {
  readGauge(
    registry,
    {
      name: 'metallb_bgp_listening',
      help: '1 while routers can connect to this node, 0 while they should and cannot. Absent where they are not to.',
      labelNames: ['port'],
    },
    () => {
      const view = door();
      return view === undefined ? [] : [{ labels: portOf(view), value: view.error === undefined ? 1 : 0 }];
    },
  );
  readGauge(
    registry,
    {
      name: 'metallb_bgp_listen_error',
      help: 'Always 1; the label says why routers cannot connect to this node. Absent while they can.',
      labelNames: ['port', 'error'],
    },
    () => {
      const view = door();
      if (view?.error === undefined) return [];
      return [{ labels: { ...portOf(view), error: view.error.slice(0, LONGEST_ERROR) }, value: 1 }];
    },
  );
}

function portOf({ port }: { readonly port: number }): { readonly port: string } {
  return { port: String(port) };
}

function showSessions(registry: Registry, { sessions }: BgpMetricsSources): void {
  const labelNames = ['peer', 'vrf'];
  for (const [kind, show] of [
    [GAUGES, readGauge],
    [COUNTERS, readCounter],
  ] as const) {
    for (const [name, help, read] of kind) {
      show(registry, { name: `metallb_bgp_${name}`, help, labelNames }, () =>
        sessions().map((row) => ({ labels: labelsOf(row), value: read(row) })),
      );
    }
  }
}

function showOwn(registry: Registry, { sessions, wallMs }: BgpMetricsSources): void {
  const labelNames = ['peer', 'vrf', 'name'];
  const ownLabels = (row: BgpMetricsRow) => ({ ...labelsOf(row), name: row.view.peer });
  const each = (read: (view: BgpSessionView) => number) => () =>
    sessions().map((row) => ({ labels: ownLabels(row), value: read(row.view) }));
  readGauge(
    registry,
    {
      name: 'metallb_bgp_session_state',
      help: '1 for the state that the session with the BGPPeer of that name is in, 0 for the others.',
      labelNames: [...labelNames, 'state'],
    },
    () =>
      sessions().flatMap((row) =>
        STATES.map((state) => ({ labels: { ...ownLabels(row), state }, value: row.view.state === state ? 1 : 0 })),
      ),
  );
  readGauge(
    registry,
    {
      name: 'metallb_bgp_session_uptime_seconds',
      help: 'How long the session has been established; 0 while it is not.',
      labelNames,
    },
    each((view) => (isUp(view) ? Math.max(0, wallMs() - view.sinceWallMs) / 1000 : 0)),
  );
  readGauge(
    registry,
    {
      name: 'metallb_bgp_session_last_error',
      help: 'Always 1; the label says why the last connection ended, or was not made. Absent where none has.',
      labelNames: [...labelNames, 'error'],
    },
    () =>
      sessions().flatMap((row) => {
        const { lastError } = row.view;
        if (lastError === undefined) return [];
        return [{ labels: { ...ownLabels(row), error: lastError.slice(0, LONGEST_ERROR) }, value: 1 }];
      }),
  );
  readCounter(
    registry,
    { name: 'metallb_bgp_session_established_total', help: 'How often the session came about.', labelNames },
    each(({ established }) => established),
  );
  readCounter(
    registry,
    { name: 'metallb_bgp_session_flaps_total', help: 'How often the session ceased to be established.', labelNames },
    each(({ flaps }) => flaps),
  );
}

interface BfdMetric {
  readonly show: typeof readGauge;
  readonly name: string;
  readonly help: string;
  /** Undefined: there is nothing to show. */
  readonly read: (bfd: BfdView) => number | undefined;
}

const BFD_METRICS: readonly BfdMetric[] = [
  {
    show: readGauge,
    name: 'session_up',
    help: '1 while BFD with the router is up, else 0.',
    read: ({ state }) => (state === 'up' ? 1 : 0),
  },
  {
    show: readCounter,
    name: 'control_packet_input',
    help: 'BFD control packets received.',
    read: ({ packetsReceived }) => packetsReceived,
  },
  {
    show: readCounter,
    name: 'control_packet_output',
    help: 'BFD control packets sent.',
    read: ({ packetsSent }) => packetsSent,
  },
  {
    show: readCounter,
    name: 'echo_packet_input',
    help: 'BFD echo packets of this side that have come back.',
    read: ({ echoesReceived }) => echoesReceived,
  },
  {
    show: readCounter,
    name: 'echo_packet_output',
    help: 'BFD echo packets sent.',
    read: ({ echoesSent }) => echoesSent,
  },
  { show: readCounter, name: 'session_up_events', help: 'How often BFD came up.', read: ({ ups }) => ups },
  { show: readCounter, name: 'session_down_events', help: 'How often BFD went down.', read: ({ downs }) => downs },
  {
    show: readGauge,
    name: 'detection_time_seconds',
    help: 'How long the router may be silent before it is taken for dead. Absent while none is agreed on.',
    read: ({ detectionTimeMs }) => inSeconds(detectionTimeMs),
  },
  {
    show: readGauge,
    name: 'transmit_interval_seconds',
    help: 'How often this side sends control packets. Absent while none is agreed on.',
    read: ({ transmitIntervalMs }) => inSeconds(transmitIntervalMs),
  },
];

function showBfd(registry: Registry, { sessions }: BgpMetricsSources): void {
  const labelNames = ['peer', 'vrf'];
  for (const { show, name, help, read } of BFD_METRICS) {
    show(registry, { name: `metallb_bfd_${name}`, help, labelNames }, () =>
      sessions().flatMap((row) => {
        const value = row.view.bfd === undefined ? undefined : read(row.view.bfd);
        return value === undefined ? [] : [{ labels: bfdLabelsOf(row), value }];
      }),
    );
  }
}

/** "192.0.2.1:179", "fd00::1:179"; a router that was not found behind its interface is named by that. */
function labelsOf(row: BgpMetricsRow): { readonly peer: string; readonly vrf: string } {
  const { peer, vrf } = bfdLabelsOf(row);
  return { peer: `${peer}:${row.planned.peer.port}`, vrf };
}

/** BFD knows no port. */
function bfdLabelsOf({ planned, view }: BgpMetricsRow): { readonly peer: string; readonly vrf: string } {
  const { remote, vrf } = planned.peer;
  const place = 'interface' in remote ? remote.interface : remote.address;
  return { peer: view.remoteAddress === '' ? place : view.remoteAddress, vrf: vrf ?? DEFAULT_VRF };
}

function isUp({ state }: BgpSessionView): boolean {
  return state === 'established';
}

function inSeconds(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined ? undefined : milliseconds / 1000;
}

function ofMessages(read: (counts: BgpMessageCounts) => number): Read {
  return ({ view }) => read(view.messages);
}

function sumOf(counts: BgpMessageCounts, direction: 'Sent' | 'Received'): number {
  return Object.entries(counts).reduce((sum, [name, count]) => (name.endsWith(direction) ? sum + count : sum), 0);
}
