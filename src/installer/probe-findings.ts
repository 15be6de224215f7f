/** What a probe found out, in words, and what to do about it. Pure. */
import { toldList } from '../runtime/decide/explain/told-list.ts';
import type { Ip } from '../runtime/model/ip.ts';
import type { Mac } from '../runtime/model/mac.ts';
import { askedBy, type PortProbe, type PortResult } from './steps/probe-node.ts';

export type ProbeOutcome =
  /** Just the node that says it announces the address. */
  | 'answered'
  /** A node, but not one that says that it announces it. */
  | 'answered-by-another-node'
  /** A host that is no node of the cluster. */
  | 'answered-by-foreign-host'
  /** Perhaps one of the nodes that could not be asked for their MAC addresses. */
  | 'answered-by-unknown-host'
  | 'answered-twice'
  | 'no-answer'
  /** No node could ask. */
  | 'not-probed'
  /** Not asked: routers bring it, and nobody is to answer for it on the link. */
  | 'routed';

type AskedOutcome = Exclude<ProbeOutcome, 'routed'>;

/** What was seen of one address. */
export interface ProbeSight {
  readonly ip: Ip;
  /** Nodes that say that they announce it. */
  readonly announcedBy: readonly string[];
  /** The node that asked, and on which interface; absent: none could. */
  readonly from?: { readonly node: string; readonly interface: string };
  /** Why the nodes that were to ask could not, "n1: …". */
  readonly failures: readonly string[];
  /** Who answered, in their order; `node`: whose MAC address it is, where that is known. */
  readonly macs: readonly { readonly mac: Mac; readonly node?: string }[];
  /** Nodes that could not be asked for their MAC addresses. */
  readonly unasked: readonly string[];
  /** Absent: the node that asked cannot ask for ports. */
  readonly tcp?: readonly PortProbe[];
  /** TCP ports that were to be asked for. Those of other protocols are not: silence means nothing there. */
  readonly ports: readonly number[];
}

export interface ProbeFinding {
  readonly ip: Ip;
  readonly outcome: ProbeOutcome;
  /** The address is where it should be, and every TCP port answers. */
  readonly inOrder: boolean;
  readonly from?: string;
  readonly macs: ProbeSight['macs'];
  /** A sentence, without a full stop. */
  readonly message: string;
  readonly tcp: readonly {
    readonly port: number;
    readonly result: PortResult | 'not-probed';
    readonly message: string;
  }[];
  /** The most useful first; empty: nothing is to be done. */
  readonly advice: readonly string[];
}

export function findingOf(sight: ProbeSight): ProbeFinding {
  const { ip, from, macs } = sight;
  const outcome = outcomeOf(sight);
  const tcp = portsOf(sight);
  const advice = [...adviceFor(outcome, sight), ...portAdvice(sight, tcp)];
  return {
    ip,
    outcome,
    inOrder: outcome === 'answered' && tcp.every(({ result }) => result === 'open' || result === 'not-probed'),
    ...(from === undefined ? {} : { from: from.node }),
    macs,
    message: messageOf(outcome, sight),
    tcp,
    advice,
  };
}

/** Of an address that is announced to routers, and not on the link. */
export function routedFinding(ip: Ip): ProbeFinding {
  return {
    ip,
    outcome: 'routed',
    inOrder: true,
    macs: [],
    message:
      'routers bring it, nobody is to answer for it on the link, and on a node kube-proxy would: it is not asked for',
    tcp: [],
    advice: [`ask for ${ip} from a host beyond the routers (curl, or ping where answering pings is on)`],
  };
}

function outcomeOf({ from, macs: [first, ...others], announcedBy, unasked }: ProbeSight): AskedOutcome {
  if (from === undefined) return 'not-probed';
  if (first === undefined) return 'no-answer';
  if (others.length > 0) return 'answered-twice';
  if (first.node === undefined) return unasked.length > 0 ? 'answered-by-unknown-host' : 'answered-by-foreign-host';
  return announcedBy.includes(first.node) ? 'answered' : 'answered-by-another-node';
}

