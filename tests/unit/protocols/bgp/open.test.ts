/** OPEN: both ways, every capability, and every wrong one with its NOTIFICATION. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ipFromBytes } from '../../../../src/runtime/model/ip.ts';
import type { Capability } from '../../../../src/runtime/protocols/bgp/codec/capabilities.ts';
import { IPV4_UNICAST, IPV6_UNICAST } from '../../../../src/runtime/protocols/bgp/codec/family.ts';
import {
  allowsNextHop,
  decodeOpen,
  encodeOpen,
  has,
  type Open,
  openAsn,
  openFamilies,
  openGracefulRestart,
  twoOctetAs,
} from '../../../../src/runtime/protocols/bgp/codec/open.ts';
import { bytesFromHex } from '../../../support/arp-vectors.ts';
import { capabilitiesParameter, hexOf, MARKER, openBody } from '../../../support/bgp-bytes.ts';
import { ip } from '../../../support/views.ts';

const plain = { myAs: 65000, holdTimeSeconds: 90, identifier: ip('192.0.2.1') };

function bodyOf(open: Open): Uint8Array {
  return encodeOpen(open).subarray(19);
}

describe('each capability, both ways', () => {
  const rows: readonly { name: string; hex: string; capability: Capability }[] = [
    {
      name: 'RFC 4760 §8: multiprotocol, IPv6 unicast',
      hex: '01 04 0002 00 01',
      capability: { kind: 'multiprotocol', family: IPV6_UNICAST },
    },
    { name: 'RFC 2918 §2: route refresh', hex: '02 00', capability: { kind: 'route-refresh' } },
    {
      name: 'RFC 8950 §4: IPv4 unicast over an IPv6 next hop',
      hex: '05 06 0001 0001 0002',
      capability: { kind: 'extended-next-hop', rows: [{ family: IPV4_UNICAST, nextHopAfi: 2 }] },
    },
    { name: 'RFC 8654 §3: extended message', hex: '06 00', capability: { kind: 'extended-message' } },
    {
      name: 'RFC 4724 §3, RFC 8538 §2: graceful restart, R and N, two families',
      hex: '40 0a c078 0001 01 80 0002 01 00',
      capability: {
        kind: 'graceful-restart',
        restarting: true,
        notification: true,
        restartTimeSeconds: 120,
        families: [
          { family: IPV4_UNICAST, forwardingPreserved: true },
          { family: IPV6_UNICAST, forwardingPreserved: false },
        ],
      },
    },
    {
      name: 'RFC 4724 §3: no family, only End-of-RIB',
      hex: '40 02 0fff',
      capability: {
        kind: 'graceful-restart',
        restarting: false,
        notification: false,
        restartTimeSeconds: 4095,
        families: [],
      },
    },
    { name: 'RFC 6793 §3: 4-octet AS', hex: '41 04 fffffffe', capability: { kind: 'four-octet-as', asn: 4294967294 } },
    { name: 'RFC 7313 §3.1: enhanced route refresh', hex: '46 00', capability: { kind: 'enhanced-route-refresh' } },
    {
      name: 'one that is not known keeps its bytes',
      hex: '49 03 026c62',
      capability: { kind: 'other', code: 73, value: bytesFromHex('026c62') },
    },
  ];

  test.each(rows)('$name', ({ hex, capability }) => {
    const body = openBody(capabilitiesParameter(hex));
    expect(decodeOpen(body)).toEqual({ ok: true, value: { ...plain, capabilities: [capability] } });
    expect(hexOf(bodyOf({ ...plain, capabilities: [capability] }))).toBe(hexOf(body));
  });

  test('without any', () => {
    expect(decodeOpen(openBody('00'))).toEqual({ ok: true, value: { ...plain, capabilities: [] } });
    expect(hexOf(bodyOf({ ...plain, capabilities: [] }))).toBe(hexOf(openBody('00')));
  });

  test('RFC 5492 §4: spread over several parameters', () => {
    const decoded = decodeOpen(openBody('0e 02 02 0200 02 08 4104 00010000 4600'));
    expect(decoded).toMatchObject({
      ok: true,
      value: {
        capabilities: [
          { kind: 'route-refresh' },
          { kind: 'four-octet-as', asn: 65536 },
          { kind: 'enhanced-route-refresh' },
        ],
      },
    });
  });

  test('reserved bits and octets are not looked at', () => {
    const decoded = decodeOpen(openBody(capabilitiesParameter('01 04 0001 ff 01 40 06 3078 0001 01 7f')));
    expect(decoded).toMatchObject({
      ok: true,
      value: {
        capabilities: [
          { family: IPV4_UNICAST },
          {
            restarting: false,
            notification: false,
            restartTimeSeconds: 120,
            families: [{ forwardingPreserved: false }],
          },
        ],
      },
    });
  });
});

describe('RFC 9072 §2: the extended length of parameters', () => {
  const value = 'ab'.repeat(250);
  const capability: Capability = { kind: 'other', code: 200, value: bytesFromHex(value) };

  test('is made where one octet does not do, and read', () => {
    const open = { ...plain, capabilities: [capability, capability] };
    expect(hexOf(bodyOf(open))).toBe(hexOf(openBody(`ff ff 01fb 02 01f8 c8fa${value} c8fa${value}`)));
    expect(decodeOpen(bodyOf(open))).toEqual({ ok: true, value: open });
  });

  test('is not made where one octet does', () => {
    const open = { ...plain, capabilities: [{ ...capability, value: bytesFromHex('ab'.repeat(249)) }] };
    expect(bodyOf(open).subarray(9, 13)).toEqual(bytesFromHex('fd 02 fb c8'));
    const longer = { ...plain, capabilities: [capability, { kind: 'route-refresh' } as const] };
    expect(bodyOf(longer).subarray(9, 11)).toEqual(bytesFromHex('ff ff'));
  });

  test('is known by the type, whatever the length before it but 0', () => {
    expect(decodeOpen(openBody('0a ff 0005 02 0002 0200'))).toMatchObject({
      ok: true,
      value: { capabilities: [{ kind: 'route-refresh' }] },
    });
    expect(decodeOpen(openBody('00 ff 0005 02 0002 0200'))).toMatchObject({
      ok: false,
      error: { code: 2, subcode: 0 },
    });
  });
});

describe('RFC 4271 §6.2: every wrong OPEN has its NOTIFICATION', () => {
  test.each([
    { name: 'version 3', body: openBody('00', { version: '03' }), want: [2, 1, '0004'] },
    { name: 'version 5', body: openBody('00', { version: '05' }), want: [2, 1, '0004'] },
    { name: 'RFC 7607 §2: AS number 0', body: openBody('00', { as: '0000' }), want: [2, 2, ''] },
    {
      name: 'RFC 7607 §2: AS number 0 in four octets',
      body: openBody(capabilitiesParameter('41 04 00000000'), { as: '5ba0' }),
      want: [2, 2, ''],
    },
    { name: 'RFC 6286 §2.1: BGP identifier 0', body: openBody('00', { id: '00000000' }), want: [2, 3, ''] },
    { name: 'hold time 1', body: openBody('00', { hold: '0001' }), want: [2, 6, ''] },
    { name: 'hold time 2', body: openBody('00', { hold: '0002' }), want: [2, 6, ''] },
    { name: 'parameter 1, authentication', body: openBody('03 01 01 00'), want: [2, 4, ''] },
    { name: 'parameter 3', body: openBody('02 03 00'), want: [2, 4, ''] },
    { name: 'parameter 255 that is not the first', body: openBody('08 02 02 0200 ff 02 0000'), want: [2, 4, ''] },
    { name: 'fewer parameters than it says', body: openBody('05 02 02 0200'), want: [2, 0, ''] },
    { name: 'more parameters than it says', body: openBody('04 02 02 0200 00'), want: [2, 0, ''] },
    { name: 'a parameter beyond the end', body: openBody('04 02 03 0200'), want: [2, 0, ''] },
    { name: 'a parameter without a length', body: openBody('05 02 02 0200 02'), want: [2, 0, ''] },
    { name: 'a capability beyond its parameter', body: openBody(capabilitiesParameter('02 01')), want: [2, 0, ''] },
    { name: 'a capability without a length', body: openBody(capabilitiesParameter('02')), want: [2, 0, ''] },
    { name: 'RFC 9072: an extended length cut off', body: openBody('ff ff 00'), want: [2, 0, ''] },
    { name: 'RFC 9072: an extended length too long', body: openBody('ff ff 0006 02 0002 0200'), want: [2, 0, ''] },
    { name: 'multiprotocol of 3 bytes', body: openBody(capabilitiesParameter('01 03 000100')), want: [2, 0, ''] },
    { name: 'route refresh of 1 byte', body: openBody(capabilitiesParameter('02 01 00')), want: [2, 0, ''] },
    {
      name: 'extended next hop of 5 bytes',
      body: openBody(capabilitiesParameter('05 05 0001000100')),
      want: [2, 0, ''],
    },
    { name: 'extended message of 1 byte', body: openBody(capabilitiesParameter('06 01 00')), want: [2, 0, ''] },
    { name: 'graceful restart of 1 byte', body: openBody(capabilitiesParameter('40 01 00')), want: [2, 0, ''] },
    {
      name: 'graceful restart of 5 bytes',
      body: openBody(capabilitiesParameter('40 05 0078000101')),
      want: [2, 0, ''],
    },
    { name: '4-octet AS of 2 bytes', body: openBody(capabilitiesParameter('41 02 fde8')), want: [2, 0, ''] },
    { name: 'enhanced route refresh of 1 byte', body: openBody(capabilitiesParameter('46 01 00')), want: [2, 0, ''] },
  ])('$name', ({ body, want }) => {
    const decoded = decodeOpen(body);
    if (decoded.ok) throw new Error('it was taken');
    const { code, subcode, data, reason } = decoded.error;
    expect([code, subcode, hexOf(data)]).toEqual(want);
    expect(reason).not.toBe('');
  });

  test('the reason says what was found', () => {
    const decoded = decodeOpen(openBody(capabilitiesParameter('41 02 fde8')));
    expect(decoded.ok ? '' : decoded.error.reason).toBe('capability 65 has a value of 2 bytes, not 4');
  });

  test('hold times 0 and 3 are right', () => {
    for (const hold of ['0000', '0003']) expect(decodeOpen(openBody('00', { hold })).ok).toBe(true);
  });
});

describe('what an OPEN says of its sender', () => {
  const open = (capabilities: readonly Capability[], myAs = 23456): Open => ({ ...plain, myAs, capabilities });

  test('RFC 6793 §4.1: the AS number of four octets, else the one of two', () => {
    expect(openAsn(open([{ kind: 'four-octet-as', asn: 4200000000 }]))).toBe(4200000000);
    expect(openAsn(open([], 64500))).toBe(64500);
    expect(twoOctetAs(4200000000)).toBe(23456);
    expect(twoOctetAs(65535)).toBe(65535);
    expect(twoOctetAs(65536)).toBe(23456);
  });

  test('RFC 4760 §8: without the capability it is IPv4 unicast alone', () => {
    expect(openFamilies(open([]))).toEqual([IPV4_UNICAST]);
    const twice = { kind: 'multiprotocol', family: IPV6_UNICAST } as const;
    expect(openFamilies(open([twice, twice]))).toEqual([IPV6_UNICAST]);
  });

  test('RFC 4724 §3: of several graceful restarts the last counts', () => {
    const restart = { kind: 'graceful-restart', restarting: false, notification: false, families: [] } as const;
    const found = openGracefulRestart(
      open([
        { ...restart, restartTimeSeconds: 1 },
        { ...restart, restartTimeSeconds: 2 },
      ]),
    );
    expect(found?.restartTimeSeconds).toBe(2);
    expect(openGracefulRestart(open([]))).toBeUndefined();
  });

  test('RFC 8950 §4: next hops of another family, for the families named', () => {
    const said = open([{ kind: 'extended-next-hop', rows: [{ family: IPV4_UNICAST, nextHopAfi: 2 }] }]);
    expect(allowsNextHop(said, IPV4_UNICAST, 2)).toBe(true);
    expect(allowsNextHop(said, IPV6_UNICAST, 2)).toBe(false);
    expect(allowsNextHop(said, IPV4_UNICAST, 1)).toBe(false);
    expect(has(said, 'extended-next-hop')).toBe(true);
    expect(has(said, 'route-refresh')).toBe(false);
  });
});

const family = fc.record({ afi: fc.nat(0xffff), safi: fc.nat(0xff) });
const known = new Set([1, 2, 5, 6, 64, 65, 70]);
const capability: fc.Arbitrary<Capability> = fc.oneof(
  family.map((each): Capability => ({ kind: 'multiprotocol', family: each })),
  fc.constantFrom<Capability>(
    { kind: 'route-refresh' },
    { kind: 'extended-message' },
    { kind: 'enhanced-route-refresh' },
  ),
  fc
    .array(fc.record({ family, nextHopAfi: fc.nat(0xffff) }), { maxLength: 4 })
    .map((rows): Capability => ({ kind: 'extended-next-hop', rows })),
  fc.record({
    kind: fc.constant('graceful-restart' as const),
    restarting: fc.boolean(),
    notification: fc.boolean(),
    restartTimeSeconds: fc.nat(4095),
    families: fc.array(fc.record({ family, forwardingPreserved: fc.boolean() }), { maxLength: 4 }),
  }),
  fc.integer({ min: 1, max: 0xffffffff }).map((asn): Capability => ({ kind: 'four-octet-as', asn })),
  fc
    .record({ code: fc.nat(255).filter((code) => !known.has(code)), value: fc.uint8Array({ maxLength: 80 }) })
    .map(({ code, value }): Capability => ({ kind: 'other', code, value })),
);
const anyOpen: fc.Arbitrary<Open> = fc.record({
  myAs: fc.integer({ min: 1, max: 0xffff }),
  holdTimeSeconds: fc.oneof(fc.constant(0), fc.integer({ min: 3, max: 0xffff })),
  identifier: fc
    .uint8Array({ minLength: 4, maxLength: 4 })
    .filter((bytes) => bytes.some((byte) => byte !== 0))
    .map((bytes) => {
      const address = ipFromBytes(bytes);
      if (!address.ok) throw new Error(address.error);
      return address.value;
    }),
  capabilities: fc.array(capability, { maxLength: 12 }),
});

test('decoding undoes encoding', () => {
  fc.assert(
    fc.property(anyOpen, (open) => {
      const bytes = encodeOpen(open);
      expect(hexOf(bytes.subarray(0, 16))).toBe(MARKER);
      expect(decodeOpen(bytes.subarray(19))).toEqual({ ok: true, value: open });
    }),
    { numRuns: 1000 },
  );
});

test('it is total', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const decoded = decodeOpen(bytes);
      if (decoded.ok) expect(decodeOpen(bodyOf(decoded.value))).toEqual(decoded);
      else expect([1, 2]).toContain(decoded.error.code);
    }),
    { numRuns: 2000 },
  );
});
