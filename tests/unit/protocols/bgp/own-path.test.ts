/** What routes look like on a connection. */
import { describe, expect, test } from '@jest/globals';
import type { BgpCommunity } from '../../../../src/runtime/model/bgp-community.ts';
import { IPV4_UNICAST, IPV6_UNICAST } from '../../../../src/runtime/protocols/bgp/codec/family.ts';
import type { NextHops } from '../../../../src/runtime/protocols/bgp/interface.ts';
import { nextHopFor, OwnPaths, type PathContext } from '../../../../src/runtime/protocols/bgp/own-path.ts';
import { route } from '../../../support/bgp-script.ts';
import { ip } from '../../../support/views.ts';

const BOTH = [IPV4_UNICAST, IPV6_UNICAST];
const V4 = ip('192.0.2.10');
const V6 = ip('2001:db8::10');
const LOCAL = ip('fe80::10');

function context(
  more: { nextHops?: NextHops } & Partial<PathContext['agreement']> &
    Partial<Pick<PathContext, 'gracefulShutdown'>> = {},
): PathContext {
  const { nextHops = { ipv4: V4 }, gracefulShutdown = 'off', ...agreement } = more;
  return {
    localAsn: 64512,
    agreement: { peerKind: 'external', ipv4NextHops: 'ipv4', families: BOTH, ...agreement },
    nextHops,
    gracefulShutdown,
  };
}

describe('next hops', () => {
  const free = { ipv4NextHops: 'ipv4-and-ipv6' } as const;
  const NO_IPV6 = 'the interface has no IPv6 address';
  test.each([
    { name: 'IPv4 over IPv4', given: {}, ipv4: { address: V4 }, ipv6: NO_IPV6 },
    {
      name: 'both over IPv4',
      given: { nextHops: { ipv4: V4, ipv6: V6 } },
      ipv4: { address: V4 },
      ipv6: { address: V6 },
    },
    {
      name: 'both over IPv6, RFC 2545 §3: with the link-local one',
      given: { nextHops: { ipv4: V4, ipv6: V6, linkLocal: LOCAL } },
      ipv4: { address: V4 },
      ipv6: { address: V6, linkLocal: LOCAL },
    },
    {
      name: 'over IPv6 without an IPv4 address',
      given: { nextHops: { ipv6: V6 } },
      ipv4: 'the router takes no IPv6 next hops, and the interface has no IPv4 address',
      ipv6: { address: V6 },
    },
    {
      name: 'RFC 8950 §3: IPv4 with an IPv6 next hop, where it is agreed',
      given: { ...free, nextHops: { ipv6: V6 } },
      ipv4: { address: V6 },
      ipv6: { address: V6 },
    },
    {
      name: 'unnumbered: the link-local one is both halves',
      given: { ...free, nextHops: { linkLocal: LOCAL } },
      ipv4: { address: LOCAL, linkLocal: LOCAL },
      ipv6: { address: LOCAL, linkLocal: LOCAL },
    },
    {
      name: 'unnumbered, of a router that does not take it',
      given: { nextHops: { linkLocal: LOCAL } },
      ipv4: 'the router takes no IPv6 next hops, and the interface has no IPv4 address',
      ipv6: { address: LOCAL, linkLocal: LOCAL },
    },
    {
      name: 'agreed, and there is an IPv4 address alone',
      given: { ...free, nextHops: { ipv4: V4 } },
      ipv4: { address: V4 },
      ipv6: NO_IPV6,
    },
    {
      name: 'nothing at all, where it is agreed',
      given: { ...free, nextHops: {} },
      ipv4: 'the interface has no IPv4 address',
      ipv6: NO_IPV6,
    },
    {
      name: 'a family that is not spoken',
      given: { families: [IPV4_UNICAST], nextHops: { ipv4: V4, ipv6: V6 } },
      ipv4: { address: V4 },
      ipv6: 'the router does not speak it',
    },
  ])('$name', ({ given, ipv4, ipv6 }) => {
    expect(nextHopFor(IPV4_UNICAST, context(given))).toEqual(ipv4);
    expect(nextHopFor(IPV6_UNICAST, context(given))).toEqual(ipv6);
    const obstacles = [
      ...(typeof ipv4 === 'string' ? [`ipv4 unicast: ${ipv4}`] : []),
      ...(typeof ipv6 === 'string' ? [`ipv6 unicast: ${ipv6}`] : []),
    ];
    const paths = new OwnPaths(context(given));
    expect(paths.obstacles(BOTH)).toEqual(obstacles);
    expect(paths.of(route('10.0.0.1/32'), IPV4_UNICAST) === undefined).toBe(typeof ipv4 === 'string');
    expect(paths.of(route('2001:db8::1/128'), IPV6_UNICAST) === undefined).toBe(typeof ipv6 === 'string');
  });

  test('obstacles of families that nobody asks for are none', () => {
    expect(new OwnPaths(context()).obstacles([IPV4_UNICAST])).toEqual([]);
  });
});

