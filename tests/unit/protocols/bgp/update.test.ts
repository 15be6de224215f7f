/** UPDATE that is right: every attribute both ways, routes of both families, End-of-RIB. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ipFromBytes } from '../../../../src/runtime/model/ip.ts';
import { type IpPrefix, ipPrefix } from '../../../../src/runtime/model/ip-prefix.ts';
import type { AsSegment } from '../../../../src/runtime/protocols/bgp/codec/as-path.ts';
import type { UpdateContext } from '../../../../src/runtime/protocols/bgp/codec/attribute-rules.ts';
import { encodeEndOfRib, encodeUpdate } from '../../../../src/runtime/protocols/bgp/codec/encode-update.ts';
import { IPV4_UNICAST, IPV6_UNICAST } from '../../../../src/runtime/protocols/bgp/codec/family.ts';
import type { PathAttributes } from '../../../../src/runtime/protocols/bgp/codec/path-attributes.ts';
import {
  decodeUpdate,
  endOfRib,
  reachability,
  type Update,
} from '../../../../src/runtime/protocols/bgp/codec/update.ts';
import { bytesFromHex } from '../../../support/arp-vectors.ts';
import { attribute, hexOf, message, prefix, updateBody } from '../../../support/bgp-bytes.ts';
import { ip } from '../../../support/views.ts';

const context: UpdateContext = { asnBytes: 4, peerKind: 'internal', ipv4NextHops: 'ipv4-and-ipv6' };
const two: UpdateContext = { ...context, asnBytes: 2 };

/** What routes must have: ORIGIN, AS_PATH, NEXT_HOP and LOCAL_PREF. */
const ORIGIN = attribute(0x40, 1, '00');
const AS_PATH = attribute(0x40, 2, '');
const NEXT_HOP = attribute(0x40, 3, 'c0000201');
const LOCAL_PREF = attribute(0x40, 5, '00000064');
const mandatory = { origin: 'igp', asPath: [], nextHop: ip('192.0.2.1'), localPref: 100 } as const;

function decoded(body: Uint8Array, ctx = context): Update {
  const result = decodeUpdate(body, ctx);
  if (!result.ok) throw new Error(result.error.reason);
  expect(result.value).toMatchObject({ handling: 'accept', faults: [] });
  return result.value.update;
}

