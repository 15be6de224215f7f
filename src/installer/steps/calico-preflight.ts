/**
 * What is to be known of Calico before anything is touched: with "calico" that it is there and speaks to a router; with
 * "bgp" that it does not already do the same. A router knows a node by its address and holds one session with it, so
 * that of two programs on a node the second is refused, or each throws the other's session out.
 */
import { planBlocks } from '../../runtime/decide/calico/plan-blocks.ts';
import { CALICO_API_VERSIONS, CALICO_BGP_TEXT, type CalicoBgpConfiguration } from '../../runtime/model/calico.ts';
import { parseIp } from '../../runtime/model/ip.ts';
import { parseAddressRange, rangesOverlap } from '../../runtime/model/range.ts';
import { InstallError } from '../errors.ts';
import { formatPosition } from '../inventory/located.ts';
import type { AddonPlan } from '../plan/addon-plan.ts';
import { type CalicoObjects, type CalicoPeer, readCalico } from './calico-objects.ts';
import { type Cluster, ClusterError } from './cluster.ts';
import { PREFLIGHT } from './preflight.ts';

const BGP_PORT = 179;

export interface CalicoFindings {
  /** Undefined: there is none, or it could not be asked and is not needed. */
  readonly calico: CalicoObjects | undefined;
  readonly warnings: readonly string[];
}

/** Throws where Calico is to advertise and cannot. */
export async function checkCalico(cluster: Cluster, plan: AddonPlan): Promise<CalicoFindings> {
  try {
    const calico = await readCalico(cluster);
    if (plan.protocol === 'calico') return { calico, warnings: delegateWarnings(requireCalico(calico)) };
    const warnings = plan.protocol === 'bgp' && calico !== undefined ? rivalWarnings(plan, calico) : [];
    return { calico, warnings };
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    if (plan.protocol === 'calico') throw unreadable(error);
    return {
      calico: undefined,
      warnings: [`Calico’s BGP objects cannot be read, and were not looked at: ${error.message}`],
    };
  }
}

function requireCalico(calico: CalicoObjects | undefined): CalicoObjects {
  if (calico !== undefined) return calico;
  throw new InstallError({
    kind: 'cluster',
    step: PREFLIGHT,
    problem: `metallb_protocol is "calico", and the cluster serves neither ${CALICO_API_VERSIONS.join(' nor ')}: it has no Calico`,
    hint: 'install Calico with BGP first, or set metallb_protocol to "layer2" or "bgp"',
  });
}

function unreadable(cause: ClusterError): InstallError {
  return new InstallError({
    kind: cause.status === 403 ? 'permission' : 'cluster',
    step: PREFLIGHT,
    problem: `metallb_protocol is "calico", and Calico’s BGP objects cannot be read: ${cause.message}`,
    hint: 'see that Calico’s API server runs (`kubectl get apiservice v3.projectcalico.org`), and that these credentials may read bgpconfigurations and bgppeers',
    cause,
  });
}

function delegateWarnings({ peers }: CalicoObjects): readonly string[] {
  if (peers.length > 0) return [];
  return [
    'Calico has no BGPPeer: its nodes speak to each other only, and no router hears of the addresses; describe the routers to Calico (docs/calico.md)',
  ];
}

function rivalWarnings(plan: AddonPlan, { bgp, peers, listenPort }: CalicoObjects): readonly string[] {
  return [
    ...(bgp === undefined ? [] : twiceAdvertised(plan, bgp)),
    ...sharedRouters(plan, peers),
    ...(plan.bgpListenPort === listenPort
      ? [
          `metallb_bgp_listen_port is ${listenPort}, where Calico’s BIRD listens on every node that it runs on: the ` +
            'speakers cannot listen there, and what a router opens reaches Calico; leave it empty, or choose another port',
        ]
      : []),
  ];
}

/** Our own entries are about to go, and are no trouble. */
function twiceAdvertised(plan: AddonPlan, bgp: CalicoBgpConfiguration): readonly string[] {
  const foreign = planBlocks(bgp, []).blocks.flatMap(({ cidr }) => {
    const range = parseAddressRange(cidr);
    return range.ok ? [{ cidr, range: range.value }] : [];
  });
  return plan.pools.flatMap(({ name, addresses }) =>
    addresses.flatMap(({ text, range, at }) => {
      const block = foreign.find((each) => rangesOverlap(each.range, range));
      if (block === undefined) return [];
      return [
        `${formatPosition(at)}: Calico advertises ${text} of the pool "${name}" as well (${CALICO_BGP_TEXT}, ` +
          `spec.serviceLoadBalancerIPs: ${block.cidr}): routers hear of every address twice, and from Calico of every ` +
          'node, whatever the advertisements say; take the entry out there, or set metallb_protocol to "calico"',
      ];
    }),
  );
}

function sharedRouters(plan: AddonPlan, peers: readonly CalicoPeer[]): readonly string[] {
  const routers = new Map(peers.map(({ name, address }) => [routerOf(address), name]));
  return plan.bgp.peers.flatMap(({ name, peerAddress, peerPort, at }) => {
    const other = routers.get(`${peerAddress} ${peerPort}`);
    if (other === undefined) return [];
    return [
      `${formatPosition(at)}: the router of the peer "${name}", ${peerAddress}, is that of Calico’s BGPPeer "${other}" ` +
        'too: it holds one session with a node, and one of the two is refused; set metallb_protocol to "calico" and let ' +
        'Calico advertise, or give each its own nodes or routers (docs/calico.md)',
    ];
  });
}

/** "10.0.0.1 179", comparable with a peer of ours; "" for what names no router. */
function routerOf(address: string): string {
  const [, bracketed, plain, port] = /^(?:\[(.+)\]|([^:]+))(?::([0-9]+))?$/.exec(address) ?? [];
  const ip = parseIp(bracketed ?? plain ?? address);
  return ip.ok ? `${ip.value} ${Number(port ?? BGP_PORT)}` : '';
}
