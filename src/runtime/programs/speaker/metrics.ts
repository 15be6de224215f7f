/**
 * The speaker's metrics: names and labels as MetalLB's where it has them. Everything is read when it is asked for, out
 * of the packet path's counters and the last word from the cluster half; nothing is counted twice.
 */
import { Counter, Gauge, newRegistry, type Registry } from '../../adapters/observe/metrics.ts';
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
  const registers = [registry];
  const perAddress = (name: string, help: string, field: keyof AddressCounters) =>
    new Counter({
      name,
      help,
      registers,
      labelNames: ['ip'],
      collect() {
        this.reset();
        for (const row of sources.packets().addresses) this.inc({ ip: row.ip }, row[field]);
      },
    });
  const perInterface = (
    name: string,
    help: string,
    field: 'sendErrors' | 'socketErrors' | 'groupErrors' | 'kernelDrops',
  ) =>
    new Counter({
      name,
      help,
      registers,
      labelNames: ['interface'],
      collect() {
        this.reset();
        for (const row of sources.packets().interfaces) this.inc({ interface: row.name }, row[field]);
      },
    });
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
  new Counter({
    name: 'metallb_layer2_frames_dropped_total',
    help: 'Frames that were not answered, by protocol (arp, ndp, echo) and reason.',
    registers,
    labelNames: ['interface', 'protocol', 'reason'],
    collect() {
      this.reset();
      for (const { name, drops } of sources.packets().interfaces) {
        for (const [protocol, counts] of Object.entries<Readonly<Record<string, number>>>({ ...drops })) {
          for (const [reason, count] of Object.entries(counts)) this.inc({ interface: name, protocol, reason }, count);
        }
      }
    },
  });
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
  new Gauge({
    name: 'metallb_speaker_announced',
    help: 'Services announced from this node; by BGP those that a router was told of.',
    registers,
    labelNames: ['service', 'protocol', 'node', 'ip'],
    collect() {
      this.reset();
      for (const { ip, services } of sources.cluster()?.announced ?? []) {
        for (const service of services) this.set({ service, protocol: 'layer2', node: sources.nodeName, ip }, 1);
      }
      for (const { service, addresses } of sources.advertised()) {
        for (const ip of addresses) this.set({ service, protocol: 'bgp', node: sources.nodeName, ip }, 1);
      }
    },
  });
  new Gauge({
    name: 'metallb_speaker_unannounced_addresses',
    help: 'Addresses of Services that no node may announce, by layer 2 or by BGP, by reason.',
    registers,
    labelNames: ['reason'],
    collect() {
      this.reset();
      for (const [reason, count] of Object.entries(sources.cluster()?.unannounced ?? {})) this.set({ reason }, count);
    },
  });
  const configuration = (name: string, help: string, field: 'configLoaded' | 'configStale') =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(sources.cluster()?.[field] === true ? 1 : 0);
      },
    });
  configuration('metallb_k8s_client_config_loaded_bool', '1 when a configuration was read.', 'configLoaded');
  configuration(
    'metallb_k8s_client_config_stale_bool',
    '1 while the configuration in the cluster is faulty and the last good one is in force.',
    'configStale',
  );
  return registry;
}
