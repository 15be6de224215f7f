/** The routes that a session tells its router, and when it does not. */
import { describe, expect, test } from '@jest/globals';
import { MOST_COMMUNITIES } from '../../../../src/runtime/model/bgp-plan.ts';
import type { Capability } from '../../../../src/runtime/protocols/bgp/codec/capabilities.ts';
import { IPV4_UNICAST, IPV6_UNICAST } from '../../../../src/runtime/protocols/bgp/codec/family.ts';
import { encodeKeepalive } from '../../../../src/runtime/protocols/bgp/codec/header.ts';
import { encodeOpen } from '../../../../src/runtime/protocols/bgp/codec/open.ts';
import { encodeRouteRefresh } from '../../../../src/runtime/protocols/bgp/codec/route-refresh.ts';
import { attribute, hexOf, message, updateBody } from '../../../support/bgp-bytes.ts';
import { ROUTER_OPEN } from '../../../support/bgp-peer.ts';
import { BgpScript, manyRoutes, openWith, route, SPEAKS_IPV6 } from '../../../support/bgp-script.ts';
import { ip } from '../../../support/views.ts';

const A = route('10.0.0.1/32');
const B = route('10.0.0.2/32');
const C = route('10.0.0.3/32');
const SIX = route('2001:db8::1/128');

function established(...capabilities: readonly Capability[]): BgpScript {
  const script = new BgpScript();
  script.reach('established', openWith(...capabilities));
  return script;
}

/** How many prefixes are announced and withdrawn in lines. */
function prefixesIn(lines: readonly string[]): { announced: number; withdrawn: number } {
  const words = lines.flatMap((line) => line.split(' '));
  return {
    announced: words.filter((word) => word.startsWith('+')).length,
    withdrawn: words.filter((word) => word.startsWith('-')).length,
  };
}

describe('RFC 4271 §9.2: what has changed is told, and nothing else', () => {
  test('from the first routes to the last', () => {
    const script = established();
    expect(script.routes(1, [A, B])).toEqual([
      'write 1: update +10.0.0.1/32 +10.0.0.2/32',
      'write 1: end of ipv4 unicast',
      'advertised 1',
    ]);
    expect(script.routes(2, [B, C])).toEqual([
      'write 1: update -10.0.0.1/32',
      'write 1: update +10.0.0.3/32',
      'advertised 2',
    ]);
    expect(script.routes(3, [B, C])).toEqual(['advertised 3']);
    expect(script.routes(4, [{ ...B, multiExitDisc: 7 }, C])).toEqual(['write 1: update +10.0.0.2/32', 'advertised 4']);
    expect(script.routes(5, [])).toEqual(['write 1: update -10.0.0.2/32 -10.0.0.3/32', 'advertised 5']);
    expect(script.session.snapshot()).toMatchObject({
      advertisedGeneration: 5,
      advertisedRoutes: 0,
      pendingRoutes: 0,
      messages: { updatesSent: 6 },
    });
  });

  test('routes that are given before it stands are told when it does', () => {
    const script = new BgpScript();
    expect(script.told({ kind: 'routes', generation: 1, routes: [A] })).toEqual([]);
    script.reach('open-confirm');
    expect(script.told({ kind: 'routes', generation: 2, routes: [B] })).toEqual([]);
    expect(script.says(1, encodeKeepalive())).toEqual([
      'write 1: update +10.0.0.2/32',
      'write 1: end of ipv4 unicast',
      'advertised 2',
      'changed open-confirm → established',
    ]);
  });

  test('a router that comes back is told everything', () => {
    const script = established();
    script.routes(1, [A, B]);
    script.told({ kind: 'closed', connection: 1 });
    expect(script.session.snapshot()).toMatchObject({ advertisedRoutes: 0, notAdvertised: [] });
    expect(script.session.snapshot().advertisedGeneration).toBeUndefined();
    script.told({ kind: 'routes', generation: 2, routes: [A, C] });
    script.pass(1000);
    script.connected();
    expect(script.says(2, encodeOpen(ROUTER_OPEN), encodeKeepalive()).slice(2)).toEqual([
      'write 2: update +10.0.0.1/32 +10.0.0.3/32',
      'write 2: end of ipv4 unicast',
      'advertised 2',
      'changed open-confirm → established',
    ]);
  });

  test('the next hop is that of the new connection', () => {
    const script = new BgpScript({ families: [IPV4_UNICAST] });
    script.reach('open-sent');
    script.told({ kind: 'closed', connection: 1 });
    script.pass(1000);
    script.told({ kind: 'routes', generation: 1, routes: [A] });
    script.connected({ ipv4: ip('198.51.100.7') });
    script.says(2, encodeOpen(ROUTER_OPEN));
    const [written] = script.tell({ kind: 'received', connection: 2, bytes: encodeKeepalive() });
    const [update] = written?.kind === 'write' ? script.messages(written.bytes) : [];
    expect(update).toMatchObject({ received: { update: { attributes: { nextHop: '198.51.100.7' } } } });
  });
});

