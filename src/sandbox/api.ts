/**
 * The few requests that the sandbox itself makes to its API server, as the administrator: is it ready, which nodes are
 * there. Everything else about the cluster is kubectl's business.
 */
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import type { Layout } from './layout.ts';
import { clusterAuthority, keyPair } from './pki.ts';

const REQUEST_TIMEOUT_MS = 5_000;

export interface ApiClient {
  /** The answer's text; throws unless the status is 2xx. */
  get(path: string): Promise<string>;
  /** Sends a strategic merge patch. */
  patch(path: string, body: unknown): Promise<void>;
  close(): void;
}

export interface NodeState {
  readonly name: string;
  readonly ready: boolean;
}

export async function openApi(layout: Layout): Promise<ApiClient> {
  const admin = keyPair(layout, 'admin');
  const [ca, cert, key] = await Promise.all(
    [clusterAuthority(layout).cert, admin.cert, admin.key].map((file) => readFile(file)),
  );
  const agent = new Agent({ keepAlive: true, ca, cert, key });
  const call = (method: string, path: string, body?: unknown): Promise<string> =>
    new Promise((resolve, reject) => {
      const headers = body === undefined ? {} : { 'content-type': 'application/strategic-merge-patch+json' };
      const call = request(
        `${layout.apiServer}${path}`,
        { agent, method, headers, timeout: REQUEST_TIMEOUT_MS },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString('utf8');
            const status = response.statusCode ?? 0;
            if (status >= 200 && status < 300) resolve(text);
            else reject(new Error(`${method} ${path}: ${status} ${text.slice(0, 300)}`));
          });
        },
      );
      call.on('timeout', () => call.destroy(new Error(`${method} ${path}: no answer in ${REQUEST_TIMEOUT_MS} ms`)));
      call.on('error', reject);
      call.end(body === undefined ? undefined : JSON.stringify(body));
    });
  return {
    get: (path) => call('GET', path),
    patch: async (path, body) => {
      await call('PATCH', path, body);
    },
    close: () => agent.destroy(),
  };
}

export async function readNodes(api: ApiClient): Promise<NodeState[]> {
  const { items } = JSON.parse(await api.get('/api/v1/nodes')) as {
    items: { metadata: { name: string }; status?: { conditions?: { type: string; status: string }[] } }[];
  };
  return items.map((node) => ({
    name: node.metadata.name,
    ready: node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false,
  }));
}