const NO_EXPORT: BgpCommunity = { kind: 'standard', high: 0xffff, low: 0xff01 };
const GRACEFUL: BgpCommunity = { kind: 'standard', high: 0xffff, low: 0 };
const LARGE: BgpCommunity = { kind: 'large', globalAdministrator: 64512, localData1: 1, localData2: 2 };
const sequence = (times: number) => [{ kind: 'as-sequence', asns: new Array(times).fill(64512) }];

describe('attributes', () => {
  const internal = { peerKind: 'internal' } as const;
  const going = { gracefulShutdown: 'on' } as const;
  test.each([
    { name: 'to another AS', given: {}, of: {}, want: { asPath: sequence(1) } },
    { name: 'RFC 4271 §5.1.2, §5.1.5: within the AS', given: internal, of: {}, want: { asPath: [], localPref: 100 } },
    { name: 'LOCAL_PREF within the AS', given: internal, of: { localPref: 7 }, want: { asPath: [], localPref: 7 } },
    { name: 'LOCAL_PREF 0 is one', given: internal, of: { localPref: 0 }, want: { asPath: [], localPref: 0 } },
    {
      name: 'RFC 4271 §5.1.5: LOCAL_PREF to another AS is left out',
      given: {},
      of: { localPref: 7 },
      want: { asPath: sequence(1) },
    },
    { name: 'prepended', given: {}, of: { asPathPrepend: 3 }, want: { asPath: sequence(4) } },
    {
      name: 'nothing is prepended within the AS',
      given: internal,
      of: { asPathPrepend: 3 },
      want: { asPath: [], localPref: 100 },
    },
    { name: 'MULTI_EXIT_DISC', given: {}, of: { multiExitDisc: 5 }, want: { asPath: sequence(1), multiExitDisc: 5 } },
    {
      name: 'MULTI_EXIT_DISC 0 is one',
      given: internal,
      of: { multiExitDisc: 0 },
      want: { asPath: [], localPref: 100, multiExitDisc: 0 },
    },
    {
      name: 'communities of both kinds',
      given: {},
      of: { communities: [LARGE, NO_EXPORT] },
      want: { asPath: sequence(1), communities: [NO_EXPORT], largeCommunities: [LARGE] },
    },
    {
      name: 'RFC 8326 §4.1: about to go, to another AS: the community, and a longer path',
      given: going,
      of: {},
      want: { asPath: sequence(4), communities: [GRACEFUL] },
    },
    {
      name: 'RFC 8326 §4.2: about to go, within the AS: the community, and the least preference',
      given: { ...going, ...internal },
      of: { localPref: 200 },
      want: { asPath: [], localPref: 0, communities: [GRACEFUL] },
    },
    {
      name: 'about to go, with what it has beside',
      given: going,
      of: { communities: [NO_EXPORT, LARGE], asPathPrepend: 2, multiExitDisc: 9 },
      want: {
        asPath: sequence(6),
        multiExitDisc: 9,
        communities: [GRACEFUL, NO_EXPORT],
        largeCommunities: [LARGE],
      },
    },
    {
      name: 'about to go, and said so before',
      given: going,
      of: { communities: [GRACEFUL] },
      want: { asPath: sequence(4), communities: [GRACEFUL] },
    },
  ])('$name', ({ given, of, want }) => {
    const path = new OwnPaths(context(given)).of(route('10.0.0.1/32', of), IPV4_UNICAST);
    expect(path).toEqual({ nextHop: { address: V4 }, attributes: { origin: 'igp', ...want } });
  });
});

describe('routes that look alike share one path', () => {
  const paths = new OwnPaths(context({ nextHops: { ipv4: V4, ipv6: V6 } }));
  const base = route('10.0.0.1/32', {
    communities: [NO_EXPORT, LARGE],
    localPref: 1,
    multiExitDisc: 2,
    asPathPrepend: 3,
  });
  const path = paths.of(base, IPV4_UNICAST);

  test('of the same list and of one that says the same', () => {
    expect(paths.of({ ...base, prefix: route('10.0.0.2/32').prefix }, IPV4_UNICAST)).toBe(path);
    expect(paths.of(structuredClone(base), IPV4_UNICAST)).toBe(path);
  });

  test.each([
    ['LOCAL_PREF', { ...base, localPref: 9 }],
    ['MULTI_EXIT_DISC', { ...base, multiExitDisc: 9 }],
    ['prepending', { ...base, asPathPrepend: 9 }],
    ['communities', { ...base, communities: [LARGE] }],
    ['nothing said', route('10.0.0.1/32')],
  ])('not of another: %s', (_, other) => {
    expect(paths.of(other, IPV4_UNICAST)).not.toBe(path);
    expect(paths.of(other, IPV4_UNICAST)).toBe(paths.of(structuredClone(other), IPV4_UNICAST));
  });

  test('not of another family', () => {
    expect(paths.of(base, IPV6_UNICAST)).not.toBe(path);
  });
});
