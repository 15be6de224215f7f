/**
 * A way to the API server that fails on demand: plain HTTP on loopback in front of a test's control plane. A program is
 * started with `proxy.kubeconfig`; the test goes to the server directly.
 *
 *     const fault = proxy.inject({ method: 'PATCH', path: /\/services\/web\/status$/ }, { kind: 'answer', status: 503 }, 3);
 *     …
 *     expect(fault.hits).toBe(3);
 *
 * A request takes the first injected fault that matches it and has times left, else it is passed on as it is. Everything
 * that was asked is kept in `requests`, with its time, for assertions on rates. Match by path: programs also ask for
 * things that the test is not about (Leases, Events).
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http, { type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type ApiAccess, readAccess } from './api-client.ts';

/** What a fault is for: all that is given must fit. */
export interface RequestMatch {
  readonly method?: string;
  /** On the path alone. */
  readonly path?: RegExp;
  /** On what follows the question mark. */
  readonly query?: RegExp;
  /** Watches only, or everything else. */
  readonly watch?: boolean;
}

export type Fault =
  /** The server is not asked. `body` is sent as it is. */
  | { readonly kind: 'answer'; readonly status: number; readonly headers?: object; readonly body?: string }
  /** The server is not asked, and nobody answers as long as the client waits. */
  | { readonly kind: 'hang' }
  /** Passed on when the promise resolves. */
  | { readonly kind: 'hold'; readonly until: Promise<void> }
  /** The server does it; what it answers is lost with the connection. */
  | { readonly kind: 'lose-answer' }
  /** The server does it; its status is passed on with another body. */
  | { readonly kind: 'replace-body'; readonly body: string }
  /** The server is not asked: the body comes with status 200, and the answer never ends. */
  | { readonly kind: 'endless'; readonly body: string }
  /** The connection breaks when so many bytes of the body were passed on. */
  | { readonly kind: 'cut'; readonly afterBytes: number }
  /** The connection of a watch breaks after so many events. */
  | { readonly kind: 'drop-watch'; readonly afterEvents: number }
  /** The connection of a watch stays open after so many events, and nothing comes any more. */
  | { readonly kind: 'silence'; readonly afterEvents: number };

export interface ProxiedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly watch: boolean;
  /** When it came, by performance.now(). */
  readonly atMs: number;
  /** What the client was answered; undefined: not yet, or nothing. */
  status?: number;
}

export interface InjectedFault {
  /** How many requests it has hit. */
  readonly hits: number;
  /** No further request is hit; those that hang go on hanging. */
  remove(): void;
}

interface Rule {
  readonly match: RequestMatch;
  readonly fault: Fault;
  timesLeft: number;
  hits: number;
}

export class FaultProxy {
  /** Path of a kubeconfig that leads here, with the administrator's token. */
  readonly kubeconfig: string;
  readonly #access: ApiAccess;
  readonly #agent: https.Agent;
  readonly #server: Server;
  readonly #port: number;
  #rules: Rule[] = [];
  #requests: ProxiedRequest[] = [];

