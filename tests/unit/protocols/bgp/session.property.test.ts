/** Whatever happens in whatever order: nothing throws, and what the session does is in order. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { AdvertisedRoute } from '../../../../src/runtime/model/bgp-plan.ts';
import type { Capability } from '../../../../src/runtime/protocols/bgp/codec/capabilities.ts';
import { encodeEndOfRib } from '../../../../src/runtime/protocols/bgp/codec/encode-update.ts';
import { IPV4_UNICAST } from '../../../../src/runtime/protocols/bgp/codec/family.ts';
import { encodeKeepalive } from '../../../../src/runtime/protocols/bgp/codec/header.ts';
import { ceaseNotification, encodeNotification } from '../../../../src/runtime/protocols/bgp/codec/notification.ts';
import { encodeOpen } from '../../../../src/runtime/protocols/bgp/codec/open.ts';
import { encodeRouteRefresh } from '../../../../src/runtime/protocols/bgp/codec/route-refresh.ts';
import { reachability } from '../../../../src/runtime/protocols/bgp/codec/update.ts';
import type { BgpInput, BgpOutput } from '../../../../src/runtime/protocols/bgp/interface.ts';
import { hexOf } from '../../../support/bgp-bytes.ts';
import { BgpScript, NEXT_HOPS, OWN_ADDRESS, openWith, restarts, route } from '../../../support/bgp-script.ts';
import { readBgpVectors } from '../../../support/bgp-vectors.ts';
import { DAMAGES, damaged } from '../../../support/damage.ts';
import { seededDice } from '../../../support/dice.ts';

const REFRESHES: readonly Capability[] = [{ kind: 'route-refresh' }, { kind: 'enhanced-route-refresh' }];
const SAID = {
  open: encodeOpen(openWith(...REFRESHES, restarts(true))),
  'plain open': encodeOpen(openWith()),
  keepalive: encodeKeepalive(),
  update: encodeEndOfRib(IPV4_UNICAST),
  refresh: encodeRouteRefresh(IPV4_UNICAST, 'request'),
  notification: encodeNotification(ceaseNotification(4)),
  half: encodeKeepalive().subarray(0, 11),
};

/** One thing that happens; `of`: which connection, of those there were, counted from the last one. */
type Step =
  | { readonly does: 'pass'; readonly milliseconds: number }
  | { readonly does: 'late'; readonly milliseconds: number }
  | { readonly does: 'accepted' }
  | { readonly does: 'connected' | 'closed' | 'blocked' | 'drained'; readonly of: number }
  | { readonly does: 'says'; readonly of: number; readonly what: keyof typeof SAID }
  | { readonly does: 'establish' }
  | { readonly does: 'routes'; readonly mask: number; readonly metric: number }
  | { readonly does: 'start' | 'bfd-down' }
  | { readonly does: 'stop'; readonly routes: 'keep' | 'withdraw' }
  | { readonly does: 'graceful-shutdown'; readonly mode: 'on' | 'off' };

const of = fc.integer({ min: 0, max: 2 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ does: fc.constant('pass' as const), milliseconds: fc.nat(20_000) }) },
  fc.record({ does: fc.constant('late' as const), milliseconds: fc.nat(200_000) }),
  { weight: 2, arbitrary: fc.constant({ does: 'accepted' as const }) },
  { weight: 4, arbitrary: fc.record({ does: fc.constantFrom('connected' as const), of }) },
  fc.record({ does: fc.constantFrom('closed' as const, 'blocked' as const, 'drained' as const), of }),
  {
    weight: 6,
    arbitrary: fc.record({
      does: fc.constant('says' as const),
      of,
      what: fc.constantFrom(...(Object.keys(SAID) as (keyof typeof SAID)[])),
    }),
  },
  { weight: 5, arbitrary: fc.constant({ does: 'establish' as const }) },
  {
    weight: 5,
    arbitrary: fc.record({ does: fc.constant('routes' as const), mask: fc.nat(255), metric: fc.nat(1) }),
  },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('start' as const) }) },
  fc.record({ does: fc.constant('bfd-down' as const) }),
  fc.record({ does: fc.constant('stop' as const), routes: fc.constantFrom('keep' as const, 'withdraw' as const) }),
  fc.record({ does: fc.constant('graceful-shutdown' as const), mode: fc.constantFrom('on' as const, 'off' as const) }),
);

/** As `expect`, for what is asked very often. */
function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`not so: ${what}`);
}

