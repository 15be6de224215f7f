import { describe, expect, test } from '@jest/globals';
import { after, type Instant, instant } from '../../../../src/runtime/model/time.ts';
import type { MacBits } from '../../../../src/runtime/protocols/ethernet/codec.ts';
import {
  ALL_NODES,
  ALL_ROUTERS,
  ethernetGroup,
  type Ipv6Key,
  UNSPECIFIED,
} from '../../../../src/runtime/protocols/ip/ipv6.ts';
import { readNdpFrameOf } from '../../../../src/runtime/protocols/ndp/frame.ts';
import {
  decodeRouterMessage,
  encodeRouterFrame,
  type RouterMessage,
} from '../../../../src/runtime/protocols/ndp/router-codec.ts';
import {
  ROUTER_DROP_REASONS,
  RouterFinder,
  type RouterFinderInput,
  type RouterFinderOutput,
  type RouterLink,
} from '../../../../src/runtime/protocols/ndp/router-finder.ts';
import { mac } from '../../../support/arp-vectors.ts';
import { ipv6 } from '../../../support/ndp-vectors.ts';

const NODE: RouterLink = { mac: mac('02:00:00:00:00:0b'), address: ipv6('fe80::b') };
const LEAF = { mac: mac('02:00:00:00:00:01'), address: ipv6('fe80::1') };
const SPINE = { mac: mac('02:00:00:00:00:02'), address: ipv6('fe80::2') };
const SEED = 7;

/** A finder on a link of which a test says what there is, and what it has sent. */
class Trial {
  readonly finder = new RouterFinder(SEED);
  now: Instant = instant(0);
  readonly sent: { readonly atMs: number; readonly kind: RouterMessage['kind'] }[] = [];
  readonly dropped: string[] = [];
  changes = 0;

  do(input: RouterFinderInput): void {
    for (const output of this.finder.handle(input, this.now)) this.#note(output);
  }

  /** Lets so much time pass. `answer`: what comes back at once to each solicitation. */
  pass(milliseconds: number, answer: () => void = () => undefined): void {
    const end = after(this.now, milliseconds);
    for (let at = this.finder.deadline(); at !== undefined && at <= end; at = this.finder.deadline()) {
      this.now = at > this.now ? at : this.now;
      const before = this.solicitations();
      this.do({ kind: 'timer' });
      if (this.solicitations() > before) answer();
    }
    this.now = end;
  }

  hear(from: { mac: MacBits; address: Ipv6Key }, lifetimeSeconds = 30): void {
    this.do({ kind: 'received', frame: advertisement(from, lifetimeSeconds) });
  }

  solicitations(): number {
    return this.sent.filter(({ kind }) => kind === 'router-solicitation').length;
  }

  advertisedAt(): readonly number[] {
    return this.sent.filter(({ kind }) => kind === 'router-advertisement').map(({ atMs }) => atMs);
  }

  #note(output: RouterFinderOutput): void {
    if (output.kind === 'changed') this.changes += 1;
    else if (output.kind === 'dropped') this.dropped.push(output.reason);
    else this.sent.push({ atMs: this.now, kind: messageIn(output.frame).kind });
  }
}

function messageIn(frame: Uint8Array): RouterMessage {
  const read = readNdpFrameOf(frame, decodeRouterMessage);
  if (typeof read === 'string') throw new Error(read);
  return read.message;
}

function advertisement(from: { mac: MacBits; address: Ipv6Key }, lifetimeSeconds = 30): Uint8Array {
  const link = { source: from.mac, destination: ethernetGroup(ALL_NODES) };
  const envelope = { link, source: from.address, destination: ALL_NODES };
  return encodeRouterFrame(envelope, { kind: 'router-advertisement', lifetimeSeconds, linkAddress: from.mac });
}

function solicitation(source: Ipv6Key, linkAddress?: MacBits): Uint8Array {
  const link = { source: LEAF.mac, destination: ethernetGroup(ALL_ROUTERS) };
  return encodeRouterFrame(
    { link, source, destination: ALL_ROUTERS },
    { kind: 'router-solicitation', ...(linkAddress === undefined ? {} : { linkAddress }) },
  );
}

function started(): Trial {
  const trial = new Trial();
  trial.do({ kind: 'link', link: NODE });
  return trial;
}

/** A node whose router is there and answers. */
function settledOn(router: typeof LEAF, lifetimeSeconds = 30): Trial {
  const trial = started();
  trial.hear(router, lifetimeSeconds);
  trial.pass(12_000, () => trial.hear(router, lifetimeSeconds));
  expect(trial.finder.snapshot()).toEqual({ kind: 'found', router: router.address, others: [] });
  return trial;
}

