/**
 * Whether a BGP daemon of a node is in the speaker's way (Calico's BIRD, an FRR of the node's own), asked of the nodes
 * themselves: one that has the port at which the speaker is to listen, and one that holds a session with a router that the
 * speaker is to hold one with. A router knows a node by its address, and holds one session with it.
 */
import { counted, toldList } from '../../runtime/decide/explain/told-list.ts';
import { isSelected } from '../../runtime/model/labels.ts';
import { InstallError } from '../errors.ts';
import { formatPosition } from '../inventory/located.ts';
import { ADDON_NAMESPACE, type AddonPlan, type PlannedNode, type PlannedPeer } from '../plan/addon-plan.ts';
import { orInstallError } from './apply-objects.ts';
import type { Cluster } from './cluster.ts';
import { lastLine, type NodeShell } from './node-shell.ts';
import { type NodeSocket, parseSockets, type SocketOwner, socketsScript } from './node-sockets.ts';
import { type ClusterFacts, type ClusterNode, findClusterNode, PREFLIGHT } from './preflight.ts';

/** RFC 4271 §8.2.1: where a daemon listens that was not told otherwise. */
const BGP_PORT = 179;
const ASK_TIMEOUT_MS = 10_000;

interface Edges {
  readonly cluster: Cluster;
  readonly shell: NodeShell;
}

/** A node that a speaker is to run on, and its sockets; undefined: it could not be asked, and why. */
interface AskedNode {
  readonly node: PlannedNode;
  readonly known: ClusterNode | undefined;
  readonly sockets: readonly NodeSocket[] | undefined;
  readonly reason: string;
}

/** Gives warnings; throws where the speaker's port is another program's. */
export async function checkBgpDaemons(
  plan: AddonPlan,
  facts: ClusterFacts,
  { cluster, shell }: Edges,
): Promise<readonly string[]> {
  if (plan.protocol !== 'bgp') return [];
  const ports = new Set([BGP_PORT, plan.bgpListenPort ?? BGP_PORT, ...plan.bgp.peers.map(({ peerPort }) => peerPort)]);
  const script = socketsScript([...ports]);
  const asked = await Promise.all(speakerNodes(plan, facts).map((node) => ask(node, script, shell)));
  const others = await withoutOurs(asked, cluster);
  refuseTakenPort(plan, others);
  return [...notAsked(plan, others), ...plan.bgp.peers.flatMap((peer) => sharedRouter(peer, others))];
}

type SpeakerNode = Pick<AskedNode, 'node' | 'known'>;

function speakerNodes({ nodes, speakerNodeSelector }: AddonPlan, facts: ClusterFacts): readonly SpeakerNode[] {
  return nodes
    .map((node) => ({ node, known: findClusterNode(facts, node) }))
    .filter(({ known }) => isSelected([{ matchLabels: speakerNodeSelector }], known?.labels ?? {}));
}

async function ask({ node, known }: SpeakerNode, script: string, shell: NodeShell): Promise<AskedNode> {
  const { exitCode, stdout, stderr } = await shell(node, script, { timeoutMs: ASK_TIMEOUT_MS });
  const sockets = exitCode === 0 ? parseSockets(stdout) : undefined;
  return { node, known, sockets, reason: lastLine(stderr) };
}

/** Speakers that run already, and MetalLB's where it is taken over: they are about to be replaced. */
async function withoutOurs(asked: readonly AskedNode[], cluster: Cluster): Promise<readonly AskedNode[]> {
  const isInPod = asked.some(({ sockets = [] }) => sockets.some(({ owners }) => owners.some(({ podUid }) => podUid)));
  if (!isInPod) return asked;
  const scope = { namespace: ADDON_NAMESPACE };
  const pods = await orInstallError(PREFLIGHT, cluster.list({ apiVersion: 'v1', kind: 'Pod' }, scope), 'listing pods');
  const ours = new Set(pods.map(({ metadata }) => metadata['uid']));
  const isOurs = ({ owners }: NodeSocket): boolean =>
    owners.some(({ podUid }) => podUid !== undefined && ours.has(podUid));
  return asked.map((one) =>
    one.sockets === undefined ? one : { ...one, sockets: one.sockets.filter((socket) => !isOurs(socket)) },
  );
}

function refuseTakenPort({ bgpListenPort }: AddonPlan, asked: readonly AskedNode[]): void {
  if (bgpListenPort === undefined) return;
  const taken = asked.flatMap(({ node, sockets = [] }) => {
    const socket = sockets.find((one) => one.kind === 'listening' && one.port === bgpListenPort);
    return socket === undefined ? [] : [`${programOf(socket)} on ${node.name}`];
  });
  if (taken.length === 0) return;
  throw new InstallError({
    kind: 'cluster',
    step: PREFLIGHT,
    problem:
      `metallb_bgp_listen_port is ${bgpListenPort}, and another program listens there already: ${toldList(taken)}; ` +
      'the speaker could not',
    hint: 'leave metallb_bgp_listen_port empty (the nodes open all sessions), choose another port, or stop that program',
  });
}

/** Of nodes that nobody asked whether the port is taken. What sessions they hold is of less weight. */
function notAsked({ bgpListenPort }: AddonPlan, asked: readonly AskedNode[]): readonly string[] {
  const silent = asked.filter(({ sockets }) => sockets === undefined);
  const [first] = silent;
  if (bgpListenPort === undefined || first === undefined) return [];
  const names = toldList(silent.map(({ node }) => node.name));
  const why = first.reason === '' ? '' : ` (${first.node.name}: ${first.reason})`;
  return [`whether port ${bgpListenPort} (metallb_bgp_listen_port) is free was not found out on ${names}${why}`];
}

function sharedRouter(peer: PlannedPeer, asked: readonly AskedNode[]): readonly string[] {
  const { name, peerAddress, peerPort, sourceAddress, nodeSelectors, at } = peer;
  const rivals = asked
    .filter(({ known }) => isSelected(nodeSelectors, known?.labels ?? {}))
    .flatMap(({ node, sockets = [] }) => {
      const session = sockets.find(
        (one) =>
          one.kind === 'connected' &&
          one.remote === peerAddress &&
          // Whoever of the two has opened it.
          (one.remotePort === peerPort || one.localPort === BGP_PORT) &&
          (sourceAddress === undefined || one.local === sourceAddress),
      );
      return session === undefined ? [] : [`${programOf(session)} on ${node.name}`];
    });
  if (rivals.length === 0) return [];
  return [
    `${formatPosition(at)}: the router of the peer "${name}", ${peerAddress}, has ` +
      `${rivals.length === 1 ? 'a session' : counted(rivals.length, 'session')} with ${toldList(rivals)} already: it holds ` +
      'one with each address of a node, and refuses the speaker’s or ends the other; set source_address to another of the ' +
      'node’s addresses, give each its own routers or nodes (node_selectors), or let that program announce (docs/calico.md)',
  ];
}

/** "bird" (pid 71) */
function programOf({ owners }: NodeSocket): string {
  const [first]: readonly SocketOwner[] = owners;
  // Without root nobody is told.
  return first === undefined ? 'a program' : `"${first.program}" (pid ${first.pid})`;
}
