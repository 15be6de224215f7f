/** Which BFDProfiles and BGPPeers are in force, and in which version. */
import type { BfdProfile, BgpPeer, ConfigError } from '../../model/config.ts';
import { formatResource, type RawResource } from '../../model/resource.ts';
import { type Accepted, inPrecedence, type LastGood, Verdicts } from './accepted.ts';
import { readBfdProfile } from './config-bfd-profile.ts';
import { type PeerReferences, readBgpPeer } from './config-bgp-peer.ts';
import { canMeet, concerns, type LabelledNode } from './node-choice.ts';

/** A faulty profile without a last good version is left out; peers that name it wait for it. */
export function acceptBfdProfiles(
  objects: readonly RawResource[],
  lastGood: LastGood,
): { readonly verdicts: Verdicts; readonly inForce: readonly BfdProfile[] } {
  const verdicts = new Verdicts();
  const inForce: BfdProfile[] = [];
  for (const object of objects) {
    const { profile, errors } = readBfdProfile(object);
    const isGood = verdicts.judge(object, errors);
    const version = isGood ? object : lastGood.get(formatResource(object))?.object;
    if (version === undefined) continue;
    verdicts.remember({ object: version });
    inForce.push(isGood ? profile : readBfdProfile(version).profile);
  }
  return { verdicts, inForce };
}

export interface PeerSurroundings {
  readonly profiles: readonly BfdProfile[];
  readonly secrets: PeerReferences['secrets'];
  readonly nodes: readonly LabelledNode[] | undefined;
  /** Only what concerns this node is looked at; undefined: all. */
  readonly node: LabelledNode | undefined;
}

export interface AcceptedPeers {
  readonly verdicts: Verdicts;
  readonly inForce: readonly BgpPeer[];
  /** Profiles that are gone, but that peers in force were accepted with. */
  readonly keptProfiles: readonly BfdProfile[];
}

/**
 * A faulty peer without a last good version is left out. Of two peers that open the same session from one node one is
 * faulty, chosen like one of two overlapping pools.
 *
 * Deviation: MetalLB asks in its FRR modes that peers on one node have one router ID, and within a VRF one AS number,
 * because one FRR process has one of each there. Here each session has its own, so neither is asked for. MetalLB tells
 * sessions apart by address and VRF; here also by port and source address.
 */
export function acceptPeers(
  objects: readonly RawResource[],
  surroundings: PeerSurroundings,
  lastGood: LastGood,
): AcceptedPeers {
  const { nodes, node } = surroundings;
  const profiles = new Map(surroundings.profiles.map((profile) => [profile.name, profile]));
  const references = { bfdProfiles: new Set(profiles.keys()), secrets: surroundings.secrets };
  const verdicts = new Verdicts();
  const sessions = new Sessions(nodes);
  const keptProfiles = new Map<string, BfdProfile>();
  for (const object of inPrecedence(objects, lastGood)) {
    const { peer, errors } = readBgpPeer(object, references);
    const previous = lastGood.get(formatResource(object));
    const before = previous === undefined ? undefined : peerOf(previous, references);
    if (!concerns(node, peer, before)) continue;
    const rival = errors.some(({ kind }) => kind === 'invalid') ? undefined : sessions.rival(peer);
    const isGood = verdicts.judge(object, [...errors, ...sessionTaken(object, peer, rival)]);
    const version = isGood ? peer : before;
    if (version === undefined || !concerns(node, version) || (!isGood && sessions.rival(version) !== undefined))
      continue;
    const accepted = isGood || previous === undefined ? acceptance(object, peer, profiles) : previous;
    verdicts.remember(accepted);
    sessions.open(version);
    const { bfdProfile } = accepted;
    if (bfdProfile !== undefined && !profiles.has(bfdProfile.name)) keptProfiles.set(bfdProfile.name, bfdProfile);
  }
  return { verdicts, inForce: sessions.peers, keptProfiles: Array.from(keptProfiles.values()) };
}

/** Peers in force, by the session that they open. */
class Sessions {
  readonly peers: BgpPeer[] = [];
  readonly #bySession = new Map<string, BgpPeer[]>();
  readonly #nodes: readonly LabelledNode[] | undefined;

  constructor(nodes: readonly LabelledNode[] | undefined) {
    this.#nodes = nodes;
  }

  open(peer: BgpPeer): void {
    this.peers.push(peer);
    const session = sessionOf(peer);
    this.#bySession.set(session, [...(this.#bySession.get(session) ?? []), peer]);
  }

  /** A peer that opens the same session from one of the same nodes. */
  rival(peer: BgpPeer): BgpPeer | undefined {
    const others = this.#bySession.get(sessionOf(peer));
    return others?.find((other) => canMeet(peer.nodeSelectors, other.nodeSelectors, this.#nodes));
  }
}

function acceptance(object: RawResource, peer: BgpPeer, profiles: ReadonlyMap<string, BfdProfile>): Accepted {
  const bfdProfile = profiles.get(peer.bfdProfile ?? '');
  const { password } = peer;
  return {
    object,
    ...(bfdProfile === undefined ? {} : { bfdProfile }),
    ...(password === undefined ? {} : { password }),
  };
}

/** The peer as it was accepted, with the password it had then should the Secret be gone. */
function peerOf({ object, password }: Accepted, references: PeerReferences): BgpPeer {
  const { peer } = readBgpPeer(object, references);
  return peer.password === undefined && password !== undefined ? { ...peer, password } : peer;
}

function sessionOf({ remote, port, vrf, sourceAddress }: BgpPeer): string {
  return JSON.stringify([remote, port, vrf ?? '', sourceAddress ?? '']);
}

function sessionTaken(object: RawResource, peer: BgpPeer, rival: BgpPeer | undefined): ConfigError[] {
  if (rival === undefined) return [];
  const isAddress = 'address' in peer.remote;
  const remote = 'address' in peer.remote ? peer.remote.address : peer.remote.interface;
  const path = `${formatResource(object)} spec.${isAddress ? 'peerAddress' : 'interface'}`;
  const message = `BGPPeer "${rival.name}" has a session with ${remote} from the same node already; remove one, or choose other nodes`;
  return [{ path, message, kind: 'invalid' }];
}