function messageOf(outcome: AskedOutcome, sight: ProbeSight): string {
  const { ip, from, macs, announcedBy, unasked, failures } = sight;
  const [first] = macs;
  const asked = `asked by ${askedBy(ip)} from ${from?.node ?? ''} on ${from?.interface ?? ''}`;
  const says = announcedBy.length === 0 ? 'nobody says so' : `${toldList(announcedBy)} says so`;
  switch (outcome) {
    case 'answered':
      return `${first?.mac} answers, which is ${first?.node}’s, the node that announces it (${asked})`;
    case 'answered-by-another-node':
      return `${first?.mac} answers, which is ${first?.node}’s; that it announces the address, ${says} (${asked})`;
    case 'answered-by-foreign-host':
      return `${first?.mac} answers, which no node of the inventory has: a foreign host holds the address (${asked})`;
    case 'answered-by-unknown-host':
      return `${first?.mac} answers, which is none of the nodes’ that could be asked; ${toldList(unasked)} could not (${asked})`;
    case 'answered-twice':
      return `${macs.length} answer: ${macs.map(({ mac, node }) => `${mac} (${node ?? 'no known node'})`).join(', ')} (${asked})`;
    case 'no-answer':
      return `nobody answers (${asked})`;
    case 'not-probed':
      return `no node could ask: ${failures.length === 0 ? 'the inventory has none beside the announcing one' : failures.join('; ')}`;
  }
}

function adviceFor(outcome: AskedOutcome, { ip, macs, announcedBy, unasked }: ProbeSight): readonly string[] {
  const mac = macs.find(({ node }) => node === undefined)?.mac ?? macs[0]?.mac;
  const foreign = [
    `find ${mac} in the switches’ address tables, and take ${ip} off that host`,
    `or put ${ip} into spec.excludeAddresses of its pool, and let the Service have another address`,
  ];
  switch (outcome) {
    case 'answered':
      return [];
    case 'answered-by-another-node':
      return [
        'run it again in some seconds: an address that moves is elsewhere before its ServiceL2Status is',
        'if it stays, look at that node’s speaker: kubectl logs -n metallb-system -l component=speaker --prefix',
      ];
    case 'answered-by-foreign-host':
      return foreign;
    case 'answered-by-unknown-host':
      return [`let this machine reach ${toldList(unasked)} over ssh, to know whether it is one of them`, ...foreign];
    case 'answered-twice':
      return macs.some(({ node }) => node === undefined)
        ? foreign
        : [
            'see that the speakers reach each other (docs/operations.md, Ports), and that kube-proxy in ipvs mode has strictARP: true',
          ];
    case 'no-answer':
      return announcedBy.length === 0
        ? ['get the address announced first: what is in the way is told above']
        : [
            `see whether the question arrives at ${toldList(announcedBy)}: tcpdump -ni any ${askedBy(ip) === 'ARP' ? 'arp' : 'icmp6'} and host ${ip}`,
            'if it does not, something between the nodes drops it: ARP inspection or port security of a switch, spoofing protection of a hypervisor or cloud',
            'if it does, look at the speaker there: kubectl logs -n metallb-system -l component=speaker --prefix',
          ];
    case 'not-probed':
      return [
        'name an inventory whose nodes this machine reaches over ssh as root or with sudo, of which one beside the announcing one is in the address’s subnet',
      ];
  }
}

function portsOf({ tcp, ports, macs }: ProbeSight): ProbeFinding['tcp'] {
  if (macs.length === 0) return [];
  if (tcp === undefined) {
    const message = 'not asked for: the node has no Python';
    return ports.map((port) => ({ port, result: 'not-probed', message }));
  }
  const through = new Map(macs.map(({ mac, node }) => [mac, node ?? mac]));
  return tcp.map(({ mac, port, result }) => ({ port, result, message: portWords(result, through.get(mac) ?? mac) }));
}

function portWords(result: PortResult, through: string): string {
  switch (result) {
    case 'open':
      return `a pod answers through ${through}`;
    case 'refused':
      return `${through} refuses it: no pod is ready there, or it does not listen`;
    case 'timeout':
      return `nothing comes back through ${through}`;
  }
}

function portAdvice({ announcedBy }: ProbeSight, tcp: ProbeFinding['tcp']): readonly string[] {
  const refused = tcp.filter(({ result }) => result === 'refused').map(({ port }) => `${port}`);
  const silent = tcp.filter(({ result }) => result === 'timeout').map(({ port }) => `${port}`);
  const there = announcedBy.length === 0 ? 'the node that answers' : toldList(announcedBy);
  return [
    ...(refused.length === 0
      ? []
      : [
          `port ${toldList(refused)}: see that the pods are ready and listen on spec.ports[].targetPort: kubectl get endpointslices, kubectl logs`,
        ]),
    ...(silent.length === 0
      ? []
      : [
          `port ${toldList(silent)}: see that kube-proxy runs on ${there}, that no NetworkPolicy or firewall drops the packets, and that the pods’ answers find their way back`,
        ]),
  ];
}
