/**
 * Where the API server is and how to prove who we are: the pod's service account or a kubeconfig, both read by the
 * client library. The library's answer is asked for again every 30 seconds and after a refusal, because service-account
 * tokens and client certificates are rotated under a running process (kubelet renews the token file long before expiry;
 * the library itself keeps a token at most 60 s).
 */
import { Agent as HttpAgent } from 'node:http';
import { type AgentOptions, Agent as HttpsAgent, type RequestOptions } from 'node:https';
import { isDeepStrictEqual } from 'node:util';
import { KubeConfig } from '@kubernetes/client-node';
import type { Clock } from '../../engine/ports.ts';
import { after, type Instant } from '../../model/time.ts';

const REFRESH_MS = 30_000;
/** What identifies a TLS session: when any of these changes, connections made with the old values are not reused. */
const TLS_FIELDS = ['ca', 'cert', 'key', 'pfx', 'passphrase', 'rejectUnauthorized', 'servername'] as const;

export interface Access {
  readonly server: URL;
  readonly agent: HttpAgent | HttpsAgent;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Reads the kubeconfig, or with no path the pod's service account (or $KUBECONFIG and ~/.kube/config outside one).
 * Throws what the library says about an unreadable file, and an Error when it names no server.
 */
export function loadKubeConfig(path: string | undefined): KubeConfig {
  const config = new KubeConfig();
  if (path !== undefined) config.loadFromFile(path);
  else if (process.env['KUBERNETES_SERVICE_HOST'] !== undefined) config.loadFromCluster();
  else config.loadFromDefault();
  if (!config.getCurrentCluster()?.server) {
    throw new Error(`${path ?? 'the default kubeconfig'} names no cluster in its current context`);
  }
  return config;
}

export class Credentials {
  readonly #config: KubeConfig;
  readonly #clock: Clock;
  #current: Promise<Access> | undefined;
  #refreshAt: Instant | undefined;
  #agent: { readonly tls: AgentOptions; readonly agent: HttpAgent | HttpsAgent } | undefined;

  constructor(config: KubeConfig, clock: Clock) {
    this.#config = config;
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

  /** Closes the idle connections; open watches end by their own signals. */
  close(): void {
    this.#agent?.agent.destroy();
  }

  async #read(): Promise<Access> {
    const cluster = this.#config.getCurrentCluster();
    if (cluster === null) throw new Error('the kubeconfig names no cluster');
    const options: RequestOptions = { headers: {} };
    await this.#config.applyToHTTPSOptions(options);
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(options.headers ?? {})) {
      if (value !== undefined) headers[name] = String(value);
    }
    if (typeof options.auth === 'string') {
      headers['Authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
    }
    const server = new URL(cluster.server);
    return { server, headers, agent: this.#agentFor(server, options, cluster.proxyUrl !== undefined) };
  }

  #agentFor(server: URL, options: RequestOptions, throughProxy: boolean): HttpAgent | HttpsAgent {
    const tls: AgentOptions = {};
    for (const field of TLS_FIELDS) {
      if (options[field] !== undefined) Object.assign(tls, { [field]: options[field] });
    }
    if (this.#agent !== undefined && isDeepStrictEqual(this.#agent.tls, tls)) return this.#agent.agent;
    if (this.#agent !== undefined) closeIdleSockets(this.#agent.agent);
    const agent =
      throughProxy && options.agent instanceof HttpAgent ? options.agent : newAgent(server.protocol === 'https:', tls);
    this.#agent = { tls, agent };
    return agent;
  }
}

function newAgent(secure: boolean, tls: AgentOptions): HttpAgent | HttpsAgent {
  const pooling = { keepAlive: true, scheduling: 'lifo' as const };
  return secure ? new HttpsAgent({ ...tls, ...pooling }) : new HttpAgent(pooling);
}

/** Leaves running requests alone, which Agent.destroy() would not. */
function closeIdleSockets(agent: HttpAgent): void {
  for (const sockets of Object.values(agent.freeSockets)) {
    for (const socket of sockets ?? []) socket.destroy();
  }
}
