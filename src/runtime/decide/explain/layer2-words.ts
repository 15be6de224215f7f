/** The names of layer 2's reasons in words: what is the matter, and what a person can do about it. */
import { formatRange } from '../../model/range.ts';
import { EXCLUDE_LABEL } from '../announcing/node-fitness.ts';
import type { OwnerReason } from '../layer2/deal-out.ts';
import type { NodeRefusal } from '../layer2/refusals.ts';
import type { RefusedCase, SpeakerStanding } from './layer2-world.ts';
import { toldList } from './told-list.ts';

export function ownerWords(why: OwnerReason, holder: string | undefined): string {
  switch (why) {
    case 'holder':
      return 'it has the address already, and an owner that works is not displaced';
    case 'least-loaded':
      return 'nobody had the address, and of the nodes that can announce it this one has the fewest';
    case 'preferred':
      return 'nobody had the address, and the L2Advertisements prefer this node (spec.preferredNodeSelectors)';
    case 'hand-back':
      return `it takes the address from ${holder ?? 'another node'}, for a more even spread or because it is preferred`;
    case 'hash':
      return 'it is the first of the nodes that can announce it in MetalLB’s order (SHA-256 of "node#address")';
  }
}

/** Why the node cannot announce the address. */
export function refusalWords(reason: NodeRefusal, { ip, speaker, advertisements }: RefusedCase): string {
  switch (reason) {
    case 'speaker-not-alive':
      return speaker === undefined
        ? 'no speaker runs there'
        : `its speaker has not been heard of for ${formatSilence(speaker.silentSeconds)}`;
    case 'speaker-leaving':
      return 'its speaker is about to stop';
    case 'node-out-of-service':
      return 'it is tainted as out of service';
    case 'node-shut-down':
      return 'it is tainted as shut down';
    case 'node-to-be-deleted':
      return 'the cluster autoscaler is about to delete it';
    case 'node-network-unavailable':
      return 'the pods’ network does not reach it (condition NetworkUnavailable)';
    case 'node-excluded-by-label':
      return `its label ${EXCLUDE_LABEL} keeps it out of load balancing`;
    case 'no-advertisement-for-node':
      return `spec.nodeSelectors of ${toldList(advertisements)} leave it out`;
    case 'no-serving-endpoint-on-node':
      return 'with externalTrafficPolicy Local it needs a ready pod of the Service, and has none';
    case 'interface-missing':
      return `it has none of the interfaces that ${toldList(advertisements)} name (it has ${interfacesOf(speaker)})`;
    case 'interface-down':
      return `the interface is down or has no carrier (it has ${interfacesOf(speaker)})`;
    case 'no-interface-in-subnet':
      return `none of its interfaces has an address in the subnet of ${ip} (it has ${interfacesOf(speaker)})`;
  }
}

/** What lets the nodes announce it; `nodes` are told by name. */
export function refusalAdvice(reason: NodeRefusal, nodes: string, { ip, advertisements }: RefusedCase): string {
  switch (reason) {
    case 'speaker-not-alive':
      return `look at the speakers of ${nodes}: kubectl get pods -n metallb-system -l component=speaker -o wide`;
    case 'speaker-leaving':
      return `wait until the speakers of ${nodes} are back`;
    case 'node-out-of-service':
      return `take the taint node.kubernetes.io/out-of-service off ${nodes}, once it works again`;
    case 'node-shut-down':
      return `start ${nodes}; the taint node.cloudprovider.kubernetes.io/shutdown goes by itself`;
    case 'node-to-be-deleted':
      return `wait for other nodes than ${nodes}, or call the cluster autoscaler off`;
    case 'node-network-unavailable':
      return `repair the pods’ network on ${nodes}: kubectl describe node shows what it waits for`;
    case 'node-excluded-by-label':
      return `take the label off ${nodes}: kubectl label node NAME ${EXCLUDE_LABEL}- (or set speaker.ignoreExcludeLB)`;
    case 'no-advertisement-for-node':
      return `let spec.nodeSelectors of ${toldList(advertisements)} select ${nodes}`;
    case 'no-serving-endpoint-on-node':
      return `run a pod of the Service on ${nodes}, or set its spec.externalTrafficPolicy to Cluster`;
    case 'interface-missing':
      return `correct spec.interfaces of ${toldList(advertisements)}: ${nodes} have none of them`;
    case 'interface-down':
      return `bring the interface of ${nodes} up: ip link shows its state there`;
    case 'no-interface-in-subnet':
      return `take the address out of a subnet of the nodes, give ${nodes} an address in that of ${ip}, or name interfaces in spec.interfaces of ${toldList(advertisements)}`;
  }
}

function interfacesOf(speaker: SpeakerStanding | undefined): string {
  const told = (speaker?.interfaces ?? []).map(({ name, down, subnets }) =>
    [name, ...(down === true ? ['down'] : []), ...subnets.map(formatRange)].join(' '),
  );
  return told.length === 0 ? 'none that can announce' : toldList(told);
}

function formatSilence(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}
