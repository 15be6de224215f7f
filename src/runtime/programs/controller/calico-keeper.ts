/**
 * ACT, where Calico advertises the pools: keeps spec.serviceLoadBalancerIPs of its BGPConfiguration in step with them.
 *
 *     pools changed ─┐
 *     object changed ┼─▶ wake ─▶ (queue of writes) ─▶ keep(): read, plan, write what differs ─▶ done | tried again
 *     now leading ───┘
 *
 * The watch is only there to wake: what is written is decided on the object as it is read then, so that an edit that the
 * watch has not brought yet is not lost. Addresses are given out whatever becomes of this. Nothing is taken out as long
 * as no configuration is known.
 */
import { calicoBgpPath, findCalicoBgp, toDefaultCalicoBgp, writeCalicoBgp } from '../../adapters/kube/calico.ts';
import { isNotLeader } from '../../adapters/kube/fenced-api.ts';
import { Informer } from '../../adapters/kube/informer.ts';
import { KubeError } from '../../adapters/kube/kube-error.ts';
import { recordOf } from '../../decide/calico/block-record.ts';
import { CALICO_MISSING, calicoRefusal } from '../../decide/calico/calico-fault.ts';
import { type BlockPlan, planBlocks, wantedBlocks } from '../../decide/calico/plan-blocks.ts';
import type { Clock, KubeApi, Random } from '../../engine/ports.ts';
import { DONE, type Outcome } from '../../engine/work-queue.ts';
import { CALICO_API_VERSIONS, type CalicoBgpConfiguration } from '../../model/calico.ts';
import type { Config, ConfigError } from '../../model/config.ts';
import type { IpPrefix } from '../../model/ip-prefix.ts';

/** 'pools': Calico advertises them all. 'none': what was put in is taken out again. */
export type CalicoMode = 'pools' | 'none';

/** How often a cluster without Calico is asked whether it has one now: its definitions are no object to be watched. */
const ASK_AGAIN_MS = 30_000;
/** Longer than the server lets a watch last: Calico's own API server sends no bookmarks while nothing changes. */
const IDLE_TIMEOUT_MS = 900_000;

export interface CalicoKeeperOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly mode: CalicoMode;
  /** There may be something to be written. */
  readonly onWake: () => void;
  /** What is wrong now; undefined: nothing. Told when it changes. */
  readonly onFault: (fault: ConfigError | undefined) => void;
  readonly onWritten: (plan: BlockPlan) => void;
  /** A read or a write failed, and is tried again. */
  readonly onError: (error: Error) => void;
}

export class CalicoKeeper {
  readonly #options: CalicoKeeperOptions;
  readonly #watches: readonly Informer<CalicoBgpConfiguration>[];
  /** Undefined: no configuration is known. */
  #wanted: readonly IpPrefix[] | undefined;
  #fault: ConfigError | undefined;

  constructor(options: CalicoKeeperOptions) {
    this.#options = options;
    const { api, clock, random, onWake, onError } = options;
    // Both: what Calico's own API server is told shows in what it is stored in, and either may be all there is.
    this.#watches = CALICO_API_VERSIONS.map(
      (version) =>
        new Informer({
          api,
          clock,
          random,
          path: calicoBgpPath(version),
          toView: toDefaultCalicoBgp,
          whenMissing: 'empty',
          idleTimeoutMs: IDLE_TIMEOUT_MS,
          onChange: onWake,
          onError,
        }),
    );
  }

  start(): void {
    for (const watch of this.#watches) watch.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#watches.map((watch) => watch.stop()));
  }

  /** Takes over the configuration in force; true: what is wanted is other than before. */
  take(config: Config | undefined): boolean {
    if (config === undefined) return false;
    const wanted = this.#options.mode === 'pools' ? wantedBlocks(config.pools) : [];
    const isSame = wanted.join() === this.#wanted?.join();
    this.#wanted = wanted;
    return !isSame;
  }

  /** Another controller does this from now on: the next take() is to be written. */
  forget(): void {
    this.#wanted = undefined;
    this.#say(undefined);
  }

  /** Brings the object in step. */
  async keep(): Promise<Outcome> {
    const wanted = this.#wanted;
    if (wanted === undefined) return DONE;
    try {
      return await this.#keep(wanted);
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      // Whoever leads now has looked at it anew.
      if (isNotLeader(error)) return DONE;
      this.#options.onError(error);
      // Somebody wrote first: nothing is wrong, the next try starts from what they wrote.
      if (error.status !== 409) this.#say(calicoRefusal(error));
      return { kind: 'retry', atLeastMs: (error.retryAfterSeconds ?? 0) * 1000 };
    }
  }

  async #keep(wanted: readonly IpPrefix[]): Promise<Outcome> {
    const { api, mode, onWritten } = this.#options;
    const found = await findCalicoBgp(api);
    if (found === undefined) {
      this.#say(mode === 'pools' ? CALICO_MISSING : undefined);
      return { kind: 'retry-after', delayMs: ASK_AGAIN_MS };
    }
    const plan = planBlocks(found.current, wanted);
    if (plan.isChange) {
      const annotations = recordOf(plan.ours, found.current?.annotations ?? {});
      await writeCalicoBgp(api, found, { blocks: plan.blocks, annotations });
      onWritten(plan);
    }
    this.#say(undefined);
    return DONE;
  }

  #say(fault: ConfigError | undefined): void {
    if (fault?.message === this.#fault?.message) return;
    this.#fault = fault;
    this.#options.onFault(fault);
  }
}