describe('many routes', () => {
  test('go in batches, one a turn, and End-of-RIB behind the last', () => {
    const script = established();
    const first = script.told({ kind: 'routes', generation: 1, routes: manyRoutes(5000) });
    expect(prefixesIn(first)).toEqual({ announced: 2000, withdrawn: 0 });
    expect(first.every((line) => line.startsWith('write 1: update'))).toBe(true);
    expect(script.session.snapshot()).toMatchObject({ advertisedRoutes: 2000, pendingRoutes: 3000 });
    expect(script.session.deadline()).toBe(script.now);
    expect(prefixesIn(script.told({ kind: 'timer' }))).toEqual({ announced: 2000, withdrawn: 0 });
    const last = script.told({ kind: 'timer' });
    expect(prefixesIn(last)).toEqual({ announced: 1000, withdrawn: 0 });
    expect(last.slice(-2)).toEqual(['write 1: end of ipv4 unicast', 'advertised 1']);
    expect(script.session.deadline()).toBeGreaterThan(script.now);
  });

  test('what is to go is told before what is new, over all batches', () => {
    const script = established();
    script.routes(1, manyRoutes(15_000));
    const fresh = manyRoutes(15_000).map(({ prefix }) => route(prefix.replace(/^10\./, '11.')));
    const lines = script.routes(2, fresh);
    expect(prefixesIn(lines)).toEqual({ announced: 15_000, withdrawn: 15_000 });
    const kinds = lines.filter((line) => line.includes('update')).map((line) => line.split(' ')[3]?.[0]);
    expect(kinds.lastIndexOf('-')).toBeLessThan(kinds.indexOf('+'));
  });

  test('wait while the kernel takes no more', () => {
    const script = established();
    script.told({ kind: 'routes', generation: 1, routes: manyRoutes(5000) });
    script.told({ kind: 'blocked', connection: 1 });
    expect(script.pass(20_000)).toEqual([]);
    expect(script.session.snapshot()).toMatchObject({ pendingRoutes: 3000 });
    expect(prefixesIn(script.told({ kind: 'drained', connection: 1 }))).toEqual({ announced: 2000, withdrawn: 0 });
    expect(script.settle().at(-1)).toBe('advertised 1');
  });

  test('what changes back while they wait costs nothing', () => {
    const script = established();
    script.routes(1, [A, B]);
    script.told({ kind: 'blocked', connection: 1 });
    for (const routes of [[A], [], [A, B, C], [{ ...A, multiExitDisc: 5 }, B], [A, B]]) script.routes(2, routes);
    expect(script.told({ kind: 'drained', connection: 1 })).toEqual(['advertised 2']);
    expect(script.session.snapshot()).toMatchObject({ advertisedRoutes: 2, pendingRoutes: 0 });
  });

  test('only the last of many changes is told', () => {
    const script = established();
    script.routes(1, [A]);
    script.told({ kind: 'blocked', connection: 1 });
    for (let generation = 2; generation <= 50; generation++) {
      script.routes(generation, [{ ...A, multiExitDisc: generation }, B]);
    }
    script.routes(51, [B]);
    expect(script.told({ kind: 'drained', connection: 1 })).toEqual([
      'write 1: update -10.0.0.1/32',
      'write 1: update +10.0.0.2/32',
      'advertised 51',
    ]);
  });

  test('a connection that ends half-way leaves nothing behind', () => {
    const script = established();
    script.told({ kind: 'routes', generation: 1, routes: manyRoutes(25_000) });
    script.told({ kind: 'closed', connection: 1 });
    expect(script.session.snapshot()).toMatchObject({ advertisedRoutes: 0, pendingRoutes: 0 });
    script.pass(1000);
    script.connected();
    const lines = [...script.says(2, encodeOpen(ROUTER_OPEN), encodeKeepalive()), ...script.settle()];
    expect(prefixesIn(lines)).toEqual({ announced: 25_000, withdrawn: 0 });
  });

  test('RFC 8654 §4: fill longer messages where the router takes them', () => {
    const longest = (script: BgpScript) => {
      const outputs = script.tell({ kind: 'routes', generation: 1, routes: manyRoutes(10_000) });
      const lengths: number[] = [];
      for (const output of outputs) {
        if (output.kind !== 'write') continue;
        for (let at = 0; at < output.bytes.length; ) {
          const length = ((output.bytes[at + 16] as number) << 8) | (output.bytes[at + 17] as number);
          lengths.push(length);
          at += length;
        }
      }
      return Math.max(...lengths);
    };
    expect(longest(established())).toBeLessThanOrEqual(4096);
    expect(longest(established({ kind: 'extended-message' }))).toBeGreaterThan(40_000);
  });
});

