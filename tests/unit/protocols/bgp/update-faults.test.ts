/**
 * Every way in which an UPDATE can be wrong, and what it comes to: a NOTIFICATION, or what RFC 7606 has in place of one.
 * A row: what is done to a good message for a route, the verdict, code and subcode, and the data of the NOTIFICATION.
 */
import { describe, expect, test } from '@jest/globals';
import type { UpdateContext } from '../../../../src/runtime/protocols/bgp/codec/attribute-rules.ts';
import { decodeUpdate, reachability } from '../../../../src/runtime/protocols/bgp/codec/update.ts';
import { bytesFromHex } from '../../../support/arp-vectors.ts';
import { attribute, hexOf, updateBody } from '../../../support/bgp-bytes.ts';

const internal: UpdateContext = { asnBytes: 4, peerKind: 'internal', ipv4NextHops: 'ipv4' };
const external: UpdateContext = { ...internal, peerKind: 'external' };
const twoOctets: UpdateContext = { ...internal, asnBytes: 2 };

const GOOD: Readonly<Record<number, string>> = {
  1: attribute(0x40, 1, '00'),
  2: attribute(0x40, 2, ''),
  3: attribute(0x40, 3, 'c0000201'),
  5: attribute(0x40, 5, '00000064'),
};
const NLRI = '20 0a000207';
const MP_REACH = '0002 01 10 20010db8000000000000000000000001 00 20 20010db8';

/** The good attributes, with that of the same type replaced, or with one more. */
function attributesWith(type: number, hex: string): string {
  return Object.values({ ...GOOD, [type]: hex }).join('');
}

interface Row {
  readonly name: string;
  /** Attributes in place of the good ones. */
  readonly attributes?: string;
  readonly body?: Uint8Array;
  readonly context?: UpdateContext;
  readonly want: readonly [
    verdict: 'session-reset' | 'treat-as-withdraw' | 'attribute-discard',
    subcode: number,
    data: string,
  ];
}

/** The attribute is wrong, and is the data of the NOTIFICATION that RFC 4271 §6.3 has for it. */
function wrong(
  name: string,
  hex: string,
  verdict: 'session-reset' | 'treat-as-withdraw' | 'attribute-discard',
  subcode: number,
  context: UpdateContext = internal,
): Row {
  const type = bytesFromHex(hex)[1] ?? 0;
  // From another AS a good message has no LOCAL_PREF.
  const good = context.peerKind === 'external' && type !== 5 ? { ...GOOD, 5: '' } : GOOD;
  const attributes = Object.values({ ...good, [type]: hex }).join('');
  return { name, attributes, context, want: [verdict, subcode, hexOf(bytesFromHex(hex))] };
}

