/** Many routes in few messages: all of them, once, in messages that fit. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type IpPrefix, prefixFamily } from '../../../../src/runtime/model/ip-prefix.ts';
import type { UpdateContext } from '../../../../src/runtime/protocols/bgp/codec/attribute-rules.ts';
import { encodeUpdate } from '../../../../src/runtime/protocols/bgp/codec/encode-update.ts';
import { isSameFamily, unicastFamily } from '../../../../src/runtime/protocols/bgp/codec/family.ts';
import { MAX_EXTENDED_MESSAGE_BYTES } from '../../../../src/runtime/protocols/bgp/codec/header.ts';
import {
  type PackContext,
  packUpdates,
  type RouteGroup,
  type RoutePath,
} from '../../../../src/runtime/protocols/bgp/codec/pack-updates.ts';
import { decodeUpdate, reachability } from '../../../../src/runtime/protocols/bgp/codec/update.ts';
import { hexOf, message, prefix } from '../../../support/bgp-bytes.ts';
import { ip } from '../../../support/views.ts';

const context: PackContext = { asnBytes: 4, maxMessageBytes: 4096, ipv4NextHops: 'ipv4' };
const reading: UpdateContext = { asnBytes: 4, peerKind: 'external', ipv4NextHops: 'ipv4-and-ipv6' };

const own = { origin: 'igp', asPath: [{ kind: 'as-sequence', asns: [64500] }] } as const;
const v4: RoutePath = { nextHop: { address: ip('192.0.2.1') }, attributes: own };
const v6: RoutePath = { nextHop: { address: ip('2001:db8::1'), linkLocal: ip('fe80::1') }, attributes: own };

function hosts(count: number): IpPrefix[] {
  return Array.from({ length: count }, (_, i) => prefix(`10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}/32`));
}

interface Route {
  readonly prefix: IpPrefix;
  readonly path: RoutePath;
}

/** By path and family, as the Adj-RIB-Out hands them over. */
function grouped(routes: readonly Route[]): readonly RouteGroup[] {
  const groups: (RouteGroup & { readonly prefixes: IpPrefix[] })[] = [];
  for (const { prefix: each, path } of routes) {
    const family = unicastFamily(prefixFamily(each));
    const known = groups.find((group) => group.path === path && isSameFamily(group.family, family));
    if (known === undefined) groups.push({ family, path, prefixes: [each] });
    else known.prefixes.push(each);
  }
  return groups;
}

const announce = (routes: readonly Route[], how = context) =>
  packUpdates({ withdrawn: [], announced: grouped(routes) }, how);

/** Canonical as they are written: no group is zero but those that "::" stands for. */
function hosts6(count: number): IpPrefix[] {
  return Array.from({ length: count }, (_, i) => {
    const [subnet, host] = [(i >> 15) + 1, (i & 0x7fff) + 1];
    return `2001:db8:${subnet.toString(16)}::${host.toString(16)}/128` as IpPrefix;
  });
}

/** What a receiver makes of them: "prefix via next hop and local preference" for each route, and each withdrawn. */
function received(messages: readonly Uint8Array[], maxBytes = 4096): { announced: string[]; withdrawn: string[] } {
  const announced: string[] = [];
  const withdrawn: string[] = [];
  for (const bytes of messages) {
    expect(bytes.length).toBeLessThanOrEqual(maxBytes);
    const decoded = decodeUpdate(bytes.subarray(19), reading);
    if (!decoded.ok) throw new Error(decoded.error.reason);
    const { update } = decoded.value;
    const changes = reachability(decoded.value);
    const hop = update.mpReach?.kind === 'prefixes' ? update.mpReach.nextHop.address : update.attributes.nextHop;
    for (const { prefixes } of changes.announced) {
      for (const each of prefixes) announced.push(`${each} via ${hop} med ${update.attributes.multiExitDisc}`);
    }
    for (const { prefixes } of changes.withdrawn) withdrawn.push(...prefixes);
  }
  return { announced, withdrawn };
}

