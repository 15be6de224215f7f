/** What a scrape shows of the packet path, and of what is announced. */
import { expect, test } from '@jest/globals';
import { parseMac } from '../../../../src/runtime/model/mac.ts';
import type { AdvertisedAddresses } from '../../../../src/runtime/programs/speaker/messages.ts';
import { speakerMetrics } from '../../../../src/runtime/programs/speaker/metrics.ts';
import { createPacketPath } from '../../../../src/runtime/programs/speaker/packet-path.ts';
import { FakeNetwork } from '../../../support/fake-network.ts';
import { readNdpVectors } from '../../../support/ndp-vectors.ts';
import { ip } from '../../../support/views.ts';
import { fixedRandom, VirtualClock } from '../../../support/virtual-clock.ts';

const ENOBUFS = 105;

test('NDP is counted as ARP is, under MetalLB’s names; drops by protocol and reason', async () => {
  const network = new FakeNetwork();
  const path = createPacketPath({
    ports: network,
    clock: new VirtualClock(),
    random: fixedRandom(),
    log: { info: () => {}, warn: () => {} },
    excludePatterns: [],
    pings: 'ignore',
  });
  const mac = parseMac('02:00:00:00:00:0b');
  if (!mac.ok) throw new Error(mac.error);
  const facts = { running: true, broadcast: true, arp: true, mac: mac.value };
  network.setInterfaces({ name: 'eth0', index: 2, ...facts, addresses: ['2001:db8::b/64', '192.0.2.11/24'] });
  const addresses = ['2001:db8::2', '192.0.2.2'].map((text) => ({ ip: ip(text), interfaces: 'in-subnet' as const }));
  path.setTable({ generation: 1, addresses });
  const socket = network.openOn('eth0', 'ndp');
  if (socket === undefined) throw new Error('nobody listens');
  const frame = (name: string) => readNdpVectors().find((vector) => vector.name === name)?.frame ?? new Uint8Array();
  socket.receive(frame('solicitation by multicast'));
  socket.receive(frame('duplicate address detection of another address'));
  socket.receive(frame('advertisement that answers it'));
  socket.sendErrno = ENOBUFS;
  socket.receive(frame('solicitation by multicast'));
  const registry = speakerMetrics({
    nodeName: 'node1',
    packets: () => path.snapshot(),
    cluster: () => undefined,
    advertised: () => [],
  });
  const lines = (await registry.metrics()).split('\n').filter((line) => / [1-9]/.test(line) && !line.startsWith('#'));
  expect(lines).toEqual(
    expect.arrayContaining([
      'metallb_layer2_requests_received{ip="2001:db8::2"} 2',
      'metallb_layer2_responses_sent{ip="2001:db8::2"} 1',
      'metallb_layer2_gratuitous_sent{ip="2001:db8::2"} 1',
      'metallb_layer2_gratuitous_sent{ip="192.0.2.2"} 2',
      'metallb_layer2_frames_dropped_total{interface="eth0",protocol="ndp",reason="target-not-announced"} 1',
      'metallb_layer2_frames_dropped_total{interface="eth0",protocol="ndp",reason="not-a-solicitation"} 1',
      'metallb_layer2_send_errors_total{interface="eth0"} 1',
    ]),
  );
});

test('a Service is announced by protocol and address; by BGP no longer than routers are told of it', async () => {
  let advertised: readonly AdvertisedAddresses[] = [
    { service: 'web/nginx', addresses: [ip('192.0.2.1'), ip('2001:db8::1')] },
    { service: 'web/api', addresses: [ip('192.0.2.1')] },
  ];
  const registry = speakerMetrics({
    nodeName: 'node1',
    packets: () => ({ generation: 0, interfaces: [], addresses: [], announcer: { announced: 0, pending: 0 } }),
    cluster: () => ({
      configLoaded: true,
      configStale: false,
      announced: [{ ip: '192.0.2.1', services: ['web/nginx'] }],
      takenOver: [],
      unannounced: {},
    }),
    advertised: () => advertised,
  });
  const shown = async (): Promise<readonly string[]> =>
    (await registry.metrics()).split('\n').filter((line) => line.startsWith('metallb_speaker_announced{'));
  const row = (service: string, protocol: string, address: string) =>
    `metallb_speaker_announced{service="${service}",protocol="${protocol}",node="node1",ip="${address}"} 1`;
  const byLayer2 = row('web/nginx', 'layer2', '192.0.2.1');
  expect(await shown()).toEqual([
    byLayer2,
    row('web/nginx', 'bgp', '192.0.2.1'),
    row('web/nginx', 'bgp', '2001:db8::1'),
    row('web/api', 'bgp', '192.0.2.1'),
  ]);
  advertised = [];
  expect(await shown()).toEqual([byLayer2]);
});