const LENGTHS: readonly Row[] = [
  wrong('RFC 7606 §7.1: ORIGIN of 0 bytes', attribute(0x40, 1, ''), 'treat-as-withdraw', 5),
  wrong('RFC 7606 §7.1: ORIGIN of 2 bytes', attribute(0x40, 1, '0000'), 'treat-as-withdraw', 5),
  wrong('RFC 7606 §7.3: NEXT_HOP of 3 bytes', attribute(0x40, 3, 'c00002'), 'treat-as-withdraw', 5),
  wrong('RFC 7606 §7.3: NEXT_HOP of 16 bytes', attribute(0x40, 3, '00'.repeat(16)), 'treat-as-withdraw', 5),
  wrong('RFC 7606 §7.4: MULTI_EXIT_DISC of 3 bytes', attribute(0x80, 4, '000000'), 'treat-as-withdraw', 5),
  wrong('RFC 7606 §7.4: MULTI_EXIT_DISC of 5 bytes', attribute(0x80, 4, '0000000000'), 'treat-as-withdraw', 5),
  wrong('RFC 7606 §7.5: LOCAL_PREF of 3 bytes', attribute(0x40, 5, '000000'), 'treat-as-withdraw', 5),
  wrong('RFC 7606 §7.6: ATOMIC_AGGREGATE of 1 byte', attribute(0x40, 6, '00'), 'attribute-discard', 5),
  wrong(
    'RFC 7606 §7.7: AGGREGATOR of 6 bytes, with 4-octet AS',
    attribute(0xc0, 7, 'fde8c0000209'),
    'attribute-discard',
    5,
  ),
  wrong(
    'RFC 7606 §7.7: AGGREGATOR of 8 bytes, without',
    attribute(0xc0, 7, '0000fde8c0000209'),
    'attribute-discard',
    5,
    twoOctets,
  ),
  wrong('RFC 7606 §7.8: COMMUNITIES of 0 bytes', attribute(0xc0, 8, ''), 'treat-as-withdraw', 5),
  wrong('RFC 7606 §7.8: COMMUNITIES of 6 bytes', attribute(0xc0, 8, 'fde8000afde8'), 'treat-as-withdraw', 5),
  wrong('RFC 7606 §7.9: ORIGINATOR_ID of 3 bytes', attribute(0x80, 9, 'c00002'), 'treat-as-withdraw', 5),
  wrong('RFC 7606 §7.10: CLUSTER_LIST of 0 bytes', attribute(0x80, 10, ''), 'treat-as-withdraw', 5),
  wrong('RFC 7606 §7.10: CLUSTER_LIST of 5 bytes', attribute(0x80, 10, '0000000100'), 'treat-as-withdraw', 5),
  wrong('RFC 7606 §7.14: EXTENDED COMMUNITIES of 0 bytes', attribute(0xc0, 16, ''), 'treat-as-withdraw', 5),
  wrong('RFC 7606 §7.14: EXTENDED COMMUNITIES of 7 bytes', attribute(0xc0, 16, '00'.repeat(7)), 'treat-as-withdraw', 5),
  wrong('RFC 6793 §6: AS4_PATH of 4 bytes', attribute(0xc0, 17, '02010000'), 'attribute-discard', 5, twoOctets),
  wrong('RFC 6793 §6: AS4_PATH of 7 bytes', attribute(0xc0, 17, '02010001000000'), 'attribute-discard', 5, twoOctets),
  wrong(
    'RFC 6793 §6: AS4_AGGREGATOR of 6 bytes',
    attribute(0xc0, 18, 'fde8c0000209'),
    'attribute-discard',
    5,
    twoOctets,
  ),
  wrong('RFC 8092 §6: LARGE_COMMUNITY of 0 bytes', attribute(0xc0, 32, ''), 'treat-as-withdraw', 5),
  wrong('RFC 8092 §6: LARGE_COMMUNITY of 13 bytes', attribute(0xc0, 32, '00'.repeat(13)), 'treat-as-withdraw', 5),
];

const VALUES: readonly Row[] = [
  wrong('RFC 7606 §7.1: ORIGIN 3', attribute(0x40, 1, '03'), 'treat-as-withdraw', 6),
  wrong('RFC 7606 §7.1: ORIGIN 255', attribute(0x40, 1, 'ff'), 'treat-as-withdraw', 6),
  wrong('RFC 7606 §7.2: AS_PATH, segment type 0', attribute(0x40, 2, '00 01 0000fde8'), 'treat-as-withdraw', 11),
  wrong('RFC 7606 §7.2: AS_PATH, segment type 5', attribute(0x40, 2, '05 01 0000fde8'), 'treat-as-withdraw', 11),
  wrong('RFC 7606 §7.2: AS_PATH, a segment of nothing', attribute(0x40, 2, '02 00'), 'treat-as-withdraw', 11),
  wrong('RFC 7606 §7.2: AS_PATH, a segment too long', attribute(0x40, 2, '02 02 0000fde8'), 'treat-as-withdraw', 11),
  wrong('RFC 7606 §7.2: AS_PATH, one byte left', attribute(0x40, 2, '02 01 0000fde8 02'), 'treat-as-withdraw', 11),
  wrong(
    'RFC 7606 §7.2: AS_PATH of two octets where four are agreed',
    attribute(0x40, 2, '02 01 fde8'),
    'treat-as-withdraw',
    11,
  ),
  wrong(
    'RFC 7607 §2: AS_PATH with AS number 0',
    attribute(0x40, 2, '02 02 0000fde8 00000000'),
    'treat-as-withdraw',
    11,
  ),
  wrong('RFC 4271 §6.3: NEXT_HOP 0.0.0.0', attribute(0x40, 3, '00000000'), 'treat-as-withdraw', 8),
  wrong('RFC 4271 §6.3: NEXT_HOP 127.0.0.1', attribute(0x40, 3, '7f000001'), 'treat-as-withdraw', 8),
  wrong('RFC 4271 §6.3: NEXT_HOP 224.0.0.5', attribute(0x40, 3, 'e0000005'), 'treat-as-withdraw', 8),
  wrong('RFC 4271 §6.3: NEXT_HOP 255.255.255.255', attribute(0x40, 3, 'ffffffff'), 'treat-as-withdraw', 8),
  wrong('RFC 7607 §2: AGGREGATOR with AS number 0', attribute(0xc0, 7, '00000000c0000209'), 'attribute-discard', 9),
  wrong(
    'RFC 6793 §6: AS4_PATH, a segment too long',
    attribute(0xc0, 17, '02 02 00010000'),
    'attribute-discard',
    9,
    twoOctets,
  ),
  wrong(
    'RFC 6793 §6: AS4_PATH, segment type 9',
    attribute(0xc0, 17, '09 01 00010000'),
    'attribute-discard',
    9,
    twoOctets,
  ),
  wrong(
    'RFC 6793 §6: AS4_PATH with a confederation',
    attribute(0xc0, 17, '03 01 00010000'),
    'attribute-discard',
    9,
    twoOctets,
  ),
  wrong(
    'RFC 7607 §2: AS4_PATH with AS number 0',
    attribute(0xc0, 17, '02 01 00000000'),
    'attribute-discard',
    9,
    twoOctets,
  ),
  wrong(
    'RFC 7607 §2: AS4_AGGREGATOR with AS number 0',
    attribute(0xc0, 18, '00000000c0000209'),
    'attribute-discard',
    9,
    twoOctets,
  ),
];

