/**
 * Keeps the way to the API server up to date: what the access source says, asked for again every 30 seconds and after a
 * refusal, and one keep-alive agent for as long as the certificates stay the same. Kubelet renews a token file long before
 * the old token expires, so half a minute late is in time.
 */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../engine/ports.ts';
import { after, type Instant } from '../../model/time.ts';
import type { AccessMaterial, AccessSource } from './credentials.ts';

const REFRESH_MS = 30_000;

export interface Access {
  readonly server: URL;
  readonly agent: HttpAgent;
  readonly headers: Readonly<Record<string, string>>;
}

export class AccessKeeper {
  readonly #source: AccessSource;
  readonly #clock: Clock;
  #current: Promise<Access> | undefined;
  #refreshAt: Instant | undefined;
  #agent: { readonly tls: AccessMaterial['tls']; readonly agent: HttpAgent } | undefined;

  constructor(source: AccessSource, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
  }

  /** The access to use now. Rejects when the files behind it cannot be read; the next call tries again. */
  access(): Promise<Access> {
    const now = this.#clock.now();
    if (this.#current === undefined || this.#refreshAt === undefined || now >= this.#refreshAt) {
      this.#refreshAt = after(now, REFRESH_MS);
      const reading = this.#read();
      this.#current = reading;
      reading.catch(() => this.forget());
    }
    return this.#current;
  }

  /** The server refused us: read everything again before the next request. */
  forget(): void {
    this.#current = undefined;
  }

  /** Closes the idle connections; requests under way end by their own signals. */
  close(): void {
    if (this.#agent !== undefined) closeIdleSockets(this.#agent.agent);
  }

  async #read(): Promise<Access> {
    const material = await this.#source();
    return { server: material.server, headers: material.headers, agent: this.#agentFor(material) };
  }

  #agentFor({ server, tls, proxyAgent }: AccessMaterial): HttpAgent {
    if (this.#agent !== undefined && isDeepStrictEqual(this.#agent.tls, tls)) return this.#agent.agent;
    if (this.#agent !== undefined) closeIdleSockets(this.#agent.agent);
    const pooling = { keepAlive: true, scheduling: 'lifo' as const };
    const direct = server.protocol === 'https:' ? new HttpsAgent({ ...tls, ...pooling }) : new HttpAgent(pooling);
    this.#agent = { tls, agent: proxyAgent ?? direct };
    return this.#agent.agent;
  }
}

/** Leaves running requests alone, which Agent.destroy() would not. */
function closeIdleSockets(agent: HttpAgent): void {
  for (const sockets of Object.values(agent.freeSockets)) {
    for (const socket of sockets ?? []) socket.destroy();
  }
}
