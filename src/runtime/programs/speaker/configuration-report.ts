/**
 * Tells what this speaker makes of the configuration, as the ConfigurationState "speaker-NODE": Valid, or the faults.
 * Written when it changes; a write that fails is tried again with backoff until the API server has it.
 */
import { isDeepStrictEqual } from 'node:util';
import { type ConfigurationStateStatus, writeConfigurationState } from '../../adapters/kube/write-config-objects.ts';
import type { DecidedConfig } from '../../decide/config-source.ts';
import type { Clock, KubeApi, Random } from '../../engine/ports.ts';
import { DONE, RETRY, WorkQueue } from '../../engine/work-queue.ts';
import type { ConfigError } from '../../model/config.ts';
import type { ClusterWorkerData } from './messages.ts';

export interface ConfigurationReportOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: ClusterWorkerData;
  readonly onError: (error: unknown) => void;
}

export class ConfigurationReport {
  readonly #options: ConfigurationReportOptions;
  readonly #queue: WorkQueue;
  #errors: readonly ConfigError[] | undefined;

  constructor(options: ConfigurationReportOptions) {
    this.#options = options;
    const { clock, random } = options;
    this.#queue = new WorkQueue({
      clock,
      random,
      handle: async () => {
        try {
          await this.#write(this.#errors ?? []);
          return DONE;
        } catch (error) {
          options.onError(error);
          return RETRY;
        }
      },
    });
  }

  tell({ errors }: DecidedConfig): void {
    if (isDeepStrictEqual(errors, this.#errors)) return;
    this.#errors = errors;
    this.#queue.add('configuration-state');
  }

  async #write(errors: readonly ConfigError[]): Promise<void> {
    const { api, clock, settings } = this.#options;
    const { nodeName, namespace, pod } = settings;
    const labels = { 'metallb.io/component-type': 'speaker', 'metallb.io/node-name': nodeName };
    const identity = { namespace, name: `speaker-${nodeName}`, labels, ...(pod === undefined ? {} : { owner: pod }) };
    await writeConfigurationState(api, identity, statusOf(errors, new Date(clock.wallMs()).toISOString()));
  }
}

function statusOf(errors: readonly ConfigError[], now: string): ConfigurationStateStatus {
  const errorSummary = errors.map(({ path, message }) => `${path}: ${message}`).join('\n');
  const valid = errors.every(({ kind }) => kind !== 'invalid');
  return {
    result: valid ? 'Valid' : 'Invalid',
    errorSummary,
    conditions: [
      {
        type: 'configReconcilerValid',
        status: valid ? 'True' : 'False',
        reason: valid ? 'Reconciled' : 'ConfigurationError',
        message: errorSummary.slice(0, 32_768),
        lastTransitionTime: now,
      },
    ],
  };
}