const OUT_OF_PLACE: readonly Row[] = [
  wrong('RFC 7606 §7.5: LOCAL_PREF from another AS', attribute(0x40, 5, '00000064'), 'attribute-discard', 9, external),
  wrong('RFC 7606 §7.5: the same of 3 bytes', attribute(0x40, 5, '000000'), 'attribute-discard', 9, external),
  wrong(
    'RFC 7606 §7.9: ORIGINATOR_ID from another AS',
    attribute(0x80, 9, 'c0000209'),
    'attribute-discard',
    9,
    external,
  ),
  wrong(
    'RFC 7606 §7.10: CLUSTER_LIST from another AS',
    attribute(0x80, 10, '00000001'),
    'attribute-discard',
    9,
    external,
  ),
  wrong(
    'RFC 6793 §4.1: AS4_PATH where four octets are agreed',
    attribute(0xc0, 17, '020100010000'),
    'attribute-discard',
    9,
  ),
  wrong(
    'RFC 6793 §4.1: AS4_AGGREGATOR where four octets are agreed',
    attribute(0xc0, 18, '00010000c0000209'),
    'attribute-discard',
    9,
  ),
];

/** RFC 7606 §3 c: optional and transitive must be as they are specified. */
const FLAGS: readonly Row[] = (
  [
    ['ORIGIN', 1, '00', [0x00, 0x80, 0xc0], internal],
    ['AS_PATH', 2, '', [0x00, 0x80, 0xc0], internal],
    ['NEXT_HOP', 3, 'c0000201', [0x00, 0x80, 0xc0], internal],
    ['MULTI_EXIT_DISC', 4, '00000001', [0x00, 0x40, 0xc0], internal],
    ['LOCAL_PREF', 5, '00000064', [0x00, 0x80, 0xc0], internal],
    ['ATOMIC_AGGREGATE', 6, '', [0x00, 0x80, 0xc0], internal],
    ['AGGREGATOR', 7, '0000fde8c0000209', [0x00, 0x40, 0x80], internal],
    ['COMMUNITIES', 8, 'fde8000a', [0x00, 0x40, 0x80], internal],
    ['ORIGINATOR_ID', 9, 'c0000209', [0x00, 0x40, 0xc0], internal],
    ['CLUSTER_LIST', 10, '00000001', [0x00, 0x40, 0xc0], internal],
    ['EXTENDED COMMUNITIES', 16, '0002fde80000000a', [0x00, 0x40, 0x80], internal],
    ['AS4_PATH', 17, '020100010000', [0x00, 0x40, 0x80], twoOctets],
    ['AS4_AGGREGATOR', 18, '00010000c0000209', [0x00, 0x40, 0x80], twoOctets],
    ['LARGE_COMMUNITY', 32, '0000fde80000000100000002', [0x00, 0x40, 0x80], internal],
  ] as const
).flatMap(([name, type, value, flags, context]) =>
  flags.map((bits) =>
    wrong(
      `RFC 7606 §3 c: ${name} with flags ${bits.toString(16)}`,
      attribute(bits, type, value),
      'treat-as-withdraw',
      4,
      context,
    ),
  ),
);

