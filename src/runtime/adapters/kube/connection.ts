/**
 * The way to the API server: JSON over node:https on one keep-alive agent. Implements the KubeApi port.
 *
 * The client library reads kubeconfigs for it (credentials.ts) and no more: its requests (undici) cost some 27 MB of
 * memory, and its watch offers no idle timeout. Failures of every layer leave as one KubeError. It does not retry:
 * whoever asked knows whether that is safe.
 */
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { ApiRequest, Clock, KubeApi, WatchHandlers } from '../../engine/ports.ts';
import { type Access, AccessKeeper } from './access-keeper.ts';
import type { AccessSource } from './credentials.ts';
import { LineReader } from './json-lines.ts';
import { KubeError, kubeErrorFromResponse } from './kube-error.ts';

const READ_TIMEOUT_MS = 30_000;
/** Shorter: a write is small, and whoever waits for it holds up others. */
const WRITE_TIMEOUT_MS = 10_000;
/** A silent connection is probed after this long; the kernel then gives it up within some 10 s (libuv's defaults). */
const KEEP_ALIVE_PROBE_MS = 15_000;
/** Far above what etcd lets an object or a page of objects be; a response beyond it is not from an API server. */
const MAX_BODY_BYTES = 256 * 1024 * 1024;
/** A refusal's body is read up to here; a metav1.Status is a few hundred bytes. */
const MAX_ERROR_BODY_BYTES = 64 * 1024;

export class KubeConnection implements KubeApi {
  readonly #access: AccessKeeper;

  constructor(source: AccessSource, clock: Clock) {
    this.#access = new AccessKeeper(source, clock);
  }

  async request(request: ApiRequest): Promise<unknown> {
    const deadline = AbortSignal.timeout(request.timeoutMs ?? defaultTimeoutMs(request));
    const signal = request.signal === undefined ? deadline : AbortSignal.any([deadline, request.signal]);
    try {
      const response = await this.#send(request, signal);
      const body = await readBody(response, MAX_BODY_BYTES);
      return body === '' ? undefined : parseJson(request.op, body);
    } catch (cause) {
      throw wrap(request, cause, deadline);
    }
  }

  async watch(request: ApiRequest, handlers: WatchHandlers, idleTimeoutMs: number): Promise<void> {
    const head = new AbortController();
    const headTimer = setTimeout(() => head.abort(), request.timeoutMs ?? defaultTimeoutMs(request));
    const signal = request.signal === undefined ? head.signal : AbortSignal.any([head.signal, request.signal]);
    try {
      const response = await this.#send(request, signal);
      clearTimeout(headTimer);
      await readWatch(request.op, response, handlers, idleTimeoutMs);
    } catch (cause) {
      throw wrap(request, cause, head.signal);
    } finally {
      clearTimeout(headTimer);
    }
  }

  /** Closes idle connections. Requests under way go on; end them by their signals. */
  close(): void {
    this.#access.close();
  }

  async #send(request: ApiRequest, signal: AbortSignal): Promise<IncomingMessage> {
    const access = await this.#access.access();
    const response = await exchange(request, access, signal);
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) return response;
    if (status === 401) this.#access.forget();
    throw kubeErrorFromResponse(request.op, {
      status,
      retryAfter: response.headers['retry-after'],
      body: await readBody(response, MAX_ERROR_BODY_BYTES),
    });
  }
}

function defaultTimeoutMs({ method }: ApiRequest): number {
  return method === undefined || method === 'GET' ? READ_TIMEOUT_MS : WRITE_TIMEOUT_MS;
}

/** Sends the request and resolves with the response's head. */
function exchange(request: ApiRequest, access: Access, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const body = request.body === undefined ? undefined : JSON.stringify(request.body);
    const send = access.server.protocol === 'https:' ? https.request : http.request;
    const outgoing = send(
      {
        hostname: access.server.hostname.replace(/^\[(.*)\]$/, '$1'),
        port: access.server.port || undefined,
        path: pathOf(access.server, request),
        method: request.method ?? 'GET',
        agent: access.agent,
        signal,
        headers: {
          ...access.headers,
          Accept: 'application/json',
          'User-Agent': 'metallb-addon',
          ...(body === undefined
            ? {}
            : {
                'Content-Type': request.contentType ?? 'application/json',
                'Content-Length': Buffer.byteLength(body),
              }),
        },
      },
      resolve,
    );
    outgoing.on('socket', (socket) => {
      socket.setKeepAlive(true, KEEP_ALIVE_PROBE_MS);
      whenOpen(socket, () => {
        const refusal = request.refusal?.();
        if (refusal === undefined) outgoing.end(body);
        else outgoing.destroy(refusal);
      });
    });
    outgoing.on('error', reject);
  });
}

/** Calls back when what is written to the socket goes out at once: a new one has its handshakes before it. */
function whenOpen(socket: Socket, callback: () => void): void {
  const isSecuring =
    socket instanceof TLSSocket && (socket as { secureConnecting?: boolean }).secureConnecting === true;
  if (!socket.connecting && !isSecuring) callback();
  else socket.once(socket instanceof TLSSocket ? 'secureConnect' : 'connect', callback);
}

function pathOf(server: URL, request: ApiRequest): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(request.query ?? {})) {
    if (value !== undefined) query.append(name, String(value));
  }
  const prefix = server.pathname.replace(/\/$/, '');
  return `${prefix}${request.path}${query.size === 0 ? '' : `?${query}`}`;
}

async function readBody(response: IncomingMessage, limitBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limitBytes) {
      response.destroy();
      throw new Error(`the response is longer than ${limitBytes} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Reads events until the server ends the watch. Bookmarks, one a minute, are what keeps a quiet watch from being idle. */
function readWatch(op: string, response: IncomingMessage, handlers: WatchHandlers, idleMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      reject(error);
      response.destroy();
    };
    const idle = setTimeout(
      () => fail(new KubeError({ op, status: 0, reason: 'idle', message: `not a byte in ${idleMs / 1000} s` })),
      idleMs,
    );
    const lines = new LineReader((line) => handlers.event(parseJson(op, line)));
    response.on('data', (chunk: Buffer) => {
      idle.refresh();
      try {
        lines.push(chunk);
      } catch (error) {
        fail(error);
      }
    });
    response.on('error', reject);
    response.on('end', resolve);
    // Last: 'end' and 'error' have settled the promise by now if there was either.
    response.on('close', () => {
      clearTimeout(idle);
      reject(new KubeError({ op, status: 0, reason: 'closed', message: 'the connection broke off' }));
    });
  });
}

function parseJson(op: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new KubeError({ op, status: 0, reason: 'malformed-response', message: 'the answer is not JSON', cause });
  }
}

/** Names what happened below HTTP. `deadline` is the signal of our own timeout, told apart from the caller's. */
function wrap(request: ApiRequest, cause: unknown, deadline: AbortSignal): KubeError {
  if (cause instanceof KubeError) return cause;
  const { op } = request;
  if (request.signal?.aborted) return new KubeError({ op, status: 0, reason: 'aborted', message: 'given up', cause });
  if (deadline.aborted) return new KubeError({ op, status: 0, reason: 'timeout', message: 'no answer in time', cause });
  const error = cause as NodeJS.ErrnoException;
  return new KubeError({
    op,
    status: 0,
    reason: error.code ?? error.name ?? 'error',
    message: String(error.message),
    cause,
  });
}