describe('each attribute, both ways', () => {
  const rows: readonly { name: string; hex: string; value: PathAttributes; ctx?: UpdateContext }[] = [
    { name: 'RFC 4271 §5.1.1: ORIGIN', hex: attribute(0x40, 1, '02'), value: { origin: 'incomplete' } },
    {
      name: 'RFC 6793 §4.1: AS_PATH of four octets',
      hex: attribute(0x40, 2, '02 02 0000fde8 00010000 01 01 fffffffe'),
      value: {
        asPath: [
          { kind: 'as-sequence', asns: [65000, 65536] },
          { kind: 'as-set', asns: [4294967294] },
        ],
      },
    },
    {
      name: 'RFC 4271 §5.1.2: AS_PATH of two octets, RFC 5065 §3: of a confederation',
      hex: attribute(0x40, 2, '03 01 fde8 04 02 0001 0002 02 01 fc00'),
      value: {
        asPath: [
          { kind: 'as-confed-sequence', asns: [65000] },
          { kind: 'as-confed-set', asns: [1, 2] },
          { kind: 'as-sequence', asns: [64512] },
        ],
      },
      ctx: two,
    },
    {
      name: 'RFC 4271 §5.1.4: MULTI_EXIT_DISC',
      hex: attribute(0x80, 4, 'ffffffff'),
      value: { multiExitDisc: 2 ** 32 - 1 },
    },
    { name: 'RFC 4271 §5.1.6: ATOMIC_AGGREGATE', hex: attribute(0x40, 6, ''), value: { atomicAggregate: true } },
    {
      name: 'RFC 6793 §4.1: AGGREGATOR of four octets',
      hex: attribute(0xc0, 7, '00010000 c0000209'),
      value: { aggregator: { asn: 65536, identifier: ip('192.0.2.9') } },
    },
    {
      name: 'RFC 4271 §5.1.7: AGGREGATOR of two octets',
      hex: attribute(0xc0, 7, 'fde8 c0000209'),
      value: { aggregator: { asn: 65000, identifier: ip('192.0.2.9') } },
      ctx: two,
    },
    {
      name: 'RFC 1997: COMMUNITIES',
      hex: attribute(0xc0, 8, 'fde8000a ffffff01'),
      value: {
        communities: [
          { kind: 'standard', high: 65000, low: 10 },
          { kind: 'standard', high: 65535, low: 65281 },
        ],
      },
    },
    {
      name: 'RFC 8092 §3: LARGE_COMMUNITY',
      hex: attribute(0xc0, 32, '0000fde8 00000001 ffffffff'),
      value: {
        largeCommunities: [{ kind: 'large', globalAdministrator: 65000, localData1: 1, localData2: 2 ** 32 - 1 }],
      },
    },
    {
      name: 'RFC 6793 §4.1: AS4_PATH and AS4_AGGREGATOR',
      hex: attribute(0xc0, 17, '02 01 00010000') + attribute(0xc0, 18, '00010000 c0000209'),
      value: {
        as4Path: [{ kind: 'as-sequence', asns: [65536] }],
        as4Aggregator: { asn: 65536, identifier: ip('192.0.2.9') },
      },
      ctx: two,
    },
    {
      name: 'optional ones that are not read keep flags and bytes',
      hex: attribute(0x80, 9, 'c0000207') + attribute(0xe0, 99, '0102'),
      value: {
        others: [
          { type: 9, flags: 0x80, value: bytesFromHex('c0000207') },
          { type: 99, flags: 0xe0, value: bytesFromHex('0102') },
        ],
      },
    },
  ];

  test.each(rows)('$name', ({ hex, value, ctx = context }) => {
    // Without a route nothing is mandatory.
    const body = updateBody({ attributes: hex });
    expect(decoded(body, ctx)).toEqual({ withdrawn: [], attributes: value, announced: [] });
    const again = encodeUpdate({ withdrawn: [], attributes: value, announced: [] }, ctx.asnBytes);
    expect(hexOf(again)).toBe(hexOf(message(2, hexOf(body))));
  });

  test('RFC 4271 §4.3: an extended length is read wherever it stands, and made beyond 255 bytes only', () => {
    const others = [{ type: 99, flags: 0xc0, value: new Uint8Array(256) }];
    const long = encodeUpdate({ withdrawn: [], attributes: { others }, announced: [] }, 4);
    expect(hexOf(long.subarray(23, 27))).toBe('d0630100');
    expect(decoded(long.subarray(19)).attributes).toEqual({ others });
    const short = updateBody({ attributes: '50 01 0001 00' });
    expect(decoded(short).attributes).toEqual({ origin: 'igp' });
  });

  test('the low bits of the flags mean nothing', () => {
    expect(decoded(updateBody({ attributes: attribute(0x4f, 1, '01') })).attributes).toEqual({
      origin: 'egp',
    });
  });

  test('RFC 4271 §5.1.2: a sequence of more than 255 becomes several', () => {
    const asns = Array.from({ length: 300 }, (_, at) => at + 1);
    const { attributes } = decoded(
      encodeUpdate(
        { withdrawn: [], attributes: { asPath: [{ kind: 'as-sequence', asns }] }, announced: [] },
        4,
      ).subarray(19),
    );
    expect(attributes.asPath?.map((segment) => segment.asns.length)).toEqual([255, 45]);
    expect(attributes.asPath?.flatMap((segment) => segment.asns)).toEqual(asns);
  });
});