describe('as many as fit', () => {
  test('one route is one message, as it would be made alone', () => {
    const announced = [{ prefix: prefix('10.0.0.1/32'), path: v4 }];
    const [bytes, ...more] = announce(announced);
    expect(more).toEqual([]);
    const alone = encodeUpdate(
      { withdrawn: [], attributes: { ...own, nextHop: ip('192.0.2.1') }, announced: [prefix('10.0.0.1/32')] },
      4,
    );
    expect(hexOf(bytes ?? new Uint8Array())).toBe(hexOf(alone));
  });

  test('nothing is no message', () => {
    expect(packUpdates({ withdrawn: [], announced: [] }, context)).toEqual([]);
  });

  test('RFC 4271 §4.1: 1,000 IPv4 routes in two messages, the first one full', () => {
    const announced = hosts(1000).map((each) => ({ prefix: each, path: v4 }));
    const messages = announce(announced);
    expect(messages).toHaveLength(2);
    // Five bytes a route: no other would have fitted.
    expect(messages[0]?.length).toBeGreaterThan(4096 - 5);
    expect(received(messages).announced).toEqual(hosts(1000).map((each) => `${each} via 192.0.2.1 med undefined`));
  });

  test('RFC 8654 §4: in one where extended messages are agreed', () => {
    const announced = hosts(13_000).map((each) => ({ prefix: each, path: v4 }));
    const extended = { ...context, maxMessageBytes: MAX_EXTENDED_MESSAGE_BYTES };
    const messages = announce(announced, extended);
    expect(messages).toHaveLength(1);
    expect(received(messages, MAX_EXTENDED_MESSAGE_BYTES).announced).toHaveLength(13_000);
    const more = hosts(14_000).map((each) => ({ prefix: each, path: v4 }));
    expect(announce(more, extended)).toHaveLength(2);
  });

  test('IPv6 routes likewise', () => {
    const announced = hosts6(1000).map((each) => ({ prefix: each, path: v6 }));
    const messages = announce(announced);
    expect(messages).toHaveLength(5);
    expect(messages[0]?.length).toBeGreaterThan(4096 - 17);
    expect(received(messages).announced).toEqual(hosts6(1000).map((each) => `${each} via 2001:db8::1 med undefined`));
  });

  test('withdrawals of both families', () => {
    const withdrawn = [...hosts(1000), ...hosts6(300)];
    const messages = packUpdates({ withdrawn, announced: [] }, context);
    expect(messages).toHaveLength(4);
    expect(received(messages).withdrawn).toEqual(withdrawn);
  });

  test('RFC 4271 §4.3: a withdrawal bears no attributes', () => {
    const messages = packUpdates({ withdrawn: [prefix('10.0.0.0/8')], announced: [] }, context);
    expect(messages.map(hexOf)).toEqual([hexOf(message(2, '0002 080a 0000'))]);
  });
});

describe('routes that are alike', () => {
  test('share a message, also where their paths are objects of their own', () => {
    const announced = hosts(6).map((each) => ({ prefix: each, path: structuredClone(v4) }));
    expect(announce(announced)).toHaveLength(1);
  });

  test('of two kinds in turn: two messages, in the order of their first', () => {
    const other = { ...v4, attributes: { ...own, multiExitDisc: 7 } };
    const announced = hosts(6).map((each, at) => ({ prefix: each, path: at % 2 === 0 ? other : v4 }));
    const messages = announce(announced);
    expect(messages).toHaveLength(2);
    const [a, b, c, d, e, f] = hosts(6);
    expect(received(messages).announced).toEqual([
      ...[a, c, e].map((each) => `${each} via 192.0.2.1 med 7`),
      ...[b, d, f].map((each) => `${each} via 192.0.2.1 med undefined`),
    ]);
  });

  test('RFC 8950 §3: an IPv4 route with an IPv6 next hop goes by MP_REACH_NLRI, and is withdrawn so', () => {
    const both = { ...context, ipv4NextHops: 'ipv4-and-ipv6' as const };
    const changes = {
      withdrawn: [prefix('10.0.0.9/32')],
      announced: grouped([{ prefix: prefix('10.0.0.1/32'), path: v6 }]),
    };
    const [withdrawal, announcement] = packUpdates(changes, both);
    expect(hexOf(withdrawal ?? new Uint8Array())).toBe(hexOf(message(2, '0000 000b 800f08 000101 200a000009')));
    expect(received([announcement ?? new Uint8Array()]).announced).toEqual([
      '10.0.0.1/32 via 2001:db8::1 med undefined',
    ]);
  });

  test('one path for both families: a message each', () => {
    const announced: Route[] = [...hosts(2), ...hosts6(2)].map((each) => ({ prefix: each, path: v6 }));
    expect(announce(announced, { ...context, ipv4NextHops: 'ipv4-and-ipv6' })).toHaveLength(2);
  });
});

