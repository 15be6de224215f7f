/**
 * The cluster's own addresses, watched: what decide/allocation/exclusions makes the exclusions from. Nodes by their
 * addresses alone, the speakers' Leases by what they tell of their nodes, and the networks of ClusterIPs where the API
 * server has them.
 */
import { type AnyInformer, Informer } from '../../adapters/kube/informer.ts';
import { leasesPath, NODES_PATH, SERVICE_CIDRS_PATH } from '../../adapters/kube/paths.ts';
import { toLeaseView, toNodeAddresses, toServiceCidrView } from '../../adapters/kube/read-model.ts';
import type { Untyped } from '../../adapters/kube/untyped.ts';
import { exclusionsOf, type SpeakerAddresses } from '../../decide/allocation/exclusions.ts';
import { CONFLICTS_ANNOTATION, parseSpeakerConflicts } from '../../decide/lan-facts.ts';
import {
  GATEWAYS_ANNOTATION,
  INTERFACES_ANNOTATION,
  parseSpeakerAddresses,
  parseSpeakerGateways,
  SPEAKER_LEASE_LABELS,
} from '../../decide/speaker-facts.ts';
import type { Clock, KubeApi, Random } from '../../engine/ports.ts';
import type { NodeAddresses, ServiceCidrView } from '../../model/cluster.ts';
import type { Exclusion } from '../../model/exclusion.ts';
import type { AddressRange } from '../../model/range.ts';

export interface ExclusionSourcesOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly random: Random;
  /** Where the speakers' Leases are. */
  readonly namespace: string;
  /** From the flags: what the API does not tell. */
  readonly podNetworks: readonly AddressRange[];
  readonly serviceNetworks: readonly AddressRange[];
  /** exclusions() may answer otherwise than before. */
  readonly onChange: () => void;
  readonly onError: (error: Error) => void;
}

/** What a Lease tells of its node, as it is written there. That it is renewed once a second is no change of this. */
interface SpeakerLease {
  readonly nodeName: string;
  readonly interfaces: string;
  readonly gateways: string;
  readonly conflicts: string;
}

export class ExclusionSources {
  readonly #options: ExclusionSourcesOptions;
  readonly #nodes: Informer<NodeAddresses>;
  readonly #leases: Informer<SpeakerLease>;
  readonly #serviceCidrs: Informer<ServiceCidrView>;
  /** Undefined: something changed since they were made. */
  #exclusions: readonly Exclusion[] | undefined;

  constructor(options: ExclusionSourcesOptions) {
    this.#options = options;
    const { api, clock, random, namespace, onError } = options;
    const common = { api, clock, random, onError, onChange: () => this.#changed() };
    this.#nodes = new Informer({ ...common, path: NODES_PATH, toView: toNodeAddresses });
    this.#leases = new Informer({
      ...common,
      path: leasesPath(namespace),
      labelSelector: `app=${SPEAKER_LEASE_LABELS.app},component=${SPEAKER_LEASE_LABELS.component}`,
      toView: toSpeakerLease,
    });
    this.#serviceCidrs = new Informer({
      ...common,
      path: SERVICE_CIDRS_PATH,
      toView: toServiceCidrView,
      whenMissing: 'empty',
    });
  }

  start(): void {
    for (const informer of this.informers()) {
      informer.start();
      // A list with nothing in it changes nothing, and completes what was waited for.
      void informer.whenSynced().then(() => this.#changed());
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.informers().map((informer) => informer.stop()));
  }

  /** Whether everything was read at least once; before that an address may be given out that is somebody's. */
  get synced(): boolean {
    return this.informers().every((informer) => informer.synced);
  }

  informers(): readonly AnyInformer[] {
    return [this.#nodes, this.#leases, this.#serviceCidrs];
  }

  /** In order of the addresses; the same value until something changes. Only to be asked once synced. */
  exclusions(): readonly Exclusion[] {
    const { podNetworks, serviceNetworks } = this.#options;
    this.#exclusions ??= exclusionsOf({
      nodes: this.#nodes.list(),
      speakers: this.#leases.list().map(toSpeakerAddresses),
      serviceCidrs: this.#serviceCidrs.list(),
      serviceNetworks,
      podNetworks,
    });
    return this.#exclusions;
  }

  #changed(): void {
    this.#exclusions = undefined;
    this.#options.onChange();
  }
}

function toSpeakerLease(raw: Untyped): SpeakerLease {
  const { holder, annotations } = toLeaseView(raw);
  return {
    nodeName: holder,
    interfaces: annotations[INTERFACES_ANNOTATION] ?? '',
    gateways: annotations[GATEWAYS_ANNOTATION] ?? '',
    conflicts: annotations[CONFLICTS_ANNOTATION] ?? '',
  };
}

function toSpeakerAddresses({ nodeName, interfaces, gateways, conflicts }: SpeakerLease): SpeakerAddresses {
  return {
    nodeName,
    addresses: parseSpeakerAddresses(interfaces),
    gateways: parseSpeakerGateways(gateways),
    conflicts: parseSpeakerConflicts(nodeName, conflicts),
  };
}
