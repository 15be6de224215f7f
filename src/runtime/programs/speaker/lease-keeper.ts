/**
 * Keeps this speaker's Lease: creates it, renews it on time, carries in it what the node tells of itself (interfaces,
 * MACs, gateways, foreign hosts that hold addresses), and deletes it when the speaker stops in an orderly way, so that the others take over at once. Says after every try whether it worked,
 * because a speaker that cannot renew must not judge the others.
 */

import { apiMicroTime } from '../../adapters/kube/api-time.ts';
import { leasesPath } from '../../adapters/kube/paths.ts';
import { CONFLICTS_ANNOTATION, formatSpeakerConflicts, MACS_ANNOTATION } from '../../decide/lan-facts.ts';
import {
  BOOT_ANNOTATION,
  GATEWAYS_ANNOTATION,
  INTERFACES_ANNOTATION,
  PORT_ANNOTATION,
  SPEAKER_LEASE_LABELS,
} from '../../decide/speaker-facts.ts';
import type { ApiRequest, Clock, KubeApi } from '../../engine/ports.ts';
import { leaseDurationMs, renewIntervalMs } from '../../protocols/liveness/lease-detector.ts';

export interface LeaseKeeperOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly namespace: string;
  readonly nodeName: string;
  /** The Node object's uid, once it is known: the Lease goes when the Node goes. */
  readonly nodeUid: () => string | undefined;
  /** Which process this is. */
  readonly boot: string;
  /** How many speakers there are, for the pace. */
  readonly speakers: () => number;
  readonly onRenewed: (leaseMs: number) => void;
  readonly onFailed: (error: unknown) => void;
}

export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  #livenessPort: number | undefined;
  #interfaces: string | undefined;
  #gateways: string | undefined;
  #macs: string | undefined;
  /** Nothing is known of a conflict yet: what an earlier process said has to be found out anew. */
  #conflicts = formatSpeakerConflicts([]);
  #cancelNext: (() => void) | undefined;
  #renewing: Promise<void> | undefined;
  /** The interfaces changed while a renewal was under way: renew again right after it. */
  #again = false;
  #retired = false;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
  }

  /** Sets where the Lease says that others reach this speaker by UDP; until the first call, nowhere. */
  setLivenessPort(port: number): void {
    if (port === this.#livenessPort) return;
    this.#livenessPort = port;
    if (this.#interfaces !== undefined) this.#renewNow();
  }

  /** Sets what the Lease says of the interfaces; the first call begins to renew. */
  setInterfaces(annotation: string): void {
    if (annotation === this.#interfaces) return;
    this.#interfaces = annotation;
    this.#renewNow();
  }

  /** Sets what the Lease says of the gateways; until the first call, what an earlier process said there stands. */
  setGateways(annotation: string): void {
    if (annotation === this.#gateways) return;
    this.#gateways = annotation;
    if (this.#interfaces !== undefined) this.#renewNow();
  }

  /** Sets what the Lease says of the node's MACs; it is written with the interfaces. */
  setMacs(annotation: string): void {
    if (annotation === this.#macs) return;
    this.#macs = annotation;
    if (this.#interfaces !== undefined) this.#renewNow();
  }

  /** Sets what the Lease says of addresses that foreign hosts hold. */
  setConflicts(annotation: string): void {
    if (annotation === this.#conflicts) return;
    this.#conflicts = annotation;
    if (this.#interfaces !== undefined) this.#renewNow();
  }

  /** Deletes the Lease and renews it no more. A Lease that cannot be deleted runs out by itself. */
  async retire(): Promise<void> {
    this.#retired = true;
    this.#cancelNext?.();
    await this.#renewing;
    try {
      await this.#options.api.request({
        op: 'delete the speaker lease',
        method: 'DELETE',
        path: this.#path,
        timeoutMs: 1000,
      });
    } catch (error) {
      this.#options.onFailed(error);
    }
  }

  #renewNow(): void {
    if (this.#retired) return;
    if (this.#renewing !== undefined) {
      this.#again = true;
      return;
    }
    this.#cancelNext?.();
    this.#renewing = this.#renew().finally(() => {
      this.#renewing = undefined;
      const delayMs = this.#again ? 0 : renewIntervalMs(this.#options.speakers());
      this.#again = false;
      if (!this.#retired) this.#cancelNext = this.#options.clock.schedule(delayMs, () => this.#renewNow());
    });
  }

  async #renew(): Promise<void> {
    const leaseMs = leaseDurationMs(this.#options.speakers());
    try {
      await this.#write(leaseMs);
      this.#options.onRenewed(leaseMs);
    } catch (error) {
      this.#options.onFailed(error);
    }
  }

  async #write(leaseMs: number): Promise<void> {
    const lease = this.#lease(leaseMs);
    const op = 'renew the speaker lease';
    const timeoutMs = leaseMs / 2;
    const patch: ApiRequest = {
      op,
      method: 'PATCH',
      path: this.#path,
      contentType: 'application/merge-patch+json',
      body: lease,
      timeoutMs,
    };
    try {
      await this.#options.api.request(patch);
    } catch (error) {
      if ((error as { status?: unknown }).status !== 404) throw error;
      await this.#options.api.request({ op, method: 'POST', path: this.#listPath, body: lease, timeoutMs });
    }
  }

  #lease(leaseMs: number): object {
    const { nodeName, namespace, clock, boot } = this.#options;
    const uid = this.#options.nodeUid();
    return {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        name: this.#name,
        namespace,
        labels: SPEAKER_LEASE_LABELS,
        annotations: {
          [INTERFACES_ANNOTATION]: this.#interfaces,
          [GATEWAYS_ANNOTATION]: this.#gateways,
          [MACS_ANNOTATION]: this.#macs,
          [CONFLICTS_ANNOTATION]: this.#conflicts,
          // "" rather than nothing: a merge patch must take away what an earlier process left there.
          [PORT_ANNOTATION]: `${this.#livenessPort ?? ''}`,
          [BOOT_ANNOTATION]: boot,
        },
        ...(uid === undefined ? {} : { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid }] }),
      },
      spec: {
        holderIdentity: nodeName,
        leaseDurationSeconds: leaseMs / 1000,
        renewTime: apiMicroTime(clock.wallMs()),
      },
    };
  }

  get #name(): string {
    return `speaker-${this.#options.nodeName}`;
  }

  get #listPath(): string {
    return leasesPath(this.#options.namespace);
  }

  get #path(): string {
    return `${this.#listPath}/${this.#name}`;
  }
}
