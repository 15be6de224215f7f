/**
 * The API server of a test, asked directly: JSON over HTTPS with the administrator's token, a few milliseconds a request.
 * Not the program's own client, so that a fault in that one cannot hide itself.
 */
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { Agent, type RequestOptions, request as sendRequest } from 'node:https';

// biome-ignore lint/suspicious/noExplicitAny: API objects as the server returns them.
export type ApiObject = any;

/** What a test's kubeconfig (tests/support/control-plane.ts writes it as JSON) says. */
export interface ApiAccess {
  readonly server: URL;
  readonly ca: string;
  readonly token: string;
}

export async function readAccess(kubeconfig: string): Promise<ApiAccess> {
  const config = JSON.parse(await readFile(kubeconfig, 'utf8'));
  const { server, 'certificate-authority': caPath } = config.clusters[0].cluster;
  return { server: new URL(server), ca: await readFile(caPath, 'utf8'), token: config.users[0].user.token };
}

export class ApiClient {
  readonly #access: ApiAccess;
  readonly #agent: Agent;

  constructor(access: ApiAccess) {
    this.#access = access;
    this.#agent = new Agent({ keepAlive: true, ca: access.ca });
  }

  /** Resolves with the object; throws with the server's own words on any refusal. */
  async request(method: string, path: string, body?: object): Promise<ApiObject> {
    const response = await this.open(method, path, body);
    let text = '';
    for await (const chunk of response.setEncoding('utf8')) text += chunk;
    const status = response.statusCode ?? 0;
    if (status < 200 || status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
    return JSON.parse(text);
  }

  /** Resolves with the response's head, whatever the status: for watches. */
  open(method: string, path: string, body?: object): Promise<IncomingMessage> {
    const { server, token } = this.#access;
    const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const options: RequestOptions = {
      hostname: server.hostname,
      port: server.port,
      path,
      method,
      agent: this.#agent,
      headers: { Authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'Content-Type': contentType }) },
    };
    return new Promise((resolve, reject) => {
      sendRequest(options, resolve)
        .on('error', reject)
        .end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