describe('routes', () => {
  test('RFC 4271 §4.3: IPv4, withdrawn and announced, with what they must have', () => {
    const body = updateBody({
      withdrawn: '18 0a0001 00',
      attributes: ORIGIN + AS_PATH + NEXT_HOP + LOCAL_PREF,
      nlri: '20 0a000207 19 0a000380 01 80',
    });
    const update = {
      withdrawn: [prefix('10.0.1.0/24'), prefix('0.0.0.0/0')],
      attributes: mandatory,
      announced: [prefix('10.0.2.7/32'), prefix('10.0.3.128/25'), prefix('128.0.0.0/1')],
    };
    expect(decoded(body)).toEqual(update);
    expect(hexOf(encodeUpdate(update, 4).subarray(19))).toBe(hexOf(body));
  });

  test('RFC 4271 §4.3: bits beyond the length mean nothing', () => {
    expect(decoded(updateBody({ withdrawn: '19 0a0003ff 01 ff' })).withdrawn).toEqual(['10.0.3.128/25', '128.0.0.0/1']);
  });

  test.each([
    {
      name: 'RFC 4760 §3: IPv6 with a global next hop',
      hex: '0002 01 10 20010db8000000000000000000000001 00 80 20010db8000000000000000000000007 20 20010db8',
      reach: {
        kind: 'prefixes',
        family: IPV6_UNICAST,
        nextHop: { address: ip('2001:db8::1') },
        prefixes: [prefix('2001:db8::7/128'), prefix('2001:db8::/32')],
      },
    },
    {
      name: 'RFC 2545 §3: and a link-local one',
      hex: '0002 01 20 20010db8000000000000000000000001 fe800000000000000000000000000001 00 20 20010db8',
      reach: {
        kind: 'prefixes',
        family: IPV6_UNICAST,
        nextHop: { address: ip('2001:db8::1'), linkLocal: ip('fe80::1') },
        prefixes: [prefix('2001:db8::/32')],
      },
    },
    {
      name: 'RFC 8950 §3: IPv4 over an IPv6 next hop',
      hex: '0001 01 10 20010db8000000000000000000000001 00 18 0a0001',
      reach: {
        kind: 'prefixes',
        family: IPV4_UNICAST,
        nextHop: { address: ip('2001:db8::1') },
        prefixes: [prefix('10.0.1.0/24')],
      },
    },
    {
      name: 'RFC 4760 §3: IPv4 as it is, too',
      hex: '0001 01 04 c0000201 00 18 0a0001',
      reach: {
        kind: 'prefixes',
        family: IPV4_UNICAST,
        nextHop: { address: ip('192.0.2.1') },
        prefixes: [prefix('10.0.1.0/24')],
      },
    },
    {
      name: 'a family that is not spoken keeps its bytes',
      hex: '0019 46 04 c0000201 00 0102030405',
      reach: {
        kind: 'other',
        family: { afi: 25, safi: 70 },
        nextHop: bytesFromHex('c0000201'),
        nlri: bytesFromHex('0102030405'),
      },
    },
  ] as const)('$name', ({ hex, reach }) => {
    const body = updateBody({ attributes: attribute(0x80, 14, hex) + ORIGIN + AS_PATH + LOCAL_PREF });
    const { nextHop: _, ...attributes } = mandatory;
    const update = { withdrawn: [], attributes, mpReach: reach, announced: [] };
    expect(decoded(body)).toEqual(update);
    expect(hexOf(encodeUpdate(update, 4).subarray(19))).toBe(hexOf(body));
  });

  test('RFC 4760 §4: MP_UNREACH_NLRI, without any other attribute', () => {
    const body = updateBody({ attributes: attribute(0x80, 15, '0002 01 20 20010db8 00') });
    const update = {
      withdrawn: [],
      attributes: {},
      mpUnreach: { kind: 'prefixes', family: IPV6_UNICAST, prefixes: [prefix('2001:db8::/32'), prefix('::/0')] },
      announced: [],
    } as const;
    expect(decoded(body)).toEqual(update);
    expect(hexOf(encodeUpdate(update, 4).subarray(19))).toBe(hexOf(body));
  });

  test('RFC 7606 §5.1: they stand before all other attributes, whose types ascend', () => {
    const update: Update = {
      withdrawn: [],
      attributes: {
        ...mandatory,
        multiExitDisc: 1,
        others: [{ type: 10, flags: 0x80, value: bytesFromHex('00000001') }],
      },
      mpReach: { kind: 'prefixes', family: IPV6_UNICAST, nextHop: { address: ip('::1') }, prefixes: [prefix('::/0')] },
      mpUnreach: { kind: 'prefixes', family: IPV6_UNICAST, prefixes: [prefix('::1/128')] },
      announced: [prefix('10.0.0.0/8')],
    };
    const bytes = encodeUpdate(update, 4);
    const types: number[] = [];
    for (let at = 23; at < bytes.length - 2; at += 3 + (bytes[at + 2] ?? 0)) types.push(bytes[at + 1] ?? 0);
    expect(types).toEqual([14, 15, 1, 2, 3, 4, 5, 10]);
  });

  test('what changes, by family', () => {
    const body = updateBody({
      withdrawn: '18 0a0001',
      attributes:
        attribute(0x80, 14, '0002 01 10 20010db8000000000000000000000001 00 20 20010db8') +
        attribute(0x80, 15, '0002 01 00') +
        ORIGIN +
        AS_PATH +
        NEXT_HOP +
        LOCAL_PREF,
      nlri: '20 0a000207',
    });
    expect(reachability({ update: decoded(body), handling: 'accept', faults: [] })).toEqual({
      withdrawn: [
        { family: IPV4_UNICAST, prefixes: ['10.0.1.0/24'] },
        { family: IPV6_UNICAST, prefixes: ['::/0'] },
      ],
      announced: [
        { family: IPV4_UNICAST, prefixes: ['10.0.2.7/32'] },
        { family: IPV6_UNICAST, prefixes: ['2001:db8::/32'] },
      ],
    });
    expect(reachability({ update: decoded(body), handling: 'withdraw', faults: [] }).announced).toEqual([]);
    expect(reachability({ update: decoded(body), handling: 'withdraw', faults: [] }).withdrawn).toHaveLength(4);
  });
});

