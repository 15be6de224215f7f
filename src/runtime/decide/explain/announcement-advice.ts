/** What would get an address announced: for every reason what a person can do, the most useful first. */
import type { Ip } from '../../model/ip.ts';
import type { ServiceView } from '../../model/service.ts';
import type { AddressRefusal, NodeRefusal } from '../layer2/refusals.ts';
import type { AddressAnnouncement, NodeStanding } from './announcement.ts';
import { refusalAdvice } from './layer2-words.ts';
import { type PlannedWorld, poolNameOf, refusedCase } from './layer2-world.ts';
import { toldList } from './told-list.ts';

export function announcementAdvice(
  planned: PlannedWorld,
  service: ServiceView,
  address: AddressAnnouncement,
): readonly string[] {
  const { ip, reason, nodes, owner } = address;
  switch (reason) {
    case 'announced':
    case 'by-bgp':
    case 'by-calico':
      return [];
    case 'bgp-nobody-told':
      return [
        './install bgp says how the sessions fare and why; a Service without ready pods, or whose nodes no BGPAdvertisement chooses, is advertised by nobody',
      ];
    case 'calico-not-told':
      return [
        'see what the controller says of it: kubectl get configurationstate controller -n metallb-system -o yaml (errorSummary); docs/calico.md has the ways out',
      ];
    case 'announced-twice':
      return [
        'look again in some seconds; if it stays, see that UDP gets from node to node (docs/operations.md, Ports), and that no other speakers run on the network',
      ];
    case 'nobody-says-so':
      return [
        `look at the speaker of ${owner ?? 'the nodes'}: kubectl logs -n metallb-system -l component=speaker --prefix (its word is in servicel2statuses.metallb.io)`,
      ];
    case 'no-candidate-node':
      return candidateAdvice(planned, ip, nodes);
    default:
      return addressAdvice(planned, service, ip, reason);
  }
}

function addressAdvice(
  planned: PlannedWorld,
  service: ServiceView,
  ip: Ip,
  reason: Exclude<AddressRefusal, 'no-candidate-node'>,
): readonly string[] {
  const { namespace, name } = service;
  switch (reason) {
    case 'address-not-in-any-pool':
      return [`put ${ip} into an IPAddressPool, or clear the Service’s status to get another address`];
    case 'no-advertisement-for-pool': {
      const pool = poolNameOf(planned, ip);
      const others = planned.config.l2Advertisements.filter(({ pools }) => pools.includes(pool));
      const selecting = others.map(({ name: other }) => `"${other}"`);
      return [
        ...(selecting.length === 0
          ? []
          : [`let spec.serviceSelectors of L2Advertisement ${toldList(selecting)} match the labels of the Service`]),
        `create an L2Advertisement that covers pool "${pool}" (spec.ipAddressPools: [${pool}])`,
      ];
    }
    case 'address-in-use-on-lan':
      return [
        `take ${ip} off that host, or put it into spec.excludeAddresses of pool "${poolNameOf(planned, ip)}" and let the Service have another`,
      ];
    case 'no-serving-endpoint':
      return [
        `see that pods match spec.selector of the Service and are ready: kubectl get endpointslices -n ${namespace} -l kubernetes.io/service-name=${name}`,
      ];
  }
}

/** What most nodes lack comes first. */
function candidateAdvice(planned: PlannedWorld, ip: Ip, nodes: readonly NodeStanding[]): readonly string[] {
  if (nodes.length === 0) return ['the cluster has no nodes: kubectl get nodes'];
  const byReason = new Map<NodeRefusal, string[]>();
  for (const { node, reason } of nodes) {
    if (reason !== undefined) byReason.set(reason, [...(byReason.get(reason) ?? []), node]);
  }
  return Array.from(byReason)
    .sort(([, a], [, b]) => b.length - a.length)
    .map(([reason, names]) => refusalAdvice(reason, toldList(names), refusedCase(planned, ip, names[0] ?? '')));
}