test('whatever is packed is received, once, in its order, and is packed the same again', () => {
  const anyPrefix = fc.oneof(
    fc
      .tuple(fc.nat(5000), fc.integer({ min: 20, max: 32 }))
      .map(([at, bits]) => prefix(`10.0.${at >> 8}.${at & 255}/${bits}`)),
    fc
      .tuple(fc.nat(5000), fc.integer({ min: 100, max: 128 }))
      .map(([at, bits]) => prefix(`2001:db8::${at.toString(16)}/${bits}`)),
  );
  const paths = [1, 2, 3].map((multiExitDisc) => ({ ...v6, attributes: { ...own, multiExitDisc } }));
  fc.assert(
    fc.property(
      fc.uniqueArray(anyPrefix, { maxLength: 400 }),
      fc.array(fc.nat(3), { minLength: 1 }),
      fc.integer({ min: 150, max: 600 }),
      (prefixes, kinds, maxMessageBytes) => {
        const kindAt = (at: number) => kinds[at % kinds.length] ?? 0;
        const withdrawn = prefixes.filter((_, at) => kindAt(at) === 0);
        const announced = prefixes.flatMap((each, at) => {
          const path = paths[kindAt(at) - 1];
          return path === undefined ? [] : [{ prefix: each, path }];
        });
        const small = { ...context, maxMessageBytes, ipv4NextHops: 'ipv4-and-ipv6' as const };
        const messages = packUpdates({ withdrawn, announced: grouped(announced) }, small);
        const got = received(messages, maxMessageBytes);
        const want = announced.map(
          ({ prefix: each, path }) => `${each} via 2001:db8::1 med ${path.attributes.multiExitDisc}`,
        );
        expect([...got.announced].sort()).toEqual([...want].sort());
        expect([...got.withdrawn].sort()).toEqual([...withdrawn].sort());
        expect(packUpdates({ withdrawn, announced: grouped(announced) }, small)).toEqual(messages);
      },
    ),
    { numRuns: 200 },
  );
});

test.each([
  {
    name: 'IPv6 over IPv4',
    route: { prefix: prefix('2001:db8::/32'), path: v4 },
    of: 'ipv6 unicast',
    hop: '192.0.2.1',
  },
  { name: 'IPv4 over IPv6', route: { prefix: prefix('10.0.0.0/8'), path: v6 }, of: 'ipv4 unicast', hop: '2001:db8::1' },
])('$name is a bug where it is not agreed', ({ route, of, hop }) => {
  const pack = () => announce([route]);
  expect(pack).toThrow(new RangeError(`${of} routes cannot have next hop ${hop} here`));
});

test('attributes that leave no room for a route are a bug, said with its sizes', () => {
  const communities = Array.from({ length: 1100 }, (_, low) => ({ kind: 'standard' as const, high: 1, low }));
  const path = { ...v4, attributes: { ...own, communities } };
  expect(() => announce([{ prefix: prefix('10.0.0.1/32'), path }])).toThrow(/bytes leave no room for 10\.0\.0\.1\/32$/);
});

test.each([
  { name: 'IPv4', routesOf: () => hosts(100_000).map((each) => ({ prefix: each, path: v4 })), maxMs: 500 },
  { name: 'IPv6', routesOf: () => hosts6(100_000).map((each) => ({ prefix: each, path: v6 })), maxMs: 1000 },
])('100,000 $name routes in far less than a second', ({ routesOf, maxMs }) => {
  const announced = grouped(routesOf());
  let best = Number.POSITIVE_INFINITY;
  for (let turn = 0; turn < 5; turn++) {
    const start = performance.now();
    const messages = packUpdates({ withdrawn: [], announced }, context);
    best = Math.min(best, performance.now() - start);
    expect(messages.length).toBeLessThan(450);
  }
  // A bound for a busy machine; alone it takes a fraction of it.
  expect(best).toBeLessThan(maxMs);
});
