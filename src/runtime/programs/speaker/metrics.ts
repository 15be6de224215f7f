/**
 * The speaker's metrics: names and labels as MetalLB's where it has them. Everything is read when it is asked for, out
 * of the packet path's counters and the last word from the cluster half; nothing is counted twice.
 */
import { newRegistry, type Registry, readCounter, readGauge, type Sample } from '../../adapters/observe/metrics.ts';
import type { AdvertisedAddresses, ClusterCounters } from './messages.ts';
import type { AddressCounters } from './packet-counters.ts';
import type { PacketPathSnapshot } from './packet-path.ts';

export interface SpeakerMetricsSources {
  readonly nodeName: string;
  readonly packets: () => PacketPathSnapshot;
  /** Undefined before the cluster half has said anything. */
  readonly cluster: () => ClusterCounters | undefined;
  /** By BGP. */
  readonly advertised: () => readonly AdvertisedAddresses[];
}

export function speakerMetrics(sources: SpeakerMetricsSources): Registry {
  const registry = newRegistry();
  const perAddress = (name: string, help: string, field: keyof AddressCounters) =>
    readCounter(registry, { name, help, labelNames: ['ip'] }, () =>
      sources.packets().addresses.map((row) => ({ labels: { ip: row.ip }, value: row[field] })),
    );
  const perInterface = (
    name: string,
    help: string,
    field: 'sendErrors' | 'socketErrors' | 'groupErrors' | 'kernelDrops',
  ) =>
    readCounter(registry, { name, help, labelNames: ['interface'] }, () =>
      sources.packets().interfaces.map((row) => ({ labels: { interface: row.name }, value: row[field] })),
    );
  perAddress(
    'metallb_layer2_requests_received',
    'ARP requests and neighbor solicitations for addresses this node announces.',
    'requestsReceived',
  );
  perAddress('metallb_layer2_responses_sent', 'ARP replies and solicited neighbor advertisements sent.', 'repliesSent');
  perAddress(
    'metallb_layer2_gratuitous_sent',
    'Gratuitous ARP frames and unsolicited neighbor advertisements sent.',
    'gratuitousSent',
  );
  perAddress('metallb_layer2_pings_answered_total', 'ICMP and ICMPv6 echo requests answered.', 'pingsAnswered');
  readCounter(
    registry,
    {
      name: 'metallb_layer2_frames_dropped_total',
      help: 'Frames that were not answered, by protocol (arp, ndp, echo) and reason.',
      labelNames: ['interface', 'protocol', 'reason'],
    },
    () => sources.packets().interfaces.flatMap(dropSamples),
  );
  perInterface('metallb_layer2_send_errors_total', 'Frames to be sent that the kernel did not take.', 'sendErrors');
  perInterface(
    'metallb_layer2_socket_errors_total',
    'Packet sockets that could not be opened or broke.',
    'socketErrors',
  );
  perInterface('metallb_layer2_group_errors_total', 'Times that multicast groups could not be joined.', 'groupErrors');
  perInterface(
    'metallb_layer2_kernel_drops_total',
    'Frames the kernel dropped because they were not read in time, since the socket was opened.',
    'kernelDrops',
  );
  readGauge(
    registry,
    {
      name: 'metallb_speaker_announced',
      help: 'Services announced from this node; by BGP those that a router was told of.',
      labelNames: ['service', 'protocol', 'node', 'ip'],
    },
    () => announcedSamples(sources),
  );
  readGauge(
    registry,
    {
      name: 'metallb_speaker_unannounced_addresses',
      help: 'Addresses of Services that no node may announce, by layer 2 or by BGP, by reason.',
      labelNames: ['reason'],
    },
    () =>
      Object.entries(sources.cluster()?.unannounced ?? {}).map(([reason, value]) => ({ labels: { reason }, value })),
  );
  const configuration = (name: string, help: string, field: 'configLoaded' | 'configStale') =>
    readGauge(registry, { name, help, labelNames: [] }, () => [
      { labels: {}, value: sources.cluster()?.[field] === true ? 1 : 0 },
    ]);
  configuration('metallb_k8s_client_config_loaded_bool', '1 when a configuration was read.', 'configLoaded');
  configuration(
    'metallb_k8s_client_config_stale_bool',
    '1 while the configuration in the cluster is faulty and the last good one is in force.',
    'configStale',
  );
  return registry;
}

function dropSamples({ name, drops }: PacketPathSnapshot['interfaces'][number]): readonly Sample[] {
  return Object.entries<Readonly<Record<string, number>>>({ ...drops }).flatMap(([protocol, counts]) =>
    Object.entries(counts).map(([reason, value]) => ({ labels: { interface: name, protocol, reason }, value })),
  );
}

function announcedSamples({ nodeName, cluster, advertised }: SpeakerMetricsSources): readonly Sample[] {
  const sample = (protocol: 'layer2' | 'bgp', service: string, ip: string): Sample => ({
    labels: { service, protocol, node: nodeName, ip },
    value: 1,
  });
  return [
    ...(cluster()?.announced ?? []).flatMap(({ ip, services }) =>
      services.map((service) => sample('layer2', service, ip)),
    ),
    ...advertised().flatMap(({ service, addresses }) => addresses.map((ip) => sample('bgp', service, ip))),
  ];
}