  private constructor(access: ApiAccess, server: Server, kubeconfig: string) {
    this.kubeconfig = kubeconfig;
    this.#access = access;
    this.#agent = new https.Agent({ keepAlive: true, ca: access.ca });
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
    server.on('request', (request, response) => void this.#serve(request, response));
  }

  /** In front of the server that the kubeconfig names. */
  static async start(kubeconfig: string): Promise<FaultProxy> {
    const access = await readAccess(kubeconfig);
    const server = http.createServer();
    await listen(server, 0);
    const directory = await mkdtemp(path.join(tmpdir(), 'metallb-fault-proxy-'));
    const file = path.join(directory, 'kubeconfig');
    const { port } = server.address() as AddressInfo;
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      // The client library takes plain HTTP only from whoever waives the check of certificates.
      clusters: [{ name: 'test', cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'admin', user: { token: access.token } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
      'current-context': 'test',
    };
    await writeFile(file, JSON.stringify(config), { mode: 0o600 });
    return new FaultProxy(access, server, file);
  }

  /** Lets so many matching requests (absent: all, until removed) meet the fault. */
  inject(match: RequestMatch, fault: Fault, times = Number.POSITIVE_INFINITY): InjectedFault {
    const rule: Rule = { match, fault, timesLeft: times, hits: 0 };
    this.#rules.push(rule);
    return {
      get hits() {
        return rule.hits;
      },
      remove: () => {
        rule.timesLeft = 0;
      },
    };
  }

  /** What was asked since the last reset(), oldest first. */
  requests(match: RequestMatch): ProxiedRequest[] {
    return this.#requests.filter((request) => fits(match, request));
  }

  /** Forgets all faults and requests. */
  reset(): void {
    this.#rules = [];
    this.#requests = [];
  }

  /** The server is gone: connections break, new ones are refused. */
  async goAway(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  /** And is there again, at the same address. */
  comeBack(): Promise<void> {
    return listen(this.#server, this.#port);
  }

  async close(): Promise<void> {
    if (this.#server.listening) await this.goAway();
    this.#agent.destroy();
    await rm(path.dirname(this.kubeconfig), { recursive: true, force: true });
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const request = describe(incoming);
    this.#requests.push(request);
    const fault = this.#faultFor(request);
    const body = await readAll(incoming);
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'answer') {
      request.status = fault.status;
      outgoing.writeHead(fault.status, { ...fault.headers }).end(fault.body);
      return;
    }
    if (fault?.kind === 'endless') {
      request.status = 200;
      outgoing.writeHead(200, { 'Content-Type': 'application/json' }).write(fault.body);
      return;
    }
    if (fault?.kind === 'hold') await fault.until;
    try {
      const answer = await this.#ask(incoming, outgoing, body);
      await passOn(answer, outgoing, request, fault);
    } catch {
      // The server or the client broke off: so does the other side.
      outgoing.destroy();
    }
  }

  #faultFor(request: ProxiedRequest): Fault | undefined {
    const rule = this.#rules.find(({ match, timesLeft }) => timesLeft > 0 && fits(match, request));
    if (rule === undefined) return undefined;
    rule.timesLeft -= 1;
    rule.hits += 1;
    return rule.fault;
  }

  #ask(incoming: IncomingMessage, outgoing: ServerResponse, body: Buffer): Promise<IncomingMessage> {
    const { hostname, port } = this.#access.server;
    const { host: _, connection: __, ...headers } = incoming.headers;
    const { method, url } = incoming;
    return new Promise((resolve, reject) => {
      const asked = https.request({ hostname, port, method, path: url, headers, agent: this.#agent }, resolve);
      asked.on('error', reject).end(body);
      // A client that gave up before the answer does not undo what it asked for; a watch must not outlive it.
      outgoing.on('close', () => incoming.method === 'GET' && asked.destroy());
    });
  }
}

async function passOn(
  answer: IncomingMessage,
  outgoing: ServerResponse,
  request: ProxiedRequest,
  fault: Fault | undefined,
): Promise<void> {
  if (fault?.kind === 'lose-answer') {
    await readAll(answer);
    outgoing.destroy();
    return;
  }
  request.status = answer.statusCode ?? 0;
  if (fault?.kind === 'replace-body') {
    await readAll(answer);
    outgoing.writeHead(request.status, { 'Content-Type': 'application/json' }).end(fault.body);
    return;
  }
  outgoing.writeHead(request.status, answer.headers);
  // A quiet watch's head must not wait for its first event.
  outgoing.flushHeaders();
  const limit = limitOf(fault);
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    const end = limit.take(chunk);
    outgoing.write(chunk.subarray(0, end));
    if (end === chunk.length) continue;
    if (fault?.kind === 'silence') return;
    // What was written is on its way before the connection breaks.
    setImmediate(() => outgoing.destroy());
    return;
  }
  outgoing.end();
}

/** How much of each chunk may still pass: all of it where the fault sets no limit. */
function limitOf(fault: Fault | undefined): { take(chunk: Buffer): number } {
  if (fault?.kind === 'cut') {
    let left = fault.afterBytes;
    return {
      take(chunk) {
        const end = Math.min(left, chunk.length);
        left -= end;
        return end;
      },
    };
  }
  if (fault?.kind !== 'drop-watch' && fault?.kind !== 'silence') return { take: (chunk) => chunk.length };
  let left = fault.afterEvents;
  return {
    take(chunk) {
      let end = 0;
      for (; left > 0; left -= 1) {
        const newline = chunk.indexOf('\n', end);
        if (newline === -1) return chunk.length;
        end = newline + 1;
      }
      return end;
    },
  };
}

function describe(incoming: IncomingMessage): ProxiedRequest {
  const [pathname = '', query = ''] = (incoming.url ?? '').split('?');
  const watch = new URLSearchParams(query).get('watch') === 'true';
  return { method: incoming.method ?? '', path: pathname, query, watch, atMs: performance.now() };
}

function fits(match: RequestMatch, request: ProxiedRequest): boolean {
  return (
    (match.method === undefined || match.method === request.method) &&
    (match.path === undefined || match.path.test(request.path)) &&
    (match.query === undefined || match.query.test(request.query)) &&
    (match.watch === undefined || match.watch === request.watch)
  );
}

async function readAll(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
}