/** What the router knows by what was written, and what holds of every output. */
class Run {
  readonly script: BgpScript;
  /** All outputs, as text. */
  readonly log: string[] = [];
  /** Connections that were there, closed or not. */
  readonly known: number[] = [];
  readonly #closed = new Set<number>();
  readonly #blocked = new Set<number>();
  #told = new Map<number, Map<string, number>>();
  #state = 'idle';
  #wanted: readonly AdvertisedRoute[] = [];
  #generation = 0;

  constructor(seed: number) {
    this.script = new BgpScript({ seed, holdTimeSeconds: 30, restartTimeSeconds: 120 });
    this.#tell({ kind: 'start' });
  }

  do(step: Step): void {
    const connection = 'of' in step ? (this.known.at(-1 - step.of) ?? 0) : 0;
    switch (step.does) {
      case 'pass':
        this.#pass(step.milliseconds);
        return;
      case 'late':
        this.script.now += step.milliseconds;
        this.#tell({ kind: 'timer' });
        return;
      case 'accepted': {
        const id = this.script.session.nextConnection();
        this.known.push(id);
        this.#tell({ kind: 'accepted', connection: id, local: OWN_ADDRESS, nextHops: NEXT_HOPS });
        return;
      }
      case 'connected':
        this.#tell({ kind: 'connected', connection, local: OWN_ADDRESS, nextHops: NEXT_HOPS });
        return;
      case 'blocked':
        this.#tell({ kind: step.does, connection });
        if (this.known.includes(connection) && !this.#closed.has(connection)) this.#blocked.add(connection);
        return;
      case 'drained':
        this.#blocked.delete(connection);
        this.#tell({ kind: step.does, connection });
        return;
      case 'closed':
        this.#closed.add(connection);
        this.#blocked.delete(connection);
        this.#tell({ kind: 'closed', connection });
        return;
      case 'says':
        this.#tell({ kind: 'received', connection, bytes: SAID[step.what] });
        return;
      case 'establish':
        this.#establish();
        return;
      case 'routes':
        this.#generation += 1;
        this.#wanted = Array.from({ length: 8 }, (_, bit) => bit)
          .filter((bit) => (step.mask & (1 << bit)) !== 0)
          .map((bit) => route(`10.0.0.${bit}/32`, { multiExitDisc: step.metric }));
        this.#tell({ kind: 'routes', generation: this.#generation, routes: this.#wanted });
        return;
      case 'bfd-down':
        this.#tell({ kind: 'bfd-down', reason: 'BFD: nothing heard' });
        return;
      case 'stop':
        this.#tell({ kind: 'stop', routes: step.routes, subcode: 2 });
        return;
      case 'graceful-shutdown':
        this.#tell({ kind: 'graceful-shutdown', mode: step.mode });
        return;
      case 'start':
        this.#tell({ kind: step.does });
        return;
    }
  }

  /** The router that is established and takes everything knows what it ought to. */
  checkRoutes(): void {
    const { state } = this.script;
    if (state !== 'established') return;
    const current = [...this.#told.keys()].filter((id) => !this.#closed.has(id)).at(-1) ?? 0;
    if (this.#blocked.size > 0 || this.#generation === 0) return;
    const told = [...(this.#told.get(current) ?? [])].toSorted();
    expect(told).toEqual(this.#wanted.map(({ prefix, multiExitDisc }) => [prefix, multiExitDisc]).toSorted());
    expect(this.script.session.snapshot()).toMatchObject({
      advertisedRoutes: this.#wanted.length,
      pendingRoutes: 0,
      advertisedGeneration: this.#generation,
    });
  }

  /** On the connection that is dialled next, where there is none. */
  #establish(): void {
    const { nextAttemptAt = this.script.now } = this.script.session.snapshot();
    this.#pass(Math.max(0, nextAttemptAt - this.script.now));
    const connection = this.known.at(-1) ?? 0;
    this.#tell({ kind: 'connected', connection, local: OWN_ADDRESS, nextHops: NEXT_HOPS });
    for (const bytes of [SAID.open, SAID.keepalive]) this.#tell({ kind: 'received', connection, bytes });
  }

  #pass(milliseconds: number): void {
    const until = this.script.now + milliseconds;
    for (let rounds = 0; ; rounds++) {
      must(rounds < 10_000, 'its timer rests');
      const due = this.script.session.deadline() ?? Infinity;
      if (due > until) break;
      this.script.now = Math.max(this.script.now, due);
      this.#tell({ kind: 'timer' });
    }
    this.script.now = until;
  }

  #tell(input: BgpInput): void {
    for (const output of this.script.tell(input)) {
      this.log.push(`${this.script.now} ${JSON.stringify(output)}`);
      this.#check(output);
    }
    must(this.script.state === this.#state, 'every change of state is told');
    JSON.stringify(this.script.session.snapshot());
  }

  #check(output: BgpOutput): void {
    switch (output.kind) {
      case 'dial':
        this.known.push(output.connection);
        return;
      case 'write': {
        must(!this.#closed.has(output.connection), 'nothing is said on what is closed');
        const messages = this.script.messages(output.bytes);
        const isQuiet = messages.every(
          ({ kind }) => kind === 'keepalive' || kind === 'notification' || kind === 'open',
        );
        must(isQuiet || !this.#blocked.has(output.connection), 'no routes while the kernel takes none');
        for (const message of messages) if (message.kind === 'update') this.#learn(output.connection, message.received);
        return;
      }
      case 'close':
        must(!this.#closed.has(output.connection), 'nothing is closed twice');
        this.#closed.add(output.connection);
        this.#blocked.delete(output.connection);
        return;
      case 'changed':
        must(output.from === this.#state && output.to !== output.from, 'states follow each other');
        this.#state = output.to;
        return;
      case 'failed':
      case 'advertised':
      case 'faulty-update':
        return;
    }
  }

  #learn(connection: number, received: Parameters<typeof reachability>[0]): void {
    const known = this.#told.get(connection) ?? new Map<string, number>();
    this.#told.set(connection, known);
    const { announced, withdrawn } = reachability(received);
    for (const { prefixes } of withdrawn) {
      for (const text of prefixes) must(known.delete(text), 'nothing is withdrawn that was not told');
    }
    for (const { prefixes } of announced) {
      for (const text of prefixes) known.set(text, received.update.attributes.multiExitDisc ?? -1);
    }
  }
}

test('nothing throws, states follow each other, nothing is said on what is closed, and the router knows what it ought to', () => {
  let established = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 80, size: 'max' }), fc.nat(), (steps, seed) => {
      const run = new Run(seed);
      for (const one of steps) {
        run.do(one);
        if (run.script.session.deadline() === run.script.now) run.do({ does: 'pass', milliseconds: 0 });
        run.checkRoutes();
      }
      established += run.script.session.snapshot().established;
      const again = new Run(seed);
      for (const one of steps) {
        again.do(one);
        if (again.script.session.deadline() === again.script.now) again.do({ does: 'pass', milliseconds: 0 });
      }
      expect(again.log).toEqual(run.log);
    }),
    { numRuns: 150 },
  );
  // Else the routes were never looked at.
  expect(established).toBeGreaterThan(300);
});

test('whatever was there, after a stop there is nothing, and after a start there is a session', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: 'max' }), fc.nat(), (steps, seed) => {
      const run = new Run(seed);
      for (const one of steps) run.do(one);
      run.do({ does: 'stop', routes: 'withdraw' });
      expect(run.script.session.deadline()).toBeUndefined();
      expect(run.script.session.snapshot()).toMatchObject({ state: 'idle', isStarted: false, advertisedRoutes: 0 });
      run.do({ does: 'start' });
      run.do({ does: 'establish' });
      expect(run.script.state).toBe('established');
    }),
    { numRuns: 200 },
  );
});