const MISSING: readonly Row[] = [1, 2, 3, 5].map((type) => ({
  name: `RFC 7606 §3 d: attribute ${type} is missing`,
  attributes: attributesWith(type, ''),
  want: ['treat-as-withdraw', 3, type.toString(16).padStart(2, '0')],
}));

const LIST: readonly Row[] = [
  {
    name: 'RFC 7606 §4: one byte behind the last attribute',
    attributes: `${Object.values(GOOD).join('')}40`,
    want: ['treat-as-withdraw', 1, ''],
  },
  {
    name: 'RFC 7606 §4: two bytes behind the last attribute',
    attributes: `${Object.values(GOOD).join('')}c008`,
    want: ['treat-as-withdraw', 1, ''],
  },
  {
    name: 'RFC 7606 §4: three bytes of one with an extended length',
    attributes: `${Object.values(GOOD).join('')}d00800`,
    want: ['treat-as-withdraw', 1, ''],
  },
  {
    name: 'RFC 7606 §4: the last attribute is longer than all',
    attributes: `${Object.values(GOOD).join('')}c0080500000000`,
    want: ['treat-as-withdraw', 1, ''],
  },
  {
    name: 'RFC 7606 §3 g: an attribute twice, the first one counts',
    attributes: `${Object.values(GOOD).join('')}${attribute(0x40, 1, '02')}`,
    want: ['attribute-discard', 1, ''],
  },
];

