/**
 * The speaker's cluster half: caches of the API, the speakers' liveness, and the plan, joined. On any change it plans
 * the whole of layer 2 anew and hands this node's table over when it differs from the last one.
 *
 *   informers ────────────────┐
 *   Configuration ────────────┼─▶ plan ─▶ planLayer2 ─▶ tableFor(this node) ─▶ main thread
 *   Membership ◀─ liveness ───┤                     └─▶ log, Events, counters
 *   claims, from main thread ─┘
 *
 * Nothing is handed over before every cache has synced and a configuration has been read, so a start withdraws nothing.
 */
import { isDeepStrictEqual } from 'node:util';
import { type AnyInformer, Informer } from '../../adapters/kube/informer.ts';
import { ENDPOINT_SLICES_PATH, NODES_PATH, SERVICES_PATH } from '../../adapters/kube/paths.ts';
import { toEndpointSliceView, toNodeDetails } from '../../adapters/kube/read-model.ts';
import { toServiceView } from '../../adapters/kube/read-service.ts';
import type { Untyped } from '../../adapters/kube/untyped.ts';
import type { NodeBgpPlan } from '../../decide/bgp/plan-bgp.ts';
import type { DecidedConfig } from '../../decide/configuration/config-source.ts';
import { conflictPolicies, conflictsInForce } from '../../decide/layer2/lan-conflicts.ts';
import type { Layer2Facts } from '../../decide/layer2/layer2-facts.ts';
import { type AddressPlan, planLayer2 } from '../../decide/layer2/plan-layer2.ts';
import { type TableEntry, tableFor } from '../../decide/layer2/table-for.ts';
import { DutyCycle } from '../../engine/duty-cycle.ts';
import type { Clock, KubeApi, Random } from '../../engine/ports.ts';
import { DONE, WorkQueue } from '../../engine/work-queue.ts';
import type { EndpointSliceView, NodeDetails } from '../../model/cluster.ts';
import { type Config, holdsBack } from '../../model/config.ts';
import type { Mac } from '../../model/mac.ts';
import type { Sha256Hex } from '../../model/platform.ts';
import type { RawResource } from '../../model/resource.ts';
import type { ServiceView } from '../../model/service.ts';
import { Configuration } from '../configuration.ts';
import type { AddressEntry, AddressTable } from './announced.ts';
import { type BgpCoverage, coverageOf, unannouncedOf, withoutThoseOfBgp } from './bgp/bgp-coverage.ts';
import { BgpPlanning, type ToldBgp } from './bgp/bgp-planning.ts';
import { Calm, disturbanceMs, SPEAKERS_CALM_MS } from './calm.ts';
import { Membership } from './membership.ts';
import type {
  AdvertisedAddresses,
  ClusterCounters,
  ClusterWorkerData,
  FromCluster,
  LivenessView,
  Peer,
  ToCluster,
} from './messages.ts';
import { layer2Facts } from './snapshot.ts';
import { LastHolders, TakeOverCounts } from './take-overs.ts';

/** For how many times as long as a plan took no other one is made: planning takes a fifth of a core at most. */
const REST_PER_PLAN = 4;

export interface ClusterOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly sha256Hex: Sha256Hex;
  readonly settings: ClusterWorkerData;
  readonly post: (message: FromCluster) => void;
  /** Before every plan: the configuration it is made with, and what is wrong with it. */
  readonly onConfiguration: (decided: DecidedConfig) => void;
  readonly onPlanned: (planned: Planned) => void;
  /** After every plan, and at every change of a session. `alive`: nodes whose speakers live. */
  readonly onBgp: (told: ToldBgp, alive: readonly string[]) => void;
  readonly onError: (error: unknown) => void;
}

/** What is told after every plan. */
export interface Planned {
  readonly plans: readonly AddressPlan[];
  readonly before: readonly AddressPlan[];
  /** Undefined: this node has no part in BGP just now. */
  readonly bgp: BgpCoverage | undefined;
  /** Nodes whose speakers live. */
  readonly alive: readonly string[];
  /** Looks a Service up by "namespace/name". */
  readonly service: (key: string) => ServiceView | undefined;
}