describe('RFC 4724 §2, §4.1: End-of-RIB', () => {
  test('not before there are routes: the router would forget what it keeps', () => {
    const script = established();
    expect(script.pass(20_000)).toEqual([]);
    expect(script.routes(1, [])).toEqual(['write 1: end of ipv4 unicast', 'advertised 1']);
    expect(script.routes(2, [])).toEqual(['advertised 2']);
  });

  test('of each family that both speak, once', () => {
    const script = established(SPEAKS_IPV6);
    expect(script.routes(1, [A])).toEqual([
      'write 1: update +10.0.0.1/32',
      'write 1: end of ipv4 unicast',
      'write 1: end of ipv6 unicast',
      'advertised 1',
    ]);
    expect(script.routes(2, [B]).some((line) => line.includes('end of'))).toBe(false);
  });
});

describe('families', () => {
  const both = { ipv4: ip('192.0.2.10'), ipv6: ip('2001:db8::10') };

  test('routes of one that the router does not speak are not sent, and it is said', () => {
    const script = established();
    expect(script.routes(1, [A, SIX])).toEqual([
      'write 1: update +10.0.0.1/32',
      'write 1: end of ipv4 unicast',
      'advertised 1',
    ]);
    expect(script.session.snapshot()).toMatchObject({
      families: [IPV4_UNICAST],
      advertisedRoutes: 1,
      notAdvertised: ['ipv6 unicast: the router does not speak it'],
    });
    expect(script.routes(2, [])).toEqual(['write 1: update -10.0.0.1/32', 'advertised 2']);
  });

  test('nor those that have no next hop', () => {
    const script = established(SPEAKS_IPV6);
    expect(script.routes(1, [A, SIX]).filter((line) => line.includes('+'))).toEqual(['write 1: update +10.0.0.1/32']);
    expect(script.session.snapshot().notAdvertised).toEqual(['ipv6 unicast: the interface has no IPv6 address']);
  });

  test('with none in common nothing is sent', () => {
    const script = new BgpScript({ families: [IPV6_UNICAST] });
    script.reach('established');
    expect(script.routes(1, [SIX])).toEqual(['advertised 1']);
    expect(script.session.snapshot()).toMatchObject({
      families: [],
      notAdvertised: ['ipv6 unicast: the router does not speak it'],
    });
  });

  test('both, where both sides speak them', () => {
    const script = new BgpScript();
    script.start();
    script.connected(both);
    script.says(1, encodeOpen(openWith(SPEAKS_IPV6)), encodeKeepalive());
    expect(script.routes(1, [A, SIX]).filter((line) => line.includes('+'))).toEqual([
      'write 1: update +10.0.0.1/32',
      'write 1: update +2001:db8::1/128',
    ]);
    expect(script.session.snapshot().notAdvertised).toEqual([]);
  });

  test('RFC 8950 §3: IPv4 over IPv6 alone', () => {
    const script = new BgpScript({ transport: 'ipv6' }, { ipv4NextHops: 'ipv4-and-ipv6' });
    script.start();
    script.connected({ ipv6: ip('2001:db8::10'), linkLocal: ip('fe80::10') });
    const open = openWith({ kind: 'extended-next-hop', rows: [{ family: IPV4_UNICAST, nextHopAfi: 2 }] });
    script.says(1, encodeOpen(open), encodeKeepalive());
    const [written] = script.tell({ kind: 'routes', generation: 1, routes: [A] });
    const [update] = written?.kind === 'write' ? script.messages(written.bytes) : [];
    expect(update).toMatchObject({
      received: {
        update: { mpReach: { nextHop: { address: '2001:db8::10', linkLocal: 'fe80::10' }, prefixes: ['10.0.0.1/32'] } },
      },
    });
    expect(script.routes(2, [])).toEqual(['write 1: update -10.0.0.1/32', 'advertised 2']);
  });

  test('RFC 6793 §4.2.2: a router of two octets reads its path', () => {
    const script = new BgpScript({ localAsn: 4_200_000_000 }, { asnBytes: 2 });
    script.reach('established', { ...ROUTER_OPEN, capabilities: [] });
    const [written] = script.tell({ kind: 'routes', generation: 1, routes: [A] });
    const [update] = written?.kind === 'write' ? script.messages(written.bytes) : [];
    expect(update).toMatchObject({
      received: { faults: [], update: { attributes: { asPath: [{ kind: 'as-sequence', asns: [23456] }] } } },
    });
  });
});

