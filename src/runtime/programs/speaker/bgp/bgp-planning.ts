/**
 * BGP in the cluster half: plans what this node is to advertise, hands every plan that differs over with a number, and
 * finds from what the sessions say of these numbers to whom each Service is really advertised.
 *
 *     facts ─▶ planBgp ─▶ plan 7 ─▶ main thread ─▶ session: "all of plan 7 is sent" ─▶ Services of plan 7, by peer
 */
import { isDeepStrictEqual } from 'node:util';
import {
  areHeard,
  type BgpFacts,
  hears,
  type NodeBgpPlan,
  type PlannedAddress,
  planBgp,
} from '../../../decide/bgp/plan-bgp.ts';
import type { BgpPlan, PlannedSession } from '../../../model/bgp-plan.ts';
import type { BgpSessionView } from '../../../model/bgp-session.ts';
import { compareIps, type Ip, ipFamily } from '../../../model/ip.ts';
import { type IpPrefix, prefixFamily } from '../../../model/ip-prefix.ts';
import type { Sha256Hex } from '../../../model/platform.ts';

/** What of a Service routers were told of. */
export interface AdvertisedService {
  /** The peers that were told of one of its addresses at least, ordered. */
  readonly peers: readonly string[];
  /** Those that one peer at least was told of, ordered. */
  readonly addresses: readonly Ip[];
}

export interface BgpPlanningOptions {
  readonly sha256Hex: Sha256Hex;
  /** Milliseconds since the epoch: numbers must not be those of a process before, whose sessions may still be told of. */
  readonly wallMs: number;
  readonly post: (plan: BgpPlan) => void;
}

/** A session is told of a plan within a moment, and says so; a busy one is some behind. */
const RECENT_PLANS = 8;
const NOTHING: NodeBgpPlan = { sessions: [], addresses: [] };

/** What is really so. */
export interface ToldBgp {
  readonly sessions: readonly BgpSessionView[];
  /** Every Service that is advertised from here, by "namespace/name". */
  readonly services: ReadonlyMap<string, AdvertisedService>;
  /** Whether a Service is to be advertised from here, to routers that there are sessions with or not. */
  readonly isPlanned: (service: string) => boolean;
  /** What the peer has been told. */
  readonly prefixesOf: (peer: string) => readonly IpPrefix[];
}

export class BgpPlanning {
  readonly #options: BgpPlanningOptions;
  #generation: number;
  #plan: NodeBgpPlan | undefined;
  /** Services of it that a peer is to hear of. Undefined: nobody has asked yet. */
  #planned: ReadonlySet<string> | undefined;
  /** Those that some session may still be at. */
  readonly #plans = new Map<number, NodeBgpPlan>();
  /** Undefined: nothing was heard of the sessions yet. */
  #sessions: readonly BgpSessionView[] | undefined;

  constructor(options: BgpPlanningOptions) {
    this.#options = options;
    this.#generation = options.wallMs;
  }