describe('RFC 6793 §4.2.2: to a peer with AS numbers of two octets', () => {
  const big: readonly AsSegment[] = [{ kind: 'as-sequence', asns: [65000, 4200000000] }];

  test('AS_TRANS stands for what does not fit, and the whole goes beside it', () => {
    const bytes = encodeUpdate({ withdrawn: [], attributes: { asPath: big }, announced: [] }, 2);
    expect(decoded(bytes.subarray(19), two).attributes).toEqual({
      asPath: [{ kind: 'as-sequence', asns: [65000, 23456] }],
      as4Path: big,
    });
  });

  test('the aggregator likewise', () => {
    const aggregator = { asn: 4200000000, identifier: ip('192.0.2.9') };
    const bytes = encodeUpdate({ withdrawn: [], attributes: { aggregator }, announced: [] }, 2);
    expect(decoded(bytes.subarray(19), two).attributes).toEqual({
      aggregator: { ...aggregator, asn: 23456 },
      as4Aggregator: aggregator,
    });
  });

  test('segments of a confederation stay out of it', () => {
    const asPath: readonly AsSegment[] = [{ kind: 'as-confed-sequence', asns: [70000] }, ...big];
    const bytes = encodeUpdate({ withdrawn: [], attributes: { asPath }, announced: [] }, 2);
    expect(decoded(bytes.subarray(19), two).attributes.as4Path).toEqual(big);
  });

  test('nothing is added where all fit', () => {
    const asPath: readonly AsSegment[] = [{ kind: 'as-sequence', asns: [65000] }];
    const bytes = encodeUpdate({ withdrawn: [], attributes: { asPath }, announced: [] }, 2);
    expect(decoded(bytes.subarray(19), two).attributes).toEqual({ asPath });
  });
});