describe('route refresh', () => {
  const PLAIN: Capability = { kind: 'route-refresh' };
  const ENHANCED: readonly Capability[] = [PLAIN, { kind: 'enhanced-route-refresh' }];
  const request = (script: BgpScript, family = IPV4_UNICAST) => script.says(1, encodeRouteRefresh(family, 'request'));

  test.each([
    ['plain', [PLAIN]],
    ['not announced', []],
  ])('RFC 2918 §4: what was told is told again, %s', (_, capabilities) => {
    const script = established(...capabilities);
    script.routes(1, [A, B]);
    expect(request(script)).toEqual(['write 1: update +10.0.0.1/32 +10.0.0.2/32']);
    expect(script.settle()).toEqual([]);
    expect(script.routes(2, [A, B])).toEqual(['advertised 2']);
  });

  test('RFC 7313 §4: enhanced, between two marks', () => {
    const script = established(...ENHANCED);
    script.routes(1, [A, B]);
    expect(request(script)).toEqual([
      'write 1: route-refresh begin ipv4 unicast',
      'write 1: update +10.0.0.1/32 +10.0.0.2/32',
      'write 1: route-refresh end ipv4 unicast',
    ]);
    expect(script.session.snapshot().messages).toMatchObject({ routeRefreshesSent: 2, routeRefreshesReceived: 1 });
  });

  test('with nothing to tell there are the marks alone', () => {
    const script = established(...ENHANCED);
    script.routes(1, []);
    expect(request(script)).toEqual([
      'write 1: route-refresh begin ipv4 unicast',
      'write 1: route-refresh end ipv4 unicast',
    ]);
  });

  test('RFC 7313 §4: no marks before the End-of-RIB', () => {
    const script = established(...ENHANCED);
    expect(request(script)).toEqual([]);
    expect(script.routes(1, [A]).at(-2)).toBe('write 1: end of ipv4 unicast');
    const many = established(...ENHANCED);
    many.told({ kind: 'routes', generation: 1, routes: manyRoutes(15_000) });
    const lines = [...request(many), ...many.settle()];
    expect(lines.some((line) => line.includes('route-refresh'))).toBe(false);
    expect(lines.slice(-2)).toEqual(['write 1: end of ipv4 unicast', 'advertised 1']);
  });

  test('the second mark comes behind the last batch', () => {
    const script = established(...ENHANCED);
    script.routes(1, manyRoutes(25_000));
    const lines = [...request(script), ...script.settle()];
    expect(lines[0]).toBe('write 1: route-refresh begin ipv4 unicast');
    expect(lines.at(-1)).toBe('write 1: route-refresh end ipv4 unicast');
    expect(lines.filter((line) => line.includes('route-refresh')).length).toBe(2);
    expect(prefixesIn(lines).announced).toBe(25_000);
  });

  test('what changes meanwhile is told as it is then', () => {
    const script = established(...ENHANCED);
    script.routes(1, [A, B]);
    script.told({ kind: 'blocked', connection: 1 });
    request(script);
    script.routes(2, [B, C]);
    expect(script.told({ kind: 'drained', connection: 1 })).toEqual([
      'write 1: route-refresh begin ipv4 unicast',
      'write 1: update -10.0.0.1/32',
      'write 1: update +10.0.0.2/32 +10.0.0.3/32',
      'write 1: route-refresh end ipv4 unicast',
      'advertised 2',
    ]);
  });

  test('of one family, the others are left alone', () => {
    const script = new BgpScript();
    script.start();
    script.connected({ ipv4: ip('192.0.2.10'), ipv6: ip('2001:db8::10') });
    script.says(1, encodeOpen(openWith(SPEAKS_IPV6, ...ENHANCED)), encodeKeepalive());
    script.routes(1, [A, SIX]);
    expect(request(script, IPV6_UNICAST)).toEqual([
      'write 1: route-refresh begin ipv6 unicast',
      'write 1: update +2001:db8::1/128',
      'write 1: route-refresh end ipv6 unicast',
    ]);
    expect(request(script, IPV4_UNICAST)).toEqual([
      'write 1: route-refresh begin ipv4 unicast',
      'write 1: update +10.0.0.1/32',
      'write 1: route-refresh end ipv4 unicast',
    ]);
  });

  test.each([
    ['of a family that is not spoken', encodeRouteRefresh(IPV6_UNICAST, 'request')],
    ['of a family nobody knows', encodeRouteRefresh({ afi: 25, safi: 70 }, 'request')],
    ['the router’s own mark of begin', encodeRouteRefresh(IPV4_UNICAST, 'begin')],
    ['the router’s own mark of end', encodeRouteRefresh(IPV4_UNICAST, 'end')],
    ['a subtype nobody knows', message(5, '0001 09 01')],
  ])('RFC 7313 §5: %s is nothing', (_, bytes) => {
    const script = established(...ENHANCED);
    script.routes(1, [A]);
    expect(script.says(1, bytes)).toEqual([]);
    expect(script.state).toBe('established');
  });

  test('10,000 requests of a router that takes nothing are answered once', () => {
    const script = established(...ENHANCED);
    script.routes(1, [A, B]);
    script.told({ kind: 'blocked', connection: 1 });
    const bytes = encodeRouteRefresh(IPV4_UNICAST, 'request');
    for (let times = 0; times < 10_000; times++)
      expect(script.tell({ kind: 'received', connection: 1, bytes })).toEqual([]);
    expect(script.told({ kind: 'drained', connection: 1 })).toEqual([
      'write 1: route-refresh begin ipv4 unicast',
      'write 1: update +10.0.0.1/32 +10.0.0.2/32',
      'write 1: route-refresh end ipv4 unicast',
    ]);
  });
});