const RESETS: readonly Row[] = [
  {
    name: 'RFC 4271 §6.3: withdrawn routes longer than the message',
    body: bytesFromHex('0005 0000 0000'),
    want: ['session-reset', 1, ''],
  },
  {
    name: 'RFC 4271 §6.3: attributes longer than the message',
    body: bytesFromHex('0000 0004 400101'),
    want: ['session-reset', 1, ''],
  },
  {
    name: 'RFC 4271 §6.3: withdrawn routes that leave no room for the second length',
    body: bytesFromHex('0003 000000'),
    want: ['session-reset', 1, ''],
  },
  { name: 'RFC 4271 §4.3: nothing at all', body: bytesFromHex(''), want: ['session-reset', 1, ''] },
  {
    name: 'RFC 7606 §5.3: a route of 33 bits',
    body: updateBody({ attributes: Object.values(GOOD).join(''), nlri: '21 0a00020700' }),
    want: ['session-reset', 10, ''],
  },
  {
    name: 'RFC 7606 §5.3: a route that is cut off',
    body: updateBody({ attributes: Object.values(GOOD).join(''), nlri: '20 0a0002' }),
    want: ['session-reset', 10, ''],
  },
  {
    name: 'RFC 7606 §3 i: a withdrawn route of 33 bits',
    body: updateBody({ withdrawn: '21 0a00020700' }),
    want: ['session-reset', 10, ''],
  },
  {
    name: 'RFC 7606 §3 i: a withdrawn route that is cut off',
    body: updateBody({ withdrawn: '18 0a00' }),
    want: ['session-reset', 10, ''],
  },
  wrong('RFC 4271 §6.3: a well-known attribute that nobody knows', attribute(0x40, 99, '0102'), 'session-reset', 2),
  ...[0x00, 0x40, 0xc0].flatMap((flags) => [
    wrong(`RFC 7606 §5.3: MP_REACH_NLRI with flags ${flags}`, attribute(flags, 14, MP_REACH), 'session-reset', 4),
    wrong(`RFC 7606 §5.3: MP_UNREACH_NLRI with flags ${flags}`, attribute(flags, 15, '000201'), 'session-reset', 4),
  ]),
  wrong('RFC 7606 §7.11: MP_REACH_NLRI of 4 bytes', attribute(0x80, 14, '00020100'), 'session-reset', 9),
  wrong(
    'RFC 7606 §7.11: a next hop longer than the attribute',
    attribute(0x80, 14, '0002 01 10 20010db8 00'),
    'session-reset',
    9,
  ),
  wrong(
    'RFC 7606 §7.11: IPv6 with a next hop of 4 bytes',
    attribute(0x80, 14, '0002 01 04 c0000201 00 00'),
    'session-reset',
    9,
  ),
  wrong('RFC 7606 §7.11: IPv6 with a next hop of 0 bytes', attribute(0x80, 14, '0002 01 00 00 00'), 'session-reset', 9),
  wrong(
    'RFC 7606 §7.11: IPv6 with a next hop of 24 bytes',
    attribute(0x80, 14, `0002 01 18 ${'20'.repeat(24)} 00 00`),
    'session-reset',
    9,
  ),
  wrong(
    'RFC 8950 §4: IPv4 with an IPv6 next hop that is not agreed',
    attribute(0x80, 14, `0001 01 10 ${'20'.repeat(16)} 00 18 0a0001`),
    'session-reset',
    9,
  ),
  wrong(
    'RFC 7606 §5.3: MP_REACH_NLRI, a route of 129 bits',
    attribute(0x80, 14, `${MP_REACH} 81 ${'00'.repeat(17)}`),
    'session-reset',
    9,
  ),
  wrong(
    'RFC 7606 §5.3: MP_REACH_NLRI, a route cut off',
    attribute(0x80, 14, `${MP_REACH} 40 2001`),
    'session-reset',
    9,
  ),
  wrong('RFC 7606 §7.12: MP_UNREACH_NLRI of 2 bytes', attribute(0x80, 15, '0002'), 'session-reset', 9),
  wrong(
    'RFC 7606 §5.3: MP_UNREACH_NLRI, a route of 129 bits',
    attribute(0x80, 15, `0002 01 81 ${'00'.repeat(17)}`),
    'session-reset',
    9,
  ),
  wrong('RFC 7606 §5.3: MP_UNREACH_NLRI, a route cut off', attribute(0x80, 15, '0002 01 40 2001'), 'session-reset', 9),
  {
    name: 'RFC 7606 §3 g: MP_REACH_NLRI twice',
    attributes: attribute(0x80, 14, MP_REACH) + Object.values(GOOD).join('') + attribute(0x80, 14, MP_REACH),
    want: ['session-reset', 1, ''],
  },
  {
    name: 'RFC 7606 §3 g: MP_UNREACH_NLRI twice',
    attributes: attribute(0x80, 15, '000201') + Object.values(GOOD).join('') + attribute(0x80, 15, '000201'),
    want: ['session-reset', 1, ''],
  },
  {
    name: 'RFC 7606 §5.2: a wrong attribute, and no route that it could be of',
    body: updateBody({ attributes: attribute(0x40, 1, '03') }),
    want: ['session-reset', 6, '40010103'],
  },
  {
    name: 'RFC 7606 §5.2: the same with withdrawals only',
    body: updateBody({ withdrawn: NLRI, attributes: attribute(0x40, 3, 'c00002') }),
    want: ['session-reset', 5, '400303c00002'],
  },
  {
    name: 'RFC 7606 §5.2: a list that is cut off, and no route',
    body: updateBody({ attributes: '80' }),
    want: ['session-reset', 1, ''],
  },
  {
    name: 'RFC 7606 §5.2: MP_REACH_NLRI without a route is no route',
    body: updateBody({
      attributes: attribute(0x80, 14, '0002 01 10 20010db8000000000000000000000001 00') + attribute(0x40, 1, '03'),
    }),
    want: ['session-reset', 6, '40010103'],
  },
];

const rows: readonly Row[] = [...LENGTHS, ...VALUES, ...OUT_OF_PLACE, ...FLAGS, ...MISSING, ...LIST, ...RESETS];

test('the table is whole', () => {
  expect(rows.length).toBeGreaterThan(120);
  expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length);
  // Subcode 7 is deprecated, and has no case.
  expect([...new Set(rows.map(({ want }) => want[1]))].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 8, 9, 10, 11]);
});

