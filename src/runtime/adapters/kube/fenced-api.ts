/**
 * The API for a program of which only one may write: reads go through, a write only while it may, and no write takes
 * longer than it may. That is asked twice, at the call and when the request goes onto the open connection, because between
 * the two may lie a handshake, or the process may have been stopped.
 */
import type { ApiRequest, KubeApi, WatchHandlers } from '../../engine/ports.ts';
import { KubeError } from './kube-error.ts';

/** The reason of a write that was kept back. */
export const NOT_LEADER = 'not-leader';

export class FencedApi implements KubeApi {
  readonly #api: KubeApi;
  readonly #writableMs: () => number;
  readonly #onRefused: () => void;

  /** `writableMs`: how long a write that goes out now may take; 0: none may. `onRefused`: one was kept back. */
  constructor(api: KubeApi, writableMs: () => number, onRefused: () => void = () => {}) {
    this.#api = api;
    this.#writableMs = writableMs;
    this.#onRefused = onRefused;
  }

  async request(request: ApiRequest): Promise<unknown> {
    if ((request.method ?? 'GET') === 'GET') return this.#api.request(request);
    const refusal = (): Error | undefined => (this.#writableMs() > 0 ? undefined : this.#refuse(request));
    const refused = refusal();
    if (refused !== undefined) throw refused;
    const timeoutMs = Math.min(request.timeoutMs ?? Number.POSITIVE_INFINITY, this.#writableMs());
    return this.#api.request({ ...request, timeoutMs: Math.max(1, Math.floor(timeoutMs)), refusal });
  }

  watch(request: ApiRequest, handlers: WatchHandlers, idleTimeoutMs: number): Promise<void> {
    return this.#api.watch(request, handlers, idleTimeoutMs);
  }

  #refuse({ op }: ApiRequest): KubeError {
    this.#onRefused();
    return new KubeError({ op, status: 0, reason: NOT_LEADER, message: 'not written: this one does not lead' });
  }
}

export function isNotLeader(error: unknown): boolean {
  return error instanceof KubeError && error.reason === NOT_LEADER;
}