describe('RFC 4724 §2: End-of-RIB', () => {
  test.each([
    { family: IPV4_UNICAST, body: '0000 0000' },
    { family: IPV6_UNICAST, body: '0000 0006 800f03 000201' },
    { family: { afi: 25, safi: 70 }, body: '0000 0006 800f03 001946' },
  ])('of AFI $family.afi', ({ family, body }) => {
    expect(hexOf(encodeEndOfRib(family))).toBe(hexOf(message(2, body)));
    expect(endOfRib(decoded(bytesFromHex(body)))).toEqual(family);
  });

  test.each([
    { name: 'a withdrawal', body: updateBody({ withdrawn: '00' }) },
    { name: 'a withdrawal of IPv6', body: updateBody({ attributes: attribute(0x80, 15, '0002 01 00') }) },
    { name: 'an attribute', body: updateBody({ attributes: ORIGIN }) },
  ])('$name is none', ({ body }) => {
    expect(endOfRib(decoded(body))).toBeUndefined();
  });
});

const address = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((octets) => {
    const made = ipFromBytes(octets);
    if (!made.ok) throw new Error(made.error);
    return made.value;
  });
const prefixes = (bytes: 4 | 16): fc.Arbitrary<IpPrefix[]> =>
  fc.array(
    fc.tuple(address(bytes), fc.nat(bytes * 8)).map(([at, bits]) => ipPrefix(at, bits)),
    { maxLength: 6 },
  );
const word = fc.nat(0xffffffff);
const asn = fc.integer({ min: 1, max: 0xffffffff });
const segments = fc.array(
  fc.record({
    kind: fc.constantFrom('as-set' as const, 'as-sequence' as const),
    asns: fc.array(asn, { minLength: 1, maxLength: 5 }),
  }),
  { maxLength: 3 },
);
const host = fc.integer({ min: 1, max: 223 }).filter((first) => first !== 127);
const attributesOf: fc.Arbitrary<PathAttributes> = fc
  .record(
    {
      multiExitDisc: word,
      atomicAggregate: fc.constant(true as const),
      aggregator: fc.record({ asn, identifier: address(4) }),
      communities: fc.array(
        fc.record({ kind: fc.constant('standard' as const), high: fc.nat(0xffff), low: fc.nat(0xffff) }),
        { minLength: 1, maxLength: 100 },
      ),
      largeCommunities: fc.array(
        fc.record({
          kind: fc.constant('large' as const),
          globalAdministrator: word,
          localData1: word,
          localData2: word,
        }),
        { minLength: 1, maxLength: 30 },
      ),
      others: fc.uint8Array({ maxLength: 300 }).map((value) => [{ type: 200, flags: 0xc0, value }]),
    },
    { requiredKeys: [] },
  )
  .chain((optional) =>
    fc
      .record({
        origin: fc.constantFrom('igp' as const, 'egp' as const, 'incomplete' as const),
        asPath: segments,
        nextHop: fc.tuple(host, address(4)).map(([first, at]) => ip(`${first}.${at.split('.').slice(1).join('.')}`)),
        localPref: word,
      })
      .map((required) => ({ ...required, ...optional })),
  );
const anyUpdate: fc.Arbitrary<Update> = fc
  .record({
    withdrawn: prefixes(4),
    announced: prefixes(4),
    attributes: attributesOf,
    reach: fc.option(fc.tuple(address(16), prefixes(16))),
    unreach: fc.option(prefixes(16)),
  })
  .map(({ withdrawn, announced, attributes, reach, unreach }) => ({
    withdrawn,
    announced,
    attributes,
    ...(reach === null
      ? {}
      : { mpReach: { kind: 'prefixes', family: IPV6_UNICAST, nextHop: { address: reach[0] }, prefixes: reach[1] } }),
    ...(unreach === null ? {} : { mpUnreach: { kind: 'prefixes', family: IPV6_UNICAST, prefixes: unreach } }),
  }));

test('decoding undoes encoding', () => {
  fc.assert(
    fc.property(anyUpdate, (update) => {
      expect(decoded(encodeUpdate(update, 4).subarray(19))).toEqual(update);
    }),
    { numRuns: 500 },
  );
});