describe('RFC 8326 §4: graceful shutdown', () => {
  const attributesIn = (script: BgpScript, outputs: ReturnType<BgpScript['tell']>) =>
    outputs.flatMap((output) =>
      output.kind === 'write'
        ? script
            .messages(output.bytes)
            .flatMap((one) => (one.kind === 'update' ? [one.received.update.attributes] : []))
        : [],
    );
  const COMMUNITY = { kind: 'standard', high: 65535, low: 0 };

  test('all routes are told again with the community', () => {
    const script = established();
    script.routes(1, [A, B]);
    const outputs = script.tell({ kind: 'graceful-shutdown', mode: 'on' });
    expect(script.lines(outputs)).toEqual(['write 1: update +10.0.0.1/32 +10.0.0.2/32']);
    expect(attributesIn(script, outputs)).toEqual([expect.objectContaining({ communities: [COMMUNITY] })]);
  });

  test('so are those that come later, and those of a new connection', () => {
    const script = new BgpScript();
    script.told({ kind: 'graceful-shutdown', mode: 'on' });
    script.reach('established');
    expect(attributesIn(script, script.tell({ kind: 'routes', generation: 1, routes: [A] }))[0]).toMatchObject({
      communities: [COMMUNITY],
    });
  });

  test('off again: without it', () => {
    const script = established();
    script.routes(1, [A]);
    script.told({ kind: 'graceful-shutdown', mode: 'on' });
    const [attributes] = attributesIn(script, script.tell({ kind: 'graceful-shutdown', mode: 'off' }));
    expect(attributes).toBeDefined();
    expect(attributes).not.toHaveProperty('communities');
  });

  test('said twice, or called off before it was told, costs nothing', () => {
    const script = established();
    script.routes(1, [A]);
    expect(script.told({ kind: 'graceful-shutdown', mode: 'off' })).toEqual([]);
    script.told({ kind: 'blocked', connection: 1 });
    script.told({ kind: 'graceful-shutdown', mode: 'on' });
    script.told({ kind: 'graceful-shutdown', mode: 'off' });
    expect(script.told({ kind: 'drained', connection: 1 })).toEqual([]);
    expect(script.told({ kind: 'graceful-shutdown', mode: 'on' }).length).toBe(1);
    expect(script.told({ kind: 'graceful-shutdown', mode: 'on' })).toEqual([]);
  });
});

