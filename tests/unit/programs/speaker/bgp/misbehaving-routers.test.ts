/**
 * One router misbehaves, in every way that there is: why its session is not there is said in words, it is connected to
 * again, and the session with the router beside it notices nothing.
 */
import os from 'node:os';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { HostError } from '../../../../../src/runtime/engine/host-error.ts';
import type { BgpPeer } from '../../../../../src/runtime/model/config.ts';
import { BgpSpeaker } from '../../../../../src/runtime/programs/speaker/bgp/bgp-speaker.ts';
import { encodeKeepalive } from '../../../../../src/runtime/protocols/bgp/codec/header.ts';
import { encodeOpen, type Open } from '../../../../../src/runtime/protocols/bgp/codec/open.ts';
import { attribute, hexOf, message, openBody, prefix, updateBody } from '../../../../support/bgp-bytes.ts';
import { greeting, messagesIn, ROUTER_OPEN } from '../../../../support/bgp-peer.ts';
import { type FakeStream, FakeStreams } from '../../../../support/fake-streams.ts';
import { bgpPeer, ip } from '../../../../support/views.ts';
import { fixedRandom, VirtualClock } from '../../../../support/virtual-clock.ts';

const { ECONNREFUSED, ECONNRESET, EHOSTUNREACH } = os.constants.errno;
const NODE = ip('192.0.2.10');
const ROUTE = { prefix: prefix('198.51.100.1/32'), communities: [] };
/** A minute where the router refused, and a quarter of jitter. */
const LONGEST_WAIT_MS = 75_000;

let clock: VirtualClock;
let streams: FakeStreams;
let warnings: { readonly peer: string; readonly reason: string }[];
let speaker: BgpSpeaker;
let steady: FakeStream;

beforeEach(() => {
  clock = new VirtualClock();
  streams = new FakeStreams();
  warnings = [];
  speaker = new BgpSpeaker({
    clock,
    random: fixedRandom(),
    log: { info: () => undefined, warn: (fields) => warnings.push(fields as (typeof warnings)[number]) },
    open: streams.open,
    interfaces: () => [],
    routers: { setInterfaces: () => undefined, router: () => ({ kind: 'not-found', reason: 'no-router', text: '' }) },
    bfd: { setSessions: () => undefined, view: () => undefined, close: () => undefined },
    gracefulShutdownMs: 0,
    onChange: () => undefined,
  });
  speaker.setPlan({ generation: 1, sessions: [STEADY] });
  steady = streams.last;
  says(steady, greeting());
});

const STEADY = {
  peer: bgpPeer('steady', { remote: { address: ip('192.0.2.2') } }),
  identifier: NODE,
  routes: [ROUTE],
};

function beside(peer: Partial<BgpPeer>): FakeStream {
  speaker.setPlan({
    generation: 2,
    sessions: [{ peer: bgpPeer('bad', peer), identifier: NODE, routes: [ROUTE] }, STEADY],
  });
  return streams.last;
}

function says(stream: FakeStream, bytes: readonly Uint8Array[]): void {
  stream.handlers.connected(NODE);
  for (const piece of bytes) stream.handlers.received(piece);
}

/** The router beside it goes on to live. */
async function pass(milliseconds: number): Promise<void> {
  for (let left = milliseconds; left > 0; left -= 10_000) {
    await clock.advance(Math.min(left, 10_000));
    steady.handlers.received(encodeKeepalive());
  }
}

function routerOpen(change: Partial<Open>): Uint8Array {
  return encodeOpen({ ...ROUTER_OPEN, capabilities: [], ...change });
}

const ATTRIBUTES = [attribute(0x40, 1, '00'), attribute(0x40, 2, '02 01 0000fc01'), attribute(0x40, 3, 'c0000201')];
const UPDATE = message(2, hexOf(updateBody({ attributes: ATTRIBUTES.join(' '), nlri: '18 cb0071 18 c63364' })));
const WITHDRAWN_BEYOND_THE_END = message(2, 'ffff 0000');

interface Row {
  readonly name: string;
  readonly peer?: Partial<BgpPeer>;
  readonly does: (stream: FakeStream) => void;
  /** After which it has been found out. */
  readonly afterMs?: number;
  readonly want: RegExp;
}