describe('each fault', () => {
  test.each(rows)('$name', ({ attributes, body, context = internal, want: [verdict, subcode, data] }) => {
    const decoded = decodeUpdate(body ?? updateBody({ attributes: attributes ?? '', nlri: NLRI }), context);
    if (verdict === 'session-reset') {
      if (decoded.ok) throw new Error('it was taken');
      const { error } = decoded;
      expect([error.code, error.subcode, hexOf(error.data)]).toEqual([3, subcode, data]);
      expect(error.reason).not.toBe('');
      return;
    }
    if (!decoded.ok) throw new Error(decoded.error.reason);
    const { faults, handling } = decoded.value;
    expect(faults).toHaveLength(1);
    const [{ approach, fault } = { approach: undefined, fault: undefined }] = faults;
    expect([approach, fault?.code, fault?.subcode]).toEqual([verdict, 3, subcode]);
    // A duplicate and a broken list have no data, RFC 4271 §6.3; all others the attribute, or its type where it is missing.
    expect(hexOf(fault?.data ?? new Uint8Array())).toBe(data);
    expect(fault?.reason).not.toBe('');
    const { announced, withdrawn } = reachability(decoded.value);
    const routes = [{ family: { afi: 1, safi: 1 }, prefixes: ['10.0.2.7/32'] }];
    expect(handling).toBe(verdict === 'treat-as-withdraw' ? 'withdraw' : 'accept');
    expect(
      verdict === 'treat-as-withdraw' ? { announced: [], withdrawn: routes } : { announced: routes, withdrawn: [] },
    ).toEqual({
      announced,
      withdrawn,
    });
  });
});

describe('several at once', () => {
  test('RFC 7606 §3 h: the strongest counts', () => {
    const attributes = attribute(0x40, 6, '00') + attributesWith(1, attribute(0x40, 1, '03'));
    const decoded = decodeUpdate(updateBody({ attributes, nlri: NLRI }), internal);
    expect(decoded).toMatchObject({ ok: true, value: { handling: 'withdraw' } });
    expect(decoded.ok ? decoded.value.faults.map(({ approach }) => approach) : []).toEqual([
      'attribute-discard',
      'treat-as-withdraw',
    ]);
    const fatal = decodeUpdate(updateBody({ attributes: `${attributes}400f00`, nlri: NLRI }), internal);
    expect(fatal).toMatchObject({ ok: false, error: { subcode: 4 } });
  });

  test('what was discarded is gone, the rest is there', () => {
    const attributes = attributesWith(6, attribute(0x40, 6, '00')) + attribute(0x40, 1, '02');
    const decoded = decodeUpdate(updateBody({ attributes, nlri: NLRI }), internal);
    expect(decoded.ok ? decoded.value.update.attributes : undefined).toEqual({
      origin: 'igp',
      asPath: [],
      nextHop: '192.0.2.1',
      localPref: 100,
    });
  });

  test('RFC 7606 §5.2: what is discarded does no harm to a withdrawal', () => {
    const decoded = decodeUpdate(updateBody({ withdrawn: NLRI, attributes: attribute(0x40, 6, '00') }), internal);
    expect(decoded).toMatchObject({ ok: true, value: { handling: 'accept' } });
  });

  test('from another AS a route needs no LOCAL_PREF, and an IPv6 route no NEXT_HOP', () => {
    const plain = decodeUpdate(updateBody({ attributes: attributesWith(5, ''), nlri: NLRI }), external);
    expect(plain).toMatchObject({ ok: true, value: { handling: 'accept', faults: [] } });
    const attributes = attribute(0x80, 14, MP_REACH) + attributesWith(3, '');
    expect(decodeUpdate(updateBody({ attributes }), internal)).toMatchObject({
      ok: true,
      value: { handling: 'accept', faults: [] },
    });
  });

  test('RFC 7606 §4: routes are found behind a list that is cut off', () => {
    const decoded = decodeUpdate(
      updateBody({ attributes: `${Object.values(GOOD).join('')}c00805`, nlri: NLRI }),
      internal,
    );
    expect(decoded.ok ? reachability(decoded.value).withdrawn : []).toEqual([
      { family: { afi: 1, safi: 1 }, prefixes: ['10.0.2.7/32'] },
    ]);
  });
});
