/** What an OPEN of the router's comes to: refused, or what both sides agree on. */
import { describe, expect, test } from '@jest/globals';
import { agree, describeCapabilities, openFault, ownOpen } from '../../../../src/runtime/protocols/bgp/agreement.ts';
import type { Capability } from '../../../../src/runtime/protocols/bgp/codec/capabilities.ts';
import { IPV4_UNICAST, IPV6_UNICAST } from '../../../../src/runtime/protocols/bgp/codec/family.ts';
import { encodeKeepalive } from '../../../../src/runtime/protocols/bgp/codec/header.ts';
import { encodeOpen, type Open } from '../../../../src/runtime/protocols/bgp/codec/open.ts';
import type { BgpSessionOptions } from '../../../../src/runtime/protocols/bgp/interface.ts';
import { ROUTER_OPEN } from '../../../support/bgp-peer.ts';
import { BgpScript, openWith, restarts, SPEAKS_IPV6, sessionOptions } from '../../../support/bgp-script.ts';
import { ip } from '../../../support/views.ts';

const open = (more: Partial<Open>): Open => ({
  myAs: 64513,
  holdTimeSeconds: 90,
  identifier: ip('192.0.2.1'),
  capabilities: [],
  ...more,
});
const asn4 = (asn: number): Capability => ({ kind: 'four-octet-as', asn });

describe('RFC 4271 §6.2: the AS number', () => {
  const REFUSED = '2/2';
  test.each<[string, Partial<BgpSessionOptions>, Open, string | undefined]>([
    ['the one that is configured', {}, open({}), undefined],
    ['another', {}, open({ myAs: 65000 }), REFUSED],
    ['this side’s own', {}, open({ myAs: 64512 }), REFUSED],
    [
      'of four octets',
      { peerAsn: 4_200_000_000 },
      open({ myAs: 23456, capabilities: [asn4(4_200_000_000)] }),
      undefined,
    ],
    [
      'of four octets, another',
      { peerAsn: 4_200_000_000 },
      open({ myAs: 23456, capabilities: [asn4(4_200_000_001)] }),
      REFUSED,
    ],
    ['AS_TRANS alone', { peerAsn: 4_200_000_000 }, open({ myAs: 23456 }), REFUSED],
    ['the capability counts, not the field', {}, open({ myAs: 64513, capabilities: [asn4(65000)] }), REFUSED],
    ['internal, and it is', { peerAsn: 'internal' }, open({ myAs: 64512 }), undefined],
    ['internal, and it is another', { peerAsn: 'internal' }, open({}), REFUSED],
    ['external, whichever', { peerAsn: 'external' }, open({ myAs: 1 }), undefined],
    ['external, and it is this side’s own', { peerAsn: 'external' }, open({ myAs: 64512 }), REFUSED],
    ['this side’s own, and configured so', { peerAsn: 64512 }, open({ myAs: 64512 }), undefined],
  ])('%s', (_, options, opened, want) => {
    const fault = openFault(opened, sessionOptions(options));
    expect(fault === undefined ? undefined : `${fault.code}/${fault.subcode}`).toBe(want);
  });

  test.each<[string, Partial<BgpSessionOptions>, string]>([
    ['a number', {}, 'the router is of AS 65000, 64513 is configured'],
    ['internal', { peerAsn: 'internal' }, 'the router is of AS 65000, 64512 is configured'],
    [
      'external',
      { localAsn: 65000, peerAsn: 'external' },
      'the router is of AS 65000, any other than 65000 is configured',
    ],
  ])('says what is wrong: %s', (_, options, reason) => {
    expect(openFault(open({ myAs: 65000 }), sessionOptions(options))?.reason).toBe(reason);
  });

  test('ends the session by its NOTIFICATION', () => {
    const script = new BgpScript();
    script.reach('open-sent');
    expect(script.says(1, encodeOpen(open({ myAs: 65000 })))).toEqual([
      'write 1: notification 2/2',
      'close 1 in-order',
      'failed notification-sent: the router sent something wrong: the router is of AS 65000, 64513 is configured',
      'changed open-sent → idle',
    ]);
    expect(script.session.snapshot().remoteAsn).toBeUndefined();
  });
});