const rows: readonly Row[] = [
  {
    name: 'refuses connections',
    does: (stream) => stream.handlers.closed(new HostError('connect', ECONNREFUSED)),
    want: /^connect: ECONNREFUSED: nothing listens on that port there, or /,
  },
  {
    name: 'cannot be reached',
    does: (stream) => stream.handlers.closed(new HostError('connect', EHOSTUNREACH)),
    want: /^connect: EHOSTUNREACH: the router does not answer on the link, or /,
  },
  {
    name: 'has another password',
    peer: { password: 'battery-staple' },
    does: () => undefined,
    afterMs: 10_000,
    want: /^the router did not answer within 10 s; a password that is not the router's looks the same$/,
  },
  {
    name: 'closes at once',
    does: (stream) => {
      stream.handlers.connected(NODE);
      stream.handlers.closed(undefined);
    },
    want: /^the router closed the connection$/,
  },
  {
    name: 'is of another AS',
    does: (stream) => says(stream, [routerOpen({ myAs: 64999 })]),
    want: /AS 64999/,
  },
  {
    name: 'has our identifier, within the AS',
    peer: { peerAsn: 64512 },
    does: (stream) => says(stream, [routerOpen({ myAs: 64512, identifier: NODE })]),
    want: /identifier .*192\.0\.2\.10/,
  },
  {
    name: 'speaks version 3',
    does: (stream) => says(stream, [message(1, hexOf(openBody('00', { version: '03' })))]),
    want: /version 3, not 4/,
  },
  {
    name: 'speaks HTTP',
    does: (stream) => says(stream, [new TextEncoder().encode('HTTP/1.1 400 Bad Request\r\n')]),
    want: /marker/,
  },
  {
    name: 'sends a message of no known type',
    does: (stream) => says(stream, [...greeting(), message(9, '')]),
    want: /message type 9/,
  },
  {
    name: 'sends an UPDATE that is longer than itself',
    does: (stream) => says(stream, [...greeting(), WITHDRAWN_BEYOND_THE_END]),
    want: /^the router sent something wrong: /,
  },
  {
    name: 'refuses the session, in words',
    does: (stream) => says(stream, [message(3, '06 05')]),
    want: /^the router says: Cease: Connection Rejected/,
  },
  {
    name: 'sends a NOTIFICATION that is cut off',
    does: (stream) => says(stream, [...greeting(), message(3, '06')]),
    want: /a message of type 3 of 20 bytes, not 21$/,
  },
  {
    name: 'stalls in its OPEN',
    does: (stream) => says(stream, [encodeOpen(ROUTER_OPEN).subarray(0, 25)]),
    afterMs: 90_100,
    want: /^no OPEN came within 90 s$/,
  },
  {
    name: 'stalls in an UPDATE',
    does: (stream) => says(stream, [...greeting(), UPDATE.subarray(0, 30)]),
    afterMs: 90_100,
    want: /hold time/,
  },
  {
    name: 'is gone in the middle of a message',
    does: (stream) => {
      says(stream, [...greeting(), UPDATE.subarray(0, 30)]);
      stream.handlers.closed(new HostError('read', ECONNRESET));
    },
    want: /ECONNRESET/,
  },
];

describe('a router that', () => {
  test.each(rows)('$name: said, tried again, the other session untouched', async ({ peer, does, afterMs, want }) => {
    const stream = beside(peer ?? {});
    does(stream);
    await pass(afterMs ?? 0);
    const attempts = streams.all.length;
    const [bad] = speaker.views();
    expect(bad?.state).not.toBe('established');
    expect(bad?.lastError).toMatch(want);
    if (afterMs === undefined) {
      await pass(LONGEST_WAIT_MS);
      expect(streams.all.length).toBeGreaterThan(attempts);
    }
    expectUntouched();
  });

  test('sends a wrong route: said in the log, the session goes on', async () => {
    const bad = attribute(0x40, 1, '09');
    const wrong = message(
      2,
      hexOf(updateBody({ attributes: [bad, ...ATTRIBUTES.slice(1)].join(' '), nlri: '18 cb0071' })),
    );
    says(beside({}), [...greeting(), wrong]);
    expect(speaker.views()).toMatchObject([{ state: 'established', receivedPrefixes: 0 }, {}]);
    expect(warnings).toMatchObject([{ peer: 'bad', reason: expect.stringContaining('ORIGIN') }]);
    expectUntouched();
  });

  test('floods us with 20,000 routes: counted, none kept, nothing answered', async () => {
    const stream = beside({});
    says(stream, greeting());
    await clock.advance(0);
    const written = stream.written.length;
    const flood = Uint8Array.from({ length: 100 * UPDATE.length }, (_, index) => UPDATE[index % UPDATE.length] ?? 0);
    for (let piece = 0; piece < 100; piece++) stream.handlers.received(flood);
    expect(speaker.views()).toMatchObject([
      { state: 'established', receivedPrefixes: 20_000, advertisedRoutes: 1 },
      {},
    ]);
    expect(stream.written).toHaveLength(written);
    expectUntouched();
  });
});

function expectUntouched(): void {
  const view = speaker.views().at(-1);
  expect(view).toMatchObject({ peer: 'steady', state: 'established', flaps: 0, established: 1, advertisedRoutes: 1 });
  const kinds = messagesIn(steady.written).map(({ kind }) => kind);
  expect(kinds.filter((kind) => kind !== 'keepalive')).toEqual(['open', 'update', 'update']);
  expect(steady.ended).toBeUndefined();
}
