/**
 * The Secrets that BGPPeers have their passwords in, watched: a new password is in force as soon as the Secret has it.
 * They are read from when a peer first names one, so a cluster without such peers never has its Secrets read. That they
 * cannot be read holds nothing else up: the peers that need them say so, and everything else goes on.
 */
import { type AnyInformer, Informer } from '../adapters/kube/informer.ts';
import { corePath } from '../adapters/kube/paths.ts';
import { toSecretView } from '../adapters/kube/read-model.ts';
import { asObject, asString } from '../adapters/kube/untyped.ts';
import type { PeerSecretsView } from '../decide/configuration/config-bgp-peer.ts';
import type { Clock, KubeApi, Random } from '../engine/ports.ts';
import type { SecretView } from '../model/cluster.ts';
import type { RawResource } from '../model/resource.ts';
import { err, ok } from '../model/result.ts';

export interface PeerSecretsOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly random: Random;
  /** Of the peers, and so of their Secrets. */
  readonly namespace: string;
  readonly onChange: () => void;
  readonly onError: (error: Error) => void;
}

export class PeerSecrets {
  readonly #options: PeerSecretsOptions;
  readonly #informer: Informer<SecretView>;
  #isNeeded = false;
  /** Why they were not read at the last attempt. Undefined: there was none yet, or they were. */
  #refusal: string | undefined;

  constructor(options: PeerSecretsOptions) {
    this.#options = options;
    const { api, clock, random, namespace, onChange } = options;
    this.#informer = new Informer<SecretView>({
      api,
      clock,
      random,
      path: corePath('secrets', namespace),
      fieldSelector: 'type=kubernetes.io/basic-auth',
      toView: toSecretView,
      onChange,
      onError: (error) => this.#failed(error),
    });
  }

  /** Begins to read them once one of the peers names any. */
  readIfNamed(peers: readonly RawResource[]): void {
    if (this.#isNeeded || !peers.some(namesSecret)) return;
    this.#isNeeded = true;
    this.#informer.start();
    void this.#informer.whenSynced().then(() => {
      this.#refusal = undefined;
      this.#options.onChange();
    });
  }

  /** Whether view() is what can be had for now. */
  get isSettled(): boolean {
    return !this.#isNeeded || this.#informer.synced || this.#refusal !== undefined;
  }

  view(): PeerSecretsView {
    if (!this.#isNeeded) return ok(new Map());
    if (!this.#informer.synced) return err(this.#refusal ?? 'Secrets have not been read yet');
    return ok(new Map(this.#informer.list().map((secret) => [secret.name, secret])));
  }

  informers(): readonly AnyInformer[] {
    return this.#isNeeded ? [this.#informer] : [];
  }

  #failed(error: Error): void {
    this.#options.onError(error);
    if (this.#informer.synced || error.message === this.#refusal) return;
    this.#refusal = error.message;
    this.#options.onChange();
  }
}

function namesSecret({ spec }: RawResource): boolean {
  return asString(asObject(asObject(spec)['passwordSecret'])['name']) !== '';
}
