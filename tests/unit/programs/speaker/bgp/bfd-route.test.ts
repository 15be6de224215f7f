/** Which way a BFD session goes, and which one belongs to a BGP session. */
import { expect, test } from '@jest/globals';
import type { HostInterface } from '../../../../../src/runtime/engine/network-ports.ts';
import type { BgpPeer } from '../../../../../src/runtime/model/config.ts';
import { findBfdRoute, type WantedBfd } from '../../../../../src/runtime/programs/speaker/bgp/bfd-route.ts';
import { wantedBfd } from '../../../../../src/runtime/programs/speaker/bgp/bfd-wanted.ts';
import { hostInterface } from '../../../../support/fake-paths.ts';
import { bfdProfile, bgpPeer, ip } from '../../../../support/views.ts';

const node: readonly HostInterface[] = [
  hostInterface('lo', 1, ['127.0.0.1/8', '::1/128']),
  hostInterface('eth0', 2, ['192.0.2.2/24', 'fd00::2/64', 'fe80::2/64']),
  hostInterface('eth1', 3, ['192.0.2.130/25', '198.51.100.0/31']),
  hostInterface('down0', 4, ['203.0.113.2/24'], { running: false }),
  hostInterface('red', 5, []),
  hostInterface('eth2', 6, ['10.0.0.2/24', '203.0.113.3/24'], { masterIndex: 5 }),
  hostInterface('eth3', 7, ['10.0.0.3/24']),
];

const rows: readonly { name: string; wanted: Partial<WantedBfd> & { peer: WantedBfd['peer'] }; want: string }[] = [
  { name: 'the interface with its network', wanted: { peer: ip('192.0.2.1') }, want: 'single eth0' },
  { name: 'the smallest network', wanted: { peer: ip('192.0.2.129') }, want: 'single eth1' },
  { name: 'a link of two', wanted: { peer: ip('198.51.100.1') }, want: 'single eth1' },
  { name: 'IPv6', wanted: { peer: ip('fd00::1') }, want: 'single eth0' },
  {
    name: 'by the address that it is to come from',
    wanted: { peer: ip('192.0.2.129'), local: ip('192.0.2.2') },
    want: 'single eth0',
  },
  { name: 'of equals, one that runs', wanted: { peer: ip('203.0.113.1') }, want: 'single eth2' },
  { name: 'of equals, one in no VRF', wanted: { peer: ip('10.0.0.1') }, want: 'single eth3' },
  { name: 'in the VRF', wanted: { peer: ip('10.0.0.1'), vrf: 'red' }, want: 'single eth2' },
  {
    name: 'no such VRF',
    wanted: { peer: ip('10.0.0.1'), vrf: 'blue' },
    want: 'no interface of VRF blue has an address in a network with 10.0.0.1; a router that is further away needs ebgpMultiHop or ttlSecurityHops',
  },
  { name: 'the interface that is named', wanted: { peer: ip('fe80::1'), interface: 'eth0' }, want: 'single eth0' },
  {
    name: 'one that is not there',
    wanted: { peer: ip('fe80::1'), interface: 'eth9' },
    want: 'this node has no interface eth9',
  },
  {
    name: 'one that is down',
    wanted: { peer: ip('203.0.113.1'), interface: 'down0' },
    want: 'the interface down0 is down',
  },
  {
    name: 'a peer in no network',
    wanted: { peer: ip('8.8.8.8') },
    want: 'no interface of this node has an address in a network with 8.8.8.8; a router that is further away needs ebgpMultiHop or ttlSecurityHops',
  },
  {
    name: 'not from that address',
    wanted: { peer: ip('192.0.2.1'), local: ip('10.0.0.3') },
    want: 'no interface of this node has the address 10.0.0.3 in a network with 192.0.2.1; a router that is further away needs ebgpMultiHop or ttlSecurityHops',
  },
  { name: 'several hops: by the routes', wanted: { peer: ip('8.8.8.8'), hops: 'multiple' }, want: 'multiple -' },
  {
    name: 'several hops, though connected',
    wanted: { peer: ip('192.0.2.1'), hops: 'multiple' },
    want: 'multiple -',
  },
  {
    name: 'several hops: by those of the VRF',
    wanted: { peer: ip('8.8.8.8'), hops: 'multiple', vrf: 'red' },
    want: 'multiple red',
  },
  {
    name: 'as connected: connected',
    wanted: { peer: ip('192.0.2.1'), hops: 'as-connected' },
    want: 'single eth0',
  },
  { name: 'as connected: further', wanted: { peer: ip('8.8.8.8'), hops: 'as-connected' }, want: 'multiple -' },
  {
    name: 'as connected: further, in the VRF',
    wanted: { peer: ip('8.8.8.8'), hops: 'as-connected', vrf: 'red' },
    want: 'multiple red',
  },
];

test.each(rows)('$name', ({ wanted, want }) => {
  const route = findBfdRoute({ name: 'tor', hops: 'single', profile: bfdProfile(), ...wanted }, node);
  expect(route.kind === 'none' ? route.reason : `${route.kind} ${route.device?.name ?? '-'}`).toBe(want);
});

test('a link-local router without an interface: said', () => {
  const wanted = { name: 'tor', hops: 'single', profile: bfdProfile(), peer: ip('fe81::1') } as const;
  const away = findBfdRoute({ ...wanted, peer: ip('fe80::1') }, [hostInterface('lo', 1, [])]);
  expect(away).toEqual({
    kind: 'none',
    reason: 'fe80::1 is a link-local address, and no interface is named for it',
  });
});

const peer = bgpPeer('tor');

test.each<{ name: string; change: Partial<BgpPeer>; want: Partial<WantedBfd> }>([
  { name: 'eBGP: one hop', change: {}, want: { hops: 'single' } },
  { name: 'eBGP over several', change: { ebgpMultiHop: true }, want: { hops: 'multiple' } },
  { name: 'eBGP by GTSM over several', change: { ttlSecurityHops: 2 }, want: { hops: 'multiple' } },
  { name: 'eBGP by GTSM over one', change: { ttlSecurityHops: 1 }, want: { hops: 'single' } },
  { name: 'iBGP: as it is connected', change: { peerAsn: 64512 }, want: { hops: 'as-connected' } },
  { name: 'iBGP, as "internal"', change: { peerAsn: 'internal' }, want: { hops: 'as-connected' } },
  { name: 'eBGP, as "external"', change: { peerAsn: 'external' }, want: { hops: 'single' } },
  { name: 'iBGP by the number shown', change: { peerAsn: 64513, localAsn: 64513 }, want: { hops: 'as-connected' } },
  { name: 'unnumbered', change: { remote: { interface: 'eth0' } }, want: { hops: 'single', interface: 'eth0' } },
  {
    name: 'source and VRF',
    change: { sourceAddress: ip('192.0.2.2'), vrf: 'red' },
    want: { hops: 'single', local: ip('192.0.2.2'), vrf: 'red' },
  },
])('of a BGP session: $name', ({ change, want }) => {
  const session = { peer: { ...peer, ...change }, bfd: bfdProfile(), identifier: ip('192.0.2.2'), routes: [] };
  expect(wantedBfd(session, ip('192.0.2.1'))).toEqual({
    name: 'tor',
    peer: '192.0.2.1',
    profile: bfdProfile(),
    ...want,
  });
});

test('of a BGP session without a profile: none', () => {
  expect(wantedBfd({ peer, identifier: ip('192.0.2.2'), routes: [] }, ip('192.0.2.1'))).toBeUndefined();
});
