/**
 * Which speakers there are, which of them live, and what they say of themselves: this speaker's Lease kept, the others'
 * watched, and who lives put together from what the speakers found out about each other and, where that is nothing, from
 * the Leases.
 *
 *   liveness, else Leases ──▶ speakers()      onChanged: only when that answer changes, not at every renewal
 *   LeaseKeeper ──▶ own Lease ──▶ the others
 *   Leases ──▶ peers()                        whom to listen to, and where they are
 */
import { type AnyInformer, Informer } from '../../adapters/kube/informer.ts';
import { leasesPath } from '../../adapters/kube/paths.ts';
import { toLeaseView } from '../../adapters/kube/read-model.ts';
import {
  CONFLICTS_ANNOTATION,
  formatSpeakerConflicts,
  formatSpeakerMacs,
  MACS_ANNOTATION,
  parseSpeakerConflicts,
  parseSpeakerMacs,
} from '../../decide/lan-facts.ts';
import {
  BOOT_ANNOTATION,
  formatSpeakerGateways,
  formatSpeakerInterfaces,
  INTERFACES_ANNOTATION,
  PORT_ANNOTATION,
  parseSpeaker,
  parseSpeakerBoot,
  parseSpeakerPort,
  SPEAKER_LEASE_LABELS,
} from '../../decide/speaker-facts.ts';
import type { Clock, KubeApi, Random } from '../../engine/ports.ts';
import type { InterfaceFacts } from '../../model/announcements.ts';
import type { LeaseView, NodeDetails } from '../../model/cluster.ts';
import type { LanConflict } from '../../model/conflict.ts';
import type { Mac } from '../../model/mac.ts';
import type { SpeakerView } from '../../model/node.ts';
import { compareText } from '../../model/text-order.ts';
import type { PeerState } from '../../protocols/liveness/interface.ts';
import { LeaseDetector, type LeaseInput } from '../../protocols/liveness/lease-detector.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import type { ClusterWorkerData, Peer } from './messages.ts';

export interface MembershipOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: Pick<ClusterWorkerData, 'nodeName' | 'namespace' | 'boot'>;
  readonly node: (name: string) => NodeDetails | undefined;
  /**
   * They answer otherwise than before. speakers: speakers(), peers() or speakerMacs(), and conflicts() perhaps as well;
   * conflicts: conflicts() alone, which says nothing of who comes and goes.
   */
  readonly onChanged: (what: 'speakers' | 'conflicts') => void;
  /** The API server is in reach again after it was not. */
  readonly onBackInReach: () => void;
  readonly onError: (error: unknown) => void;
}

export class Membership {
  readonly #options: MembershipOptions;
  readonly #leases: Informer<LeaseView>;
  readonly #detector: LeaseDetector;
  readonly #keeper: LeaseKeeper;
  #toldSpeakers = '';
  #toldConflicts = '';
  #states: Readonly<Record<string, PeerState>> = {};
  #cancelDeadline: (() => void) | undefined;
  /** The last renewal failed. */
  #cutOff = false;