describe('asking', () => {
  test('RFC 4861 §6.3.7: three solicitations, 4 s apart, to all routers, with the link address', () => {
    const trial = new Trial();
    const [first] = trial.finder
      .handle({ kind: 'link', link: NODE }, trial.now)
      .filter((output) => output.kind === 'send')
      .filter(({ frame }) => messageIn(frame).kind === 'router-solicitation');
    const read = readNdpFrameOf(first?.frame ?? new Uint8Array(), decodeRouterMessage);
    expect(read).toMatchObject({
      link: { source: NODE.mac, destination: mac('33:33:00:00:00:02') },
      header: { source: NODE.address, destination: ALL_ROUTERS, hopLimit: 255 },
      message: { kind: 'router-solicitation', linkAddress: NODE.mac },
    });
    const other = started();
    other.pass(30_000);
    const solicited = other.sent.filter(({ kind }) => kind === 'router-solicitation').map(({ atMs }) => atMs);
    expect(solicited).toEqual([0, 4000, 8000]);
  });

  test('who comes later is asked for again, every minute', () => {
    const trial = started();
    trial.pass(71_999);
    expect(trial.solicitations()).toBe(3);
    trial.pass(8_001);
    expect(trial.solicitations()).toBe(6);
  });

  test('a router is found a second after the first solicitation, told once', () => {
    const trial = started();
    expect(trial.finder.snapshot()).toEqual({ kind: 'not-found', reason: 'searching' });
    trial.pass(300);
    const before = trial.changes;
    trial.hear(LEAF);
    expect(trial.changes).toBe(before);
    trial.pass(700);
    expect(trial.finder.snapshot()).toEqual({ kind: 'found', router: LEAF.address, others: [] });
    expect(trial.changes).toBe(before + 1);
    trial.hear(LEAF);
    expect(trial.changes).toBe(before + 1);
  });

  test('nobody answers: told so, and one that speaks up later is found at once', () => {
    const trial = started();
    trial.pass(1000);
    expect(trial.finder.snapshot()).toEqual({ kind: 'not-found', reason: 'no-router' });
    trial.pass(40_000);
    trial.hear(LEAF);
    expect(trial.finder.snapshot()).toMatchObject({ kind: 'found', router: LEAF.address });
  });

  test('without a link nothing is sent, heard or known', () => {
    const trial = settledOn(LEAF);
    trial.do({ kind: 'link', link: undefined });
    const sent = trial.sent.length;
    expect(trial.finder.snapshot()).toEqual({ kind: 'not-found', reason: 'no-link' });
    expect(trial.finder.deadline()).toBeUndefined();
    trial.hear(LEAF);
    trial.do({ kind: 'timer' });
    expect(trial.sent).toHaveLength(sent);
    expect(trial.finder.snapshot()).toEqual({ kind: 'not-found', reason: 'no-link' });
  });

  test('the same link said again changes nothing, another address begins anew', () => {
    const trial = settledOn(LEAF);
    trial.do({ kind: 'link', link: { ...NODE } });
    expect(trial.finder.snapshot()).toMatchObject({ kind: 'found' });
    trial.do({ kind: 'link', link: { ...NODE, address: ipv6('fe80::c') } });
    expect(trial.finder.snapshot()).toEqual({ kind: 'not-found', reason: 'searching' });
  });
});

describe('who is there', () => {
  test('not heard for its lifetime: it is asked, and forgotten when it has not answered three times', () => {
    const trial = settledOn(LEAF, 90);
    const asked = trial.solicitations();
    trial.pass(85_999);
    expect(trial.solicitations()).toBe(asked);
    trial.pass(1);
    expect(trial.solicitations()).toBe(asked + 1);
    expect(trial.finder.snapshot()).toMatchObject({ kind: 'found' });
    trial.pass(20_000);
    expect(trial.solicitations()).toBe(asked + 3);
    expect(trial.finder.snapshot()).toEqual({ kind: 'not-found', reason: 'no-router' });
  });

  test('one that answers stays, without anybody being told of anything', () => {
    const trial = settledOn(LEAF, 90);
    const changes = trial.changes;
    trial.pass(400_000, () => trial.hear(LEAF, 90));
    expect(trial.changes).toBe(changes);
    expect(trial.finder.snapshot()).toMatchObject({ kind: 'found' });
  });

  test('two from the beginning: none is guessed at, and both are named', () => {
    const trial = started();
    trial.hear(LEAF);
    trial.hear(SPINE);
    trial.pass(20_000, () => {
      trial.hear(LEAF);
      trial.hear(SPINE);
    });
    const routers = [LEAF.address, SPINE.address];
    expect(trial.finder.snapshot()).toEqual({ kind: 'not-found', reason: 'several-routers', routers });
  });

  test('of two from the beginning one goes: the other is found', () => {
    const trial = started();
    trial.hear(LEAF);
    trial.hear(SPINE);
    trial.pass(60_000, () => trial.hear(SPINE));
    expect(trial.finder.snapshot()).toEqual({ kind: 'found', router: SPINE.address, others: [] });
  });

  test('a stranger that comes later takes nothing from the router that is there', () => {
    const trial = settledOn(LEAF);
    trial.hear(SPINE);
    trial.pass(60_000, () => {
      trial.hear(SPINE);
      trial.hear(LEAF);
    });
    expect(trial.finder.snapshot()).toEqual({ kind: 'found', router: LEAF.address, others: [SPINE.address] });
  });

  test('a router that was replaced gives way to its successor in 12 s, whatever its lifetime', () => {
    const trial = settledOn(LEAF, 9000);
    trial.hear(SPINE);
    trial.pass(11_999, () => trial.hear(SPINE));
    expect(trial.finder.snapshot()).toMatchObject({ router: LEAF.address });
    trial.pass(1);
    expect(trial.finder.snapshot()).toEqual({ kind: 'found', router: SPINE.address, others: [] });
  });

  test('who offers a way out comes before who does not: another node of the kind is no router', () => {
    const trial = started();
    trial.hear(SPINE, 0);
    trial.pass(1000);
    expect(trial.finder.snapshot()).toMatchObject({ kind: 'found', router: SPINE.address });
    trial.hear(LEAF, 30);
    expect(trial.finder.snapshot()).toEqual({ kind: 'found', router: LEAF.address, others: [SPINE.address] });
  });

  test('one that offers no way out is a router too where there is no other', () => {
    expect(settledOn(LEAF, 0).finder.snapshot()).toMatchObject({ kind: 'found', router: LEAF.address });
  });

  test('however many addresses somebody makes up, sixteen are remembered', () => {
    const trial = settledOn(LEAF);
    for (let number = 0; number < 1000; number++) {
      trial.hear({ mac: SPINE.mac, address: ipv6(`fe80::dead:${number.toString(16)}`) });
    }
    expect(trial.dropped).toEqual(new Array(985).fill('too-many-routers'));
    expect(trial.finder.snapshot()).toMatchObject({ router: LEAF.address });
  });
});