  plan(facts: BgpFacts): NodeBgpPlan {
    const { bgpPeers, bgpAdvertisements } = facts.config;
    const isUsed = bgpPeers.length > 0 || bgpAdvertisements.length > 0;
    // Clusters without BGP are not to look at every address of theirs once more.
    const plan = isUsed ? planBgp(facts, this.#options.sha256Hex) : NOTHING;
    const isNew = this.#plan === undefined || !areSameSessions(this.#plan.sessions, plan.sessions);
    if (isNew) this.#generation += 1;
    this.#plan = plan;
    this.#planned = undefined;
    // Which Services a route stands for may be another although the routes are the same.
    this.#plans.set(this.#generation, plan);
    this.#forget();
    const { sessions, gracefulWithdrawal } = plan;
    if (isNew) {
      this.#options.post({
        generation: this.#generation,
        sessions,
        ...(gracefulWithdrawal === undefined ? {} : { gracefulWithdrawal }),
      });
    }
    return plan;
  }

  heard(sessions: readonly BgpSessionView[]): void {
    this.#sessions = sessions;
    this.#forget();
  }

  /** Undefined before anything was heard of the sessions. */
  told(): ToldBgp | undefined {
    const sessions = this.#sessions;
    if (sessions === undefined) return undefined;
    const told = new Map<string, { readonly peers: Set<string>; readonly addresses: Set<Ip> }>();
    for (const session of sessions) {
      for (const { ip, services } of this.#addressesTold(session)) {
        for (const service of services) {
          const known = told.get(service) ?? { peers: new Set(), addresses: new Set() };
          told.set(service, known);
          known.peers.add(session.peer);
          known.addresses.add(ip);
        }
      }
    }
    const services = new Map(
      Array.from(told, ([service, { peers, addresses }]) => [
        service,
        { peers: [...peers], addresses: [...addresses].sort(compareIps) },
      ]),
    );
    return {
      sessions,
      services,
      isPlanned: (service) => this.#servicesPlanned().has(service),
      prefixesOf: (peer) => this.#prefixesTold(peer),
    };
  }

  /** Of the last plan. */
  #servicesPlanned(): ReadonlySet<string> {
    this.#planned ??= servicesHeard(this.#plan ?? NOTHING);
    return this.#planned;
  }

  /** All that no session is at, or may just be getting to: one that takes nothing for minutes must not keep hundreds. */
  #forget(): void {
    const at = new Set(this.#sessions?.map(({ advertisedGeneration }) => advertisedGeneration));
    for (const generation of this.#plans.keys()) {
      if (generation <= this.#generation - RECENT_PLANS && !at.has(generation)) this.#plans.delete(generation);
    }
  }

  #addressesTold(view: BgpSessionView): readonly PlannedAddress[] {
    const plan = this.#planOf(view);
    const session = plan?.sessions.find(({ peer: { name } }) => name === view.peer);
    if (plan === undefined || session === undefined) return [];
    const isHeard = hears(session.peer);
    return plan.addresses.filter(
      (address) => view.advertisedFamilies.includes(ipFamily(address.ip)) && isHeard(address),
    );
  }

  #prefixesTold(peer: string): readonly IpPrefix[] {
    const view = this.#sessions?.find((session) => session.peer === peer);
    const plan = view === undefined ? undefined : this.#planOf(view);
    const planned = plan?.sessions.find((session) => session.peer.name === peer);
    if (view === undefined || planned === undefined) return [];
    return planned.routes.map(({ prefix }) => prefix).filter((prefix) => isSent(prefix, view));
  }

  #planOf({ state, advertisedGeneration }: BgpSessionView): NodeBgpPlan | undefined {
    if (state !== 'established' || advertisedGeneration === undefined) return undefined;
    return this.#plans.get(advertisedGeneration);
  }
}

function servicesHeard({ sessions, addresses }: NodeBgpPlan): ReadonlySet<string> {
  const heard = addresses.filter(areHeard(sessions.map(({ peer }) => peer)));
  return new Set(heard.flatMap(({ services }) => services));
}

/**
 * Sessions that hear the same share one list of routes, in each of the plans: where there are many sessions, each pair of
 * lists is compared once.
 */
function areSameSessions(before: readonly PlannedSession[], now: readonly PlannedSession[]): boolean {
  if (before.length !== now.length) return false;
  const known = new Map<PlannedSession['routes'], PlannedSession['routes']>();
  return now.every(({ routes, ...session }, index) => {
    const { routes: routesBefore, ...sessionBefore } = before[index] as PlannedSession;
    if (!isDeepStrictEqual(session, sessionBefore)) return false;
    if (known.get(routes) === routesBefore) return true;
    if (!isDeepStrictEqual(routes, routesBefore)) return false;
    known.set(routes, routesBefore);
    return true;
  });
}

function isSent(prefix: IpPrefix, { advertisedFamilies }: BgpSessionView): boolean {
  return advertisedFamilies.includes(prefixFamily(prefix));
}