  constructor(options: MembershipOptions) {
    this.#options = options;
    const { api, clock, random, settings } = options;
    const { nodeName, namespace, boot } = settings;
    this.#detector = new LeaseDetector();
    this.#leases = new Informer({
      api,
      clock,
      random,
      path: leasesPath(namespace),
      labelSelector: `app=${SPEAKER_LEASE_LABELS.app},component=${SPEAKER_LEASE_LABELS.component}`,
      toView: toLeaseView,
      onChange: (key) => this.#sawLease(key),
      onError: options.onError,
    });
    this.#keeper = new LeaseKeeper({
      api,
      clock,
      namespace,
      nodeName,
      nodeUid: () => options.node(nodeName)?.uid,
      boot,
      speakers: () => this.#leases.size,
      onRenewed: (leaseMs) => this.#renewed(leaseMs),
      onFailed: (error) => this.#renewalFailed(error),
    });
  }

  /** Its copy of the Leases, to be started, waited for and stopped with the other caches. */
  get informer(): AnyInformer {
    return this.#leases;
  }

  /** Where this speaker's Lease is to say that others reach it by UDP; until the first call, nowhere. */
  setLivenessPort(port: number): void {
    this.#keeper.setLivenessPort(port);
  }

  /** What this speaker's Lease is to say of its interfaces; the first call begins to renew it. */
  setInterfaces(interfaces: readonly InterfaceFacts[]): void {
    this.#keeper.setMacs(formatSpeakerMacs(interfaces));
    this.#keeper.setInterfaces(formatSpeakerInterfaces(interfaces));
  }

  /** What this speaker's Lease is to say of the node's gateways. */
  setGateways(gateways: readonly string[]): void {
    this.#keeper.setGateways(formatSpeakerGateways(gateways));
  }

  /** What the speakers found out about each other; who is unknown there is judged by its Lease. */
  setStates(states: Readonly<Record<string, PeerState>>): void {
    this.#states = states;
    this.#look();
  }

  /** All other speakers that there are and that can be reached, ordered by node. */
  peers(): readonly Peer[] {
    const { nodeName } = this.#options.settings;
    return this.#leases
      .list()
      .flatMap(({ holder: node, annotations }) => {
        const boot = parseSpeakerBoot(annotations[BOOT_ANNOTATION]);
        const port = parseSpeakerPort(annotations[PORT_ANNOTATION]);
        const [address] = this.#options.node(node)?.internalIps ?? [];
        if (node === nodeName || boot === undefined || port === undefined || address === undefined) return [];
        return [{ node, boot, address, port }];
      })
      .sort((a, b) => compareText(a.node, b.node));
  }

  /** Whether every speaker that lives tells who it is, as those do that claim what they announce. */
  get allClaim(): boolean {
    return this.#alive().every(({ annotations }) => parseSpeakerBoot(annotations[BOOT_ANNOTATION]) !== undefined);
  }

  /** The speakers that live, by what they last said of themselves. */
  speakers(): readonly SpeakerView[] {
    return this.#alive().map(({ holder, annotations }) => parseSpeaker(holder, annotations[INTERFACES_ANNOTATION]));
  }

  /** What this speaker's Lease is to say of addresses that foreign hosts hold, as this node sees it. */
  setConflicts(conflicts: readonly LanConflict[]): void {
    this.#keeper.setConflicts(formatSpeakerConflicts(conflicts));
  }

  /** The MACs of all speakers, those that are dead too: a late frame of one of them is nobody foreign's. */
  speakerMacs(): readonly Mac[] {
    const macs = this.#leases.list().flatMap(({ annotations }) => parseSpeakerMacs(annotations[MACS_ANNOTATION]));
    return Array.from(new Set(macs)).sort();
  }

  /** The addresses that foreign hosts hold, as the speakers that live say. */
  conflicts(): readonly LanConflict[] {
    return this.#alive().flatMap(({ holder, annotations }) =>
      parseSpeakerConflicts(holder, annotations[CONFLICTS_ANNOTATION]),
    );
  }

  /** Gives the Lease up, so that others take over at once, and ends what runs here, the informer aside. */
  async retire(): Promise<void> {
    await this.#keeper.retire();
    this.#cancelDeadline?.();
  }

  #alive(): readonly LeaseView[] {
    const alive = new Set(this.#detector.alive(this.#options.clock.now()));
    return this.#leases.list().filter(({ holder }) => {
      const state = this.#states[holder] ?? 'unknown';
      return state === 'alive' || (state === 'unknown' && alive.has(holder));
    });
  }

  #sawLease(key: string): void {
    const lease = this.#leases.get(key);
    if (lease === undefined) {
      this.#tell({ kind: 'vanished', node: nodeOfLease(key) });
      return;
    }
    const { holder: node, renewTime: stamp, durationSeconds } = lease;
    this.#tell({ kind: 'observed', node, stamp, leaseMs: clampLeaseMs(durationSeconds) });
  }

  #renewed(leaseMs: number): void {
    this.#tell({ kind: 'renewed', leaseMs });
    if (!this.#cutOff) return;
    this.#cutOff = false;
    this.#options.onBackInReach();
  }

  #renewalFailed(error: unknown): void {
    this.#cutOff = true;
    this.#options.onError(error);
    this.#tell({ kind: 'renewal-failed' });
  }

  #tell(input: LeaseInput): void {
    this.#detector.handle(input, this.#options.clock.now());
    this.#look();
  }

  /** Says so if the answer has changed, and looks again when it may change by time alone. */
  #look(): void {
    const { clock, onChanged } = this.#options;
    this.#cancelDeadline?.();
    const now = clock.now();
    const deadline = this.#detector.deadline(now);
    if (deadline !== undefined) this.#cancelDeadline = clock.schedule(deadline - now, () => this.#look());
    const alive = this.#alive();
    const told = (annotation: string) =>
      alive.map(({ holder, annotations }) => [holder, annotations[annotation]]).sort();
    // A speaker that was killed and started again is known by its new boot alone, and counts as dead until it is heard.
    const speakers = JSON.stringify([told(INTERFACES_ANNOTATION), this.peers(), this.speakerMacs()]);
    const conflicts = JSON.stringify(told(CONFLICTS_ANNOTATION));
    const areOthers = speakers !== this.#toldSpeakers;
    if (!areOthers && conflicts === this.#toldConflicts) return;
    this.#toldSpeakers = speakers;
    this.#toldConflicts = conflicts;
    onChanged(areOthers ? 'speakers' : 'conflicts');
  }
}

/** A Lease that is gone is known by its key alone: "namespace/speaker-NODE". */
function nodeOfLease(key: string): string {
  return key.replace(/^[^/]*\/speaker-/, '');
}

/** What a Lease says of itself comes over the network: neither nothing nor a year. */
function clampLeaseMs(durationSeconds: number): number {
  return Math.min(300, Math.max(1, durationSeconds)) * 1000;
}