test('a route with all that there is, and as many communities as a plan gives, fits in a message', () => {
  const script = new BgpScript();
  script.start();
  script.connected({ ipv4: ip('192.0.2.10'), ipv6: ip('2001:db8::10'), linkLocal: ip('fe80::10') });
  script.says(1, encodeOpen(openWith(SPEAKS_IPV6)), encodeKeepalive());
  const communities = Array.from({ length: MOST_COMMUNITIES }, (_, localData2) => ({
    kind: 'large' as const,
    globalAdministrator: 4_200_000_000,
    localData1: 1,
    localData2,
  }));
  script.told({ kind: 'graceful-shutdown', mode: 'on' });
  const all = { asPathPrepend: 10, multiExitDisc: 1, localPref: 1, communities };
  const lines = script.routes(1, [
    { ...A, ...all },
    { ...SIX, ...all },
  ]);
  expect(prefixesIn(lines).announced).toBe(2);
});

describe('what the router announces', () => {
  const ORIGIN = attribute(0x40, 1, '00');
  const AS_PATH = attribute(0x40, 2, '02 01 0000fc01');
  const NEXT_HOP = attribute(0x40, 3, 'c0000201');

  test('is counted, and nothing else', () => {
    const script = established();
    const body = updateBody({ attributes: `${ORIGIN} ${AS_PATH} ${NEXT_HOP}`, nlri: '18 cb0071 18 c63364' });
    expect(script.says(1, message(2, hexOf(body)))).toEqual([]);
    expect(script.session.snapshot()).toMatchObject({ receivedPrefixes: 2, messages: { updatesReceived: 1 } });
    script.told({ kind: 'closed', connection: 1 });
    expect(script.session.snapshot()).toMatchObject({ receivedPrefixes: 0, messages: { updatesReceived: 1 } });
  });

  test('RFC 7606 §2: what is wrong with an UPDATE is told, and the session goes on', () => {
    const script = established();
    const body = updateBody({ attributes: `${attribute(0x40, 1, '09')} ${AS_PATH} ${NEXT_HOP}`, nlri: '18 cb0071' });
    const lines = script.says(1, message(2, hexOf(body)));
    expect(lines).toEqual([expect.stringMatching(/^faulty: .*ORIGIN/)]);
    expect(script.session.snapshot()).toMatchObject({ state: 'established', receivedPrefixes: 0 });
  });
});