describe('RFC 6286 §2.2: the BGP identifier', () => {
  test.each<[string, Partial<BgpSessionOptions>, number, string | undefined]>([
    ['this side’s own, within the AS', { peerAsn: 'internal' }, 64512, '2/3'],
    ['this side’s own, of another AS', {}, 64513, undefined],
  ])('%s', (_, options, myAs, want) => {
    const fault = openFault(open({ myAs, identifier: ip('10.0.0.1') }), sessionOptions(options));
    expect(fault === undefined ? undefined : `${fault.code}/${fault.subcode}`).toBe(want);
  });

  test('any other number will do', () => {
    for (const identifier of ['0.0.0.1', '127.0.0.1', '224.0.0.1', '255.255.255.255']) {
      expect(openFault(open({ identifier: ip(identifier) }), sessionOptions())).toBeUndefined();
    }
  });
});

describe('the own OPEN', () => {
  const kinds = (options: Partial<BgpSessionOptions>) =>
    ownOpen(sessionOptions(options), { isRestarting: false }).capabilities.map(({ kind }) => kind);

  test('has what is spoken', () => {
    expect(ownOpen(sessionOptions({ restartTimeSeconds: 120 }), { isRestarting: true })).toEqual({
      myAs: 64512,
      holdTimeSeconds: 90,
      identifier: '10.0.0.1',
      capabilities: [
        { kind: 'multiprotocol', family: IPV4_UNICAST },
        { kind: 'multiprotocol', family: IPV6_UNICAST },
        { kind: 'route-refresh' },
        { kind: 'enhanced-route-refresh' },
        { kind: 'extended-message' },
        { kind: 'four-octet-as', asn: 64512 },
        {
          kind: 'graceful-restart',
          restarting: true,
          notification: true,
          restartTimeSeconds: 120,
          families: [
            { family: IPV4_UNICAST, forwardingPreserved: true },
            { family: IPV6_UNICAST, forwardingPreserved: true },
          ],
        },
      ],
    });
  });

  test('RFC 6793 §4.1: an AS number of four octets stands in the capability, and AS_TRANS in its place', () => {
    const { myAs, capabilities } = ownOpen(sessionOptions({ localAsn: 4_200_000_000 }), { isRestarting: false });
    expect(myAs).toBe(23456);
    expect(capabilities).toContainEqual(asn4(4_200_000_000));
  });

  test('no graceful restart without a restart time', () => {
    expect(kinds({})).not.toContain('graceful-restart');
  });

  test('RFC 8950 §4: IPv4 routes with IPv6 next hops are offered over IPv6, where there are IPv4 routes', () => {
    expect(kinds({ transport: 'ipv6' })).toContain('extended-next-hop');
    expect(kinds({ transport: 'ipv4' })).not.toContain('extended-next-hop');
    expect(kinds({ transport: 'ipv6', families: [IPV6_UNICAST] })).not.toContain('extended-next-hop');
  });

  test('RFC 4724 §4.1: it restarts until it was established once', () => {
    const script = new BgpScript({ restartTimeSeconds: 120 });
    const restarting = () => {
      const written = script.tell({
        kind: 'connected',
        connection: script.dialled,
        local: ip('192.0.2.10'),
        nextHops: {},
      });
      const [first] = written;
      const [message] = first?.kind === 'write' ? script.messages(first.bytes) : [];
      const capability = message?.kind === 'open' ? message.open.capabilities.at(-1) : undefined;
      return capability?.kind === 'graceful-restart' && capability.restarting;
    };
    script.start();
    expect(restarting()).toBe(true);
    script.told({ kind: 'closed', connection: script.dialled });
    script.pass(1000);
    expect(restarting()).toBe(true);
    script.says(script.dialled, encodeOpen(ROUTER_OPEN), encodeKeepalive());
    script.told({ kind: 'closed', connection: script.dialled });
    script.pass(1000);
    expect(restarting()).toBe(false);
  });
});

