/** What would get an address announced: for every reason what a person can do, the most useful first. */
import type { Ip } from '../../model/ip.ts';
import type { ServiceView } from '../../model/service.ts';
import type { AddressRefusal, NodeRefusal } from '../layer2/refusals.ts';
import type { AddressAnnouncement, NodeStanding } from './announcement.ts';
import { bgpAdvice } from './bgp-advice.ts';
import { refusalAdvice } from './layer2-words.ts';
import { type PlannedWorld, poolNameOf, refusedCase } from './layer2-world.ts';
import { toldList } from './told-list.ts';

export function announcementAdvice(
  planned: PlannedWorld,
  service: ServiceView,
  address: AddressAnnouncement,
): readonly string[] {
  const { ip, bgp } = address;
  const byBgp = bgp === undefined ? [] : bgpAdvice(planned, { service, ip, standings: bgp });
  return [...reasonAdvice(planned, service, address), ...byBgp];
}

function reasonAdvice(
  planned: PlannedWorld,
  service: ServiceView,
  { ip, reason, nodes, owner, bgp }: AddressAnnouncement,
): readonly string[] {
  switch (reason) {
    case 'announced':
    case 'by-bgp':
    case 'by-calico':
    case 'bgp-nobody-told':
      return [];
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
      // Of an address that only BGP covers, it is BGP that says what its nodes lack.
      return nodes.length === 0 && bgp !== undefined ? [] : candidateAdvice(planned, ip, nodes);
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
      const { l2Advertisements, bgpAdvertisements, bgpPeers } = planned.config;
      const selecting = [
        ...l2Advertisements.map((advertisement) => ({ ...advertisement, kind: 'L2Advertisement' })),
        ...bgpAdvertisements.map((advertisement) => ({ ...advertisement, kind: 'BGPAdvertisement' })),
      ]
        .filter(({ pools }) => pools.includes(pool))
        .map(({ kind, name: other }) => `${kind} "${other}"`);
      const kinds = bgpPeers.length === 0 ? 'an L2Advertisement' : 'an L2Advertisement, or a BGPAdvertisement,';
      return [
        ...(selecting.length === 0
          ? []
          : [`let spec.serviceSelectors of ${toldList(selecting)} match the labels of the Service`]),
        `create ${kinds} that covers pool "${pool}" (spec.ipAddressPools: [${pool}])`,
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
