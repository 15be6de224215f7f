/**
 * A KubeApi that a test plays the server of: requests are answered by a function, watches are held open until the test
 * feeds or ends them.
 */
import { KubeError } from '../../src/runtime/adapters/kube/kube-error.ts';
import type { ApiRequest, KubeApi, WatchHandlers } from '../../src/runtime/engine/ports.ts';

export interface OpenWatch {
  readonly request: ApiRequest;
  /** One event, as the server would send it. */
  send(event: unknown): void;
  /** The server ends it in good order. */
  end(): void;
  fail(error: Error): void;
}

export class FakeKubeApi implements KubeApi {
  readonly requests: ApiRequest[] = [];
  readonly watches: OpenWatch[] = [];
  #answer: (request: ApiRequest) => unknown;

  /** `answer` gives the body, or throws (a KubeError, mostly). */
  constructor(answer: (request: ApiRequest) => unknown) {
    this.#answer = answer;
  }

  answerWith(answer: (request: ApiRequest) => unknown): void {
    this.#answer = answer;
  }

  async request(request: ApiRequest): Promise<unknown> {
    this.requests.push(request);
    return this.#answer(request);
  }

  watch(request: ApiRequest, handlers: WatchHandlers): Promise<void> {
    return new Promise((resolve, reject) => {
      const send = (event: unknown): void => {
        try {
          handlers.event(event);
        } catch (error) {
          reject(error);
        }
      };
      this.watches.push({ request, send, end: resolve, fail: reject });
      request.signal?.addEventListener('abort', () => reject(kubeError(0, 'aborted')));
    });
  }

  get lastWatch(): OpenWatch {
    const last = this.watches.at(-1);
    if (last === undefined) throw new Error('nobody watches');
    return last;
  }
}

export function kubeError(status: number, reason: string, retryAfterSeconds?: number): KubeError {
  return new KubeError({ op: 'test', status, reason, message: reason, retryAfterSeconds });
}

/** An object with just the metadata that caches go by. */
export function apiObject(name: string, resourceVersion: string, rest: object = {}): object {
  return { metadata: { namespace: 'default', name, uid: `uid-${name}`, resourceVersion }, ...rest };
}

export function apiList(items: readonly object[], resourceVersion: string, next?: string): object {
  return { metadata: { resourceVersion, ...(next === undefined ? {} : { continue: next }) }, items };
}