describe('what both agree on', () => {
  const agreed = (opened: Open, options: Partial<BgpSessionOptions> = {}) => {
    const whole = sessionOptions(options);
    return agree(ownOpen(whole, { isRestarting: false }), opened, whole);
  };

  test('with a router that says nothing of what it can do: IPv4 unicast and two octets', () => {
    expect(agreed(open({}))).toEqual({
      asnBytes: 2,
      peerKind: 'external',
      ipv4NextHops: 'ipv4',
      remoteAsn: 64513,
      remoteIdentifier: '192.0.2.1',
      holdTimeSeconds: 90,
      families: [IPV4_UNICAST],
      extendedMessages: false,
      routeRefresh: 'none',
      gracefulRestart: 'none',
    });
  });

  test('with one that can all: all', () => {
    const capabilities: Capability[] = [
      SPEAKS_IPV6,
      { kind: 'route-refresh' },
      { kind: 'enhanced-route-refresh' },
      { kind: 'extended-message' },
      { kind: 'extended-next-hop', rows: [{ family: IPV4_UNICAST, nextHopAfi: 2 }] },
      restarts(true),
    ];
    expect(agreed(openWith(...capabilities), { restartTimeSeconds: 120, transport: 'ipv6' })).toMatchObject({
      asnBytes: 4,
      ipv4NextHops: 'ipv4-and-ipv6',
      families: [IPV4_UNICAST, IPV6_UNICAST],
      extendedMessages: true,
      routeRefresh: 'enhanced',
      gracefulRestart: 'notification',
    });
  });

  test.each<[string, Open, Partial<BgpSessionOptions>, object]>([
    ['an own AS number is internal', open({ myAs: 64512 }), { peerAsn: 'internal' }, { peerKind: 'internal' }],
    ['families of this side alone', open({}), { families: [IPV6_UNICAST] }, { families: [] }],
    ['families of the router alone', openWith(SPEAKS_IPV6), { families: [IPV4_UNICAST] }, { families: [IPV4_UNICAST] }],
    [
      'a family nobody knows',
      openWith({ kind: 'multiprotocol', family: { afi: 25, safi: 70 } }),
      {},
      { families: [IPV4_UNICAST] },
    ],
    ['plain route refresh', openWith({ kind: 'route-refresh' }), {}, { routeRefresh: 'plain' }],
    [
      'IPv6 next hops over IPv4 are not offered',
      openWith({ kind: 'extended-next-hop', rows: [{ family: IPV4_UNICAST, nextHopAfi: 2 }] }),
      {},
      { ipv4NextHops: 'ipv4' },
    ],
    ['IPv6 next hops that the router does not take', openWith(), { transport: 'ipv6' }, { ipv4NextHops: 'ipv4' }],
    ['graceful restart of the router alone', openWith(restarts(true)), {}, { gracefulRestart: 'none' }],
    ['graceful restart of this side alone', openWith(), { restartTimeSeconds: 120 }, { gracefulRestart: 'none' }],
    [
      'graceful restart without notifications',
      openWith(restarts(false)),
      { restartTimeSeconds: 120 },
      { gracefulRestart: 'plain' },
    ],
    [
      'graceful restart of a helper, which lists no families',
      openWith(restarts(false, [])),
      { restartTimeSeconds: 120 },
      { gracefulRestart: 'plain' },
    ],
    ['no hold time, the router’s', open({ holdTimeSeconds: 0 }), {}, { holdTimeSeconds: 0 }],
    ['no hold time, this side’s', open({}), { holdTimeSeconds: 0 }, { holdTimeSeconds: 0 }],
    ['the smaller hold time', open({ holdTimeSeconds: 3 }), {}, { holdTimeSeconds: 3 }],
  ])('%s', (_, opened, options, want) => {
    expect(agreed(opened, options)).toMatchObject(want);
  });
});

test('capabilities in words', () => {
  const all: Capability[] = [
    SPEAKS_IPV6,
    { kind: 'multiprotocol', family: { afi: 25, safi: 70 } },
    { kind: 'route-refresh' },
    { kind: 'enhanced-route-refresh' },
    { kind: 'extended-message' },
    { kind: 'extended-next-hop', rows: [] },
    restarts(true),
    asn4(1),
    { kind: 'other', code: 128, value: new Uint8Array() },
  ];
  expect(describeCapabilities(open({ capabilities: all }))).toEqual([
    'ipv6 unicast',
    'AFI 25 SAFI 70',
    'route refresh',
    'enhanced route refresh',
    'extended message',
    'extended next hop',
    'graceful restart (120 s)',
    '4-octet AS numbers',
    'capability 128',
  ]);
});