const STATES = ['open-sent', 'open-confirm', 'established'] as const;
test.each(STATES)('1,500 random and mutated messages in state %s: refused, or read; none throws', (state) => {
  const seeds = [...readBgpVectors().map(({ bytes }) => bytes), ...Object.values(SAID)];
  const roll = seededDice(STATES.indexOf(state) + 1);
  const counts = { ended: 0, read: 0 };
  for (let times = 0; times < 1500; times++) {
    const script = new BgpScript();
    script.reach(state, openWith(...REFRESHES));
    const seed = seeds[roll(seeds.length)] ?? new Uint8Array();
    const bytes =
      roll(4) === 0 ? seed : damaged(Uint8Array.from(seed), { at: roll(seed.length + 1), way: roll(DAMAGES) }, roll);
    let lines: readonly string[];
    try {
      lines = script.says(1, bytes);
      script.pass(200_000);
    } catch (cause) {
      throw new Error(hexOf(bytes), { cause });
    }
    const ends = lines.filter((line) => line.startsWith('close 1'));
    if (ends.length === 0) {
      counts.read += 1;
      continue;
    }
    counts.ended += 1;
    // The last word is a NOTIFICATION, of one side or the other.
    const isSaid = lines.some((line) => line.startsWith('write 1: notification'));
    expect([hexOf(bytes), isSaid || lines.some((line) => line.startsWith('failed notification-received'))]).toEqual([
      hexOf(bytes),
      true,
    ]);
  }
  expect(counts.ended).toBeGreaterThan(300);
  expect(counts.read).toBeGreaterThan(50);
});