describe('advertising', () => {
  test('at once, then every 7.5 s to 10 s', () => {
    const trial = settledOn(LEAF);
    trial.pass(300_000, () => trial.hear(LEAF));
    const at = trial.advertisedAt();
    const gaps = at.slice(1).map((time, index) => time - (at[index] ?? 0));
    expect(at[0]).toBe(0);
    expect(gaps.length).toBeGreaterThan(29);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(7_500);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(10_000);
    expect(new Set(gaps).size).toBeGreaterThan(10);
  });

  test('RFC 4861 §6.2.6: a solicitation is answered within 0.5 s', () => {
    const trial = started();
    trial.pass(5_000);
    trial.do({ kind: 'received', frame: solicitation(LEAF.address, LEAF.mac) });
    trial.pass(500);
    expect(trial.advertisedAt()).toHaveLength(2);
  });

  test('RFC 4861 §6.2.6: but not within 3 s of the last advertisement, and a flood of them not more often', () => {
    const trial = started();
    for (let tick = 0; tick < 3000; tick++) {
      trial.do({ kind: 'received', frame: solicitation(UNSPECIFIED) });
      trial.pass(10);
    }
    const at = trial.advertisedAt();
    const gaps = at.slice(1).map((time, index) => time - (at[index] ?? 0));
    expect(at.length).toBeGreaterThan(8);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(3_000);
  });
});

describe('what is discarded', () => {
  const withByte = (frame: Uint8Array, at: number, value: number) => {
    const bytes = frame.slice();
    bytes[at] = value;
    return bytes;
  };

  test.each([
    { name: 'a frame that is cut off', frame: advertisement(LEAF).subarray(0, 60), reason: 'truncated' },
    { name: 'IPv4', frame: withByte(advertisement(LEAF), 12, 0x08), reason: 'not-ndp' },
    {
      name: 'RFC 4861 §6.1.2: from beyond the link',
      frame: withByte(advertisement(LEAF), 21, 254),
      reason: 'hop-limit',
    },
    { name: 'RFC 4861 §6.1.2: a wrong checksum', frame: withByte(advertisement(LEAF), 60, 1), reason: 'bad-checksum' },
    {
      name: 'RFC 4861 §6.1.2: from a global address',
      frame: advertisement({ ...LEAF, address: ipv6('2001:db8::1') }),
      reason: 'not-link-local',
    },
    { name: 'our own, brought back', frame: advertisement(NODE), reason: 'own-frame' },
    { name: 'from our address', frame: advertisement({ ...LEAF, address: NODE.address }), reason: 'own-frame' },
    {
      name: 'RFC 4861 §6.1.1: a solicitation from :: with a link address',
      frame: solicitation(UNSPECIFIED, LEAF.mac),
      reason: 'unspecified-source',
    },
  ])('$name: $reason', ({ frame, reason }) => {
    const trial = started();
    trial.pass(5_000);
    trial.do({ kind: 'received', frame });
    expect(trial.dropped).toEqual([reason]);
    expect(ROUTER_DROP_REASONS).toContain(reason);
    trial.pass(1_000);
    expect(trial.finder.snapshot()).toEqual({ kind: 'not-found', reason: 'no-router' });
    expect(trial.advertisedAt()).toHaveLength(1);
  });
});
