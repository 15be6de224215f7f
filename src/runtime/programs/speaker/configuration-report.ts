/**
 * Tells what this speaker makes of the configuration, as the ConfigurationState "speaker-NODE": Valid, or the faults.
 * The object is watched: it is made again when somebody deletes it (or Kubernetes does, with the pod before this one),
 * put right when somebody edits it, and not written when it says already what it should. A write that fails is tried
 * again with backoff until the API server has it.
 */

import { isDeepStrictEqual } from 'node:util';
import { apiTime } from '../../adapters/kube/api-time.ts';
import { Informer } from '../../adapters/kube/informer.ts';
import { metallbPath } from '../../adapters/kube/paths.ts';
import { type ConfigurationStateView, toConfigurationStateView } from '../../adapters/kube/read-model.ts';
import {
  bearsIdentity,
  type ConfigurationStateIdentity,
  writeConfigurationState,
} from '../../adapters/kube/write-config-objects.ts';
import type { DecidedConfig } from '../../decide/configuration/config-source.ts';
import type { Clock, KubeApi, Random } from '../../engine/ports.ts';
import { DONE, RETRY, WorkQueue } from '../../engine/work-queue.ts';
import type { ConfigError } from '../../model/config.ts';
import { configurationStatus, saysAlready } from '../configuration-state.ts';
import type { ClusterWorkerData } from './messages.ts';

const KEY = 'configuration-state';

export interface ConfigurationReportOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: Pick<ClusterWorkerData, 'nodeName' | 'namespace' | 'pod'>;
  readonly onError: (error: unknown) => void;
}

export class ConfigurationReport {
  readonly #options: ConfigurationReportOptions;
  readonly #identity: ConfigurationStateIdentity;
  readonly #states: Informer<ConfigurationStateView>;
  readonly #queue: WorkQueue;
  /** Undefined: nothing has been told yet. */
  #errors: readonly ConfigError[] | undefined;

  constructor(options: ConfigurationReportOptions) {
    this.#options = options;
    const { api, clock, random, settings, onError } = options;
    const { nodeName, namespace, pod } = settings;
    this.#identity = {
      namespace,
      name: `speaker-${nodeName}`,
      labels: { 'metallb.io/component-type': 'speaker', 'metallb.io/node-name': nodeName },
      ...(pod === undefined ? {} : { owner: pod }),
    };
    this.#states = new Informer<ConfigurationStateView>({
      api,
      clock,
      random,
      path: metallbPath('configurationstates', namespace),
      fieldSelector: `metadata.name=${this.#identity.name}`,
      toView: toConfigurationStateView,
      onChange: () => this.#queue.add(KEY),
      onError,
    });
    this.#queue = new WorkQueue({
      clock,
      random,
      handle: async () => {
        try {
          await this.#write();
          return DONE;
        } catch (error) {
          onError(error);
          return RETRY;
        }
      },
    });
  }

  start(): void {
    this.#states.start();
    void this.#states.whenSynced().then(() => this.#queue.add(KEY));
  }

  async stop(): Promise<void> {
    await Promise.all([this.#states.stop(), this.#queue.stop()]);
  }

  tell({ errors }: DecidedConfig): void {
    if (isDeepStrictEqual(errors, this.#errors)) return;
    this.#errors = errors;
    this.#queue.add(KEY);
  }

  async #write(): Promise<void> {
    const errors = this.#errors;
    if (errors === undefined || !this.#states.synced) return;
    const { api, clock } = this.#options;
    const { namespace, name } = this.#identity;
    const known = this.#states.get(`${namespace}/${name}`);
    const nowText = apiTime(clock.wallMs());
    const status = configurationStatus({ errors, condition: 'configReconcilerValid', known, nowText });
    if (known !== undefined && saysAlready(known, { ...status }) && bearsIdentity(known, this.#identity)) return;
    await writeConfigurationState(api, this.#identity, status, known);
  }
}
