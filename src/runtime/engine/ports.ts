/**
 * What the machinery needs from outside, by need: time, chance and the cluster's API. Adapters implement these, tests
 * hand in fakes, and nothing in engine/ or decide/ ever reads a clock or rolls dice by itself.
 * The network's ports are in network-ports.ts.
 */
import type { Instant } from '../model/time.ts';

export interface Clock {
  /** Monotonic; only differences mean anything. */
  now(): Instant;
  /** Wall clock in milliseconds since the Unix epoch: for stamps that people and the API read, never for durations. */
  wallMs(): number;
  /**
   * Calls back once, on a later turn of the event loop, when delayMs have passed; 0 means the very next turn.
   * The returned function cancels; calling it late or twice does nothing.
   */
  schedule(delayMs: number, callback: () => void): () => void;
}

export interface Random {
  /** Uniform in [0, 1). Spreads retries; good for nothing secret. */
  next(): number;
}

export interface ApiRequest {
  /** For errors and logs: "list services", "patch service status". */
  readonly op: string;
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** "/api/v1/services", already encoded where needed. */
  readonly path: string;
  /** Undefined values are left out. */
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Of the body; absent: application/json. */
  readonly contentType?: string;
  /** For the whole exchange (a watch: until the response's head); absent: 30 s to read, 10 s to write. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /**
   * Called when the way to the server is open, right before the request goes onto it; what it returns keeps the request
   * back and becomes its failure. For what may have ceased to be right since the call, such as to write at all.
   */
  readonly refusal?: () => Error | undefined;
}

export interface WatchHandlers {
  /** One watch event, parsed. */
  event(event: unknown): void;
}

/**
 * The API server, as JSON over HTTP. Any number of calls may run at once. Every failure is a rejection with a KubeError
 * (adapters/kube/kube-error.ts), whichever layer it came from.
 */
export interface KubeApi {
  /** Resolves with the parsed body. */
  request(request: ApiRequest): Promise<unknown>;
  /**
   * Resolves when the server ends the watch in good order; rejects on anything else: a broken connection, a line that
   * is no JSON, or no byte for idleTimeoutMs. An exception of a handler also rejects.
   */
  watch(request: ApiRequest, handlers: WatchHandlers, idleTimeoutMs: number): Promise<void>;
}