export class Cluster {
  readonly #options: ClusterOptions;
  readonly #services: Informer<ServiceView>;
  readonly #endpointSlices: Informer<EndpointSliceView>;
  readonly #nodes: Informer<NodeDetails>;
  readonly #configuration: Configuration;
  readonly #membership: Membership;
  readonly #queue: WorkQueue;
  readonly #planning: DutyCycle;
  readonly #takeOvers: TakeOverCounts;
  readonly #lastHolders: LastHolders;
  readonly #bgp: BgpPlanning;
  #plans: readonly AddressPlan[] = [];
  #alive: readonly string[] = [];
  #table: AddressTable | undefined;
  #peers: readonly Peer[] | undefined;
  #speakerMacs: readonly Mac[] = [];
  #advertised: readonly AdvertisedAddresses[] = [];
  #liveness: LivenessView = { states: {}, leaving: [], claims: [] };
  readonly #calm: Calm;
  #missing: readonly string[] | undefined;
  #isRetiring = false;

  constructor(options: ClusterOptions) {
    this.#options = options;
    const { clock, random, settings } = options;
    this.#planning = new DutyCycle(clock, REST_PER_PLAN);
    this.#calm = new Calm(clock, () => this.#changed());
    const { post, sha256Hex } = options;
    this.#bgp = new BgpPlanning({ sha256Hex, wallMs: clock.wallMs(), post: (plan) => post({ kind: 'bgp', plan }) });
    this.#takeOvers = new TakeOverCounts(settings.nodeName);
    this.#lastHolders = new LastHolders(settings.nodeName);
    this.#queue = new WorkQueue({
      clock,
      random,
      handle: async () => {
        this.#planning.run(() => this.#plan());
        return DONE;
      },
    });
    this.#services = this.#informer(SERVICES_PATH, withAddress);
    this.#endpointSlices = this.#informer(ENDPOINT_SLICES_PATH, toEndpointSliceView);
    this.#nodes = this.#informer(NODES_PATH, toNodeDetails, () => {
      this.#configuration.nodesChanged();
      this.#changed();
    });
    this.#configuration = new Configuration({
      api: options.api,
      clock,
      random,
      namespace: settings.namespace,
      nodes: () => this.#nodes.list(),
      nodeName: settings.nodeName,
      secrets: 'read',
      onChange: () => this.#changed(),
      onError: options.onError,
    });
    this.#membership = new Membership({
      api: options.api,
      clock,
      random,
      settings,
      node: (name) => this.#nodes.get(name),
      onChanged: (what) => {
        // A foreign host that comes and goes all the time must not keep every address where it happens to be.
        if (what === 'speakers') this.#calm.disturbed(SPEAKERS_CALM_MS);
        this.#changedNow();
      },
      // Connections that went through the outage may be dead without knowing it: what they missed is needed now.
      onBackInReach: () => {
        for (const informer of this.#informers()) informer.reconnect();
      },
      onError: options.onError,
    });
  }

  start(): void {
    for (const informer of this.#informers()) {
      informer.start();
      void informer.whenSynced().then(() => this.#changed());
    }
    this.#changed();
  }

  handle(message: ToCluster): void {
    switch (message.kind) {
      case 'liveness-port':
        this.#membership.setLivenessPort(message.port);
        return;
      case 'interfaces':
        this.#membership.setInterfaces(message.interfaces);
        return;
      case 'gateways':
        this.#membership.setGateways(message.gateways);
        return;
      case 'liveness':
        this.#learn(message.view);
        return;
      case 'conflicts':
        this.#membership.setConflicts(message.conflicts);
        return;
      case 'bgp-sessions':
        this.#bgp.heard(message.sessions);
        this.#tellBgp();
        return;
      case 'retire':
        void this.#retire();
        return;
    }
  }

  #learn(view: LivenessView): void {
    const before = this.#liveness;
    this.#liveness = view;
    this.#calm.disturbed(disturbanceMs(before, view));
    this.#membership.setStates(view.states);
    this.#changedNow();
  }

  /** Its part of the plan stays as it is to the end: its own Lease is gone, and others are still taking over. */
  async #retire(): Promise<void> {
    this.#isRetiring = true;
    await this.#membership.retire();
    await Promise.all(this.#informers().map((informer) => informer.stop()));
    this.#options.post({ kind: 'retired' });
  }

  #informers(): readonly AnyInformer[] {
    return [
      this.#services,
      this.#endpointSlices,
      this.#nodes,
      this.#membership.informer,
      ...this.#configuration.informers(),
    ];
  }

  #informer<View extends object>(
    path: string,
    toView: (raw: Untyped) => View | undefined,
    onChange = () => this.#changed(),
  ): Informer<View> {
    const { api, clock, random, onError } = this.#options;
    return new Informer<View>({ api, clock, random, path, toView, onChange, onError });
  }

  /** A plan looks at everything: while changes pour in, one follows the other at a distance. */
  #changed(): void {
    const { restMs } = this.#planning;
    if (restMs > 0) this.#queue.addAfter('plan', restMs);
    else this.#changedNow();
  }

  /** Who lives and who does not is heeded at once. */
  #changedNow(): void {
    this.#queue.add('plan');
  }

  #plan(): void {
    if (this.#isRetiring) return;
    const missing = this.#whatIsMissing();
    if (!isDeepStrictEqual(missing, this.#missing)) {
      this.#missing = missing;
      this.#options.post({ kind: 'health', missing });
    }
    if (this.#membership.informer.synced && this.#nodes.synced) this.#tellPeers();
    if (this.#membership.informer.synced) this.#tellSpeakerMacs();
    if (missing.length > 0) return;
    const { settings, sha256Hex, onConfiguration, onPlanned } = this.#options;
    const decided = this.#configuration.decide();
    const { config } = decided;
    onConfiguration(decided);
    // Only a faulty ConfigMap is known, and never was a good one: nothing can be planned, and nothing is taken away.
    if (config === undefined) return;
    const caches = {
      services: this.#services.list(),
      endpointSlices: this.#endpointSlices.list(),
      nodes: this.#nodes.list(),
      speakers: this.#membership.speakers(),
    };
    const { leaving } = this.#liveness;
    const election = this.#election();
    const claims = election === 'spread' ? this.#liveness.claims : [];
    const handBack = this.#calm.isCalm ? 'allowed' : 'not-now';
    const facts = layer2Facts(
      caches,
      config,
      { claims, leaving, handBack, conflicts: conflictsInForce(this.#membership.conflicts(), config) },
      { ...settings, election },
    );
    const before = this.#plans;
    const bgp = this.#planBgp(facts, caches.nodes);
    const coverage = coverageOf(bgp, facts);
    this.#plans = withoutThoseOfBgp(planLayer2(facts, sha256Hex), coverage);
    const entries = this.#entries(tableFor(settings.nodeName, this.#plans), before, config);
    this.#lastHolders.tell(this.#plans, election === 'spread' ? 'claims' : 'plan');
    this.#handOver({ election, entries });
    this.#alive = caches.speakers.map(({ nodeName }) => nodeName);
    this.#tellBgp();
    onPlanned({
      plans: this.#plans,
      before,
      bgp: coverage,
      alive: this.#alive,
      service: (key) => this.service(key),
    });
    this.#takeOvers.tell(this.#plans);
    const counters = {
      ...countersOf(this.#plans, coverage, settings.nodeName, decided),
      takenOver: this.#takeOvers.list(),
    };
    this.#options.post({ kind: 'counters', counters });
  }

  /**
   * What the watch over conflicts has to know of the addresses, and whom they are taken over from. Whether a speaker held
   * one when it came into the table, and which, is not asked again while it is in it.
   */
  #entries(entries: readonly TableEntry[], before: readonly AddressPlan[], config: Config): readonly AddressEntry[] {
    const policyOf = conflictPolicies(config);
    const known = new Map(this.#table?.entries.map(({ ip, held, from }) => [ip, { held, ...(from && { from }) }]));
    const owned = new Set(before.filter(({ owner }) => owner !== undefined).map(({ ip }) => ip));
    const pastOf = (entry: TableEntry): Pick<AddressEntry, 'held' | 'from'> => {
      const from = this.#lastHolders.other(entry);
      return { held: owned.has(entry.ip) ? 'by-a-speaker' : 'by-nobody', ...(from && { from }) };
    };
    return entries.map((entry) => ({
      ...entry,
      policy: policyOf(entry.ip),
      ...(known.get(entry.ip) ?? pastOf(entry)),
    }));
  }

  /** A node that the cluster does not know any more holds no sessions. */
  #planBgp(facts: Layer2Facts, nodes: readonly NodeDetails[]): NodeBgpPlan | undefined {
    const node = nodes.find(({ name }) => name === this.#options.settings.nodeName);
    return node === undefined ? undefined : this.#bgp.plan({ ...facts, node });
  }

  #tellBgp(): void {
    const told = this.#isRetiring ? undefined : this.#bgp.told();
    if (told === undefined) return;
    this.#options.onBgp(told, this.#alive);
    const services = Array.from(told.services, ([service, { addresses }]) => ({ service, addresses }));
    if (isDeepStrictEqual(services, this.#advertised)) return;
    this.#advertised = services;
    this.#options.post({ kind: 'advertised', services });
  }

  /** `key`: "namespace/name". Undefined: there is none, or it carries no address. */
  service(key: string): ServiceView | undefined {
    return this.#services.get(key);
  }

  /** The BGPPeer as it is in the cluster. */
  bgpPeer(name: string): RawResource | undefined {
    return this.#configuration.resources.bgppeers.get(`${this.#options.settings.namespace}/${name}`);
  }

  #handOver(table: AddressTable): void {
    if (isDeepStrictEqual(table, this.#table)) return;
    this.#table = table;
    this.#options.post({ kind: 'table', table });
  }

  /** By hash while a speaker lives that makes no claims: one of an earlier version, during an upgrade. */
  #election(): AddressTable['election'] {
    return this.#membership.allClaim ? this.#options.settings.election : 'metallb';
  }

  #tellPeers(): void {
    const peers = this.#membership.peers();
    if (isDeepStrictEqual(peers, this.#peers)) return;
    this.#peers = peers;
    this.#options.post({ kind: 'peers', peers });
  }

  #tellSpeakerMacs(): void {
    const macs = this.#membership.speakerMacs();
    if (isDeepStrictEqual(macs, this.#speakerMacs)) return;
    this.#speakerMacs = macs;
    this.#options.post({ kind: 'speaker-macs', macs });
  }

  #whatIsMissing(): readonly string[] {
    const missing: string[] = [];
    for (const [what, informer] of [
      ['Services', this.#services],
      ['EndpointSlices', this.#endpointSlices],
      ['Nodes', this.#nodes],
      ['Leases', this.#membership.informer],
    ] as const) {
      if (!informer.synced) missing.push(`${what} have not been read yet`);
    }
    if (!this.#configuration.synced) missing.push('the configuration has not been read yet');
    return missing;
  }
}

/** Services that carry no address are of no interest to a speaker; they would only take memory. */
function withAddress(raw: Untyped): ServiceView | undefined {
  const service = toServiceView(raw);
  return service.type === 'LoadBalancer' && service.ingress.length > 0 ? service : undefined;
}

function countersOf(
  plans: readonly AddressPlan[],
  coverage: BgpCoverage | undefined,
  nodeName: string,
  decided: DecidedConfig,
): Omit<ClusterCounters, 'takenOver'> {
  return {
    configLoaded: decided.config !== undefined,
    configStale: decided.errors.some(holdsBack),
    announced: plans.filter(({ owner }) => owner === nodeName).map(({ ip, services }) => ({ ip, services })),
    unannounced: unannouncedOf(plans, coverage),
  };
}
