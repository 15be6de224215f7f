/** What a configured peer comes to, and which addresses routes get for next hops. */
import { describe, expect, test } from '@jest/globals';
import type { BgpPeer } from '../../../../../src/runtime/model/config.ts';
import { nextHopsOf } from '../../../../../src/runtime/programs/speaker/bgp/next-hops.ts';
import { sessionOptions, streamTarget } from '../../../../../src/runtime/programs/speaker/bgp/session-options.ts';
import { bgpPeer, ip } from '../../../../support/views.ts';

const PEER = bgpPeer('router');
const V6 = { remote: { address: ip('2001:db8::1') } };
const IPV4 = { afi: 1, safi: 1 };
const IPV6 = { afi: 2, safi: 1 };

describe('options', () => {
  const rows: readonly { name: string; given: Partial<BgpPeer>; want: object }[] = [
    {
      name: 'by default',
      given: {},
      want: { holdTimeSeconds: 90, connectTimeSeconds: 10, families: [IPV4], localAsn: 64512 },
    },
    { name: 'an IPv6 router hears of IPv6 routes', given: V6, want: { families: [IPV6], transport: 'ipv6' } },
    {
      name: 'both families over one session',
      given: { dualStackAddressFamily: true },
      want: { families: [IPV4, IPV6], transport: 'ipv4' },
    },
    {
      name: 'an unnumbered router hears of both',
      given: { remote: { interface: 'eth0' } },
      want: { families: [IPV4, IPV6], transport: 'ipv6' },
    },
    { name: 'the AS number that is shown', given: { localAsn: 65000 }, want: { localAsn: 65000 } },
    { name: 'graceful restart', given: { gracefulRestart: true }, want: { restartTimeSeconds: 120 } },
    { name: 'a hold time of 0', given: { holdTimeSeconds: 0, keepaliveTimeMs: 0 }, want: { holdTimeSeconds: 0 } },
  ];
  test.each(rows)('$name', ({ given, want }) => {
    const peer = { ...PEER, ...given };
    expect(sessionOptions({ peer, identifier: ip('192.0.2.10') }, { seed: 1 })).toMatchObject(want);
  });
});

describe('hop limits', () => {
  const rows: readonly { name: string; given: Partial<BgpPeer>; want: number }[] = [
    { name: 'another AS, one hop', given: {}, want: 1 },
    { name: 'another AS, many hops', given: { ebgpMultiHop: true }, want: 255 },
    { name: 'the same AS', given: { peerAsn: 64512 }, want: 255 },
    { name: 'the same AS, whatever it is', given: { peerAsn: 'internal' }, want: 255 },
    { name: 'the AS that is shown counts', given: { localAsn: 64513 }, want: 255 },
    { name: 'any other AS', given: { peerAsn: 'external' }, want: 1 },
  ];
  test.each(rows)('$name', ({ given, want }) => {
    expect(streamTarget({ ...PEER, ...given }, { address: ip('192.0.2.1') }).hops).toEqual({ kind: 'ttl', ttl: want });
  });
});

test('a connection is bound to what a link-local address is behind, or to the VRF', () => {
  const remote = { address: ip('fe80::1'), device: 'eth0' };
  expect(streamTarget(PEER, remote).device).toBe('eth0');
  expect(streamTarget({ ...PEER, vrf: 'red' }, remote).device).toBe('eth0');
  expect(streamTarget({ ...PEER, vrf: 'red' }, { address: ip('192.0.2.1') }).device).toBe('red');
});

test('GTSM takes the place of the TTL for the way', () => {
  const peer = { ...PEER, ttlSecurityHops: 3 };
  expect(streamTarget(peer, { address: ip('192.0.2.1') }).hops).toEqual({ kind: 'gtsm', hops: 3 });
});

describe('next hops', () => {
  const interfaces = [
    { name: 'lo', index: 1, running: true, addresses: ['127.0.0.1/8', '::1/128'] },
    { name: 'eth0', index: 2, running: true, addresses: ['192.0.2.10/24', 'fe80::1/64', '2001:db8::10/64'] },
    { name: 'eth1', index: 3, running: true, addresses: ['198.51.100.10/24', 'fe80::1/64'] },
  ];
  const rows: readonly { name: string; given: [string, string?]; want: object }[] = [
    {
      name: 'over IPv4: with the IPv6 address beside it',
      given: ['192.0.2.10'],
      want: { ipv4: '192.0.2.10', ipv6: '2001:db8::10' },
    },
    {
      name: 'over IPv6: with the IPv4 address beside it',
      given: ['2001:db8::10'],
      want: { ipv4: '192.0.2.10', ipv6: '2001:db8::10' },
    },
    {
      name: 'over a link-local address: of its interface, and itself',
      given: ['fe80::1', 'eth0'],
      want: { ipv4: '192.0.2.10', ipv6: '2001:db8::10', linkLocal: 'fe80::1' },
    },
    {
      name: 'the same link-local address of another interface',
      given: ['fe80::1', 'eth1'],
      want: { ipv4: '198.51.100.10', linkLocal: 'fe80::1' },
    },
    { name: 'an address that no interface is known to have', given: ['203.0.113.1'], want: { ipv4: '203.0.113.1' } },
  ];
  test.each(rows)('$name', ({ given: [local, device], want }) => {
    expect(nextHopsOf(ip(local), interfaces, device)).toEqual(want);
  });
});
