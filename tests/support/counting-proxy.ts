/**
 * A way to the API server that notes what goes along it: plain HTTP on loopback in front of the server's HTTPS, one proxy a
 * program whose writes are to be told from another's.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';

export interface NotedRequest {
  readonly method: string;
  readonly path: string;
  /** performance.now() when it had arrived whole. */
  readonly atMs: number;
  /** Undefined until it is answered, and where the client was gone before. */
  status: number | undefined;
}

export interface CountingProxy {
  /** The given kubeconfig, but through this proxy. */
  readonly kubeconfig: string;
  readonly requests: readonly NotedRequest[];
  close(): Promise<void>;
}

interface KubeconfigFile {
  readonly clusters: readonly { readonly name: string; readonly cluster: Readonly<Record<string, string>> }[];
}

/** `headers` are added to every request: Impersonate-User, for one. */
export async function openCountingProxy(
  kubeconfig: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<CountingProxy> {
  const config = parse(await readFile(kubeconfig, 'utf8')) as KubeconfigFile;
  const [{ name, cluster } = { name: '', cluster: {} }] = config.clusters;
  const upstream = new URL(cluster['server'] ?? '');
  const ca = await readFile(cluster['certificate-authority'] ?? '');
  const agent = new https.Agent({ ca, keepAlive: true });
  const requests: NotedRequest[] = [];

  const forward = (request: IncomingMessage, response: ServerResponse): void => {
    const noted = {
      method: request.method ?? '',
      path: request.url ?? '',
      atMs: 0,
      status: undefined as number | undefined,
    };
    const outgoing = https.request(
      {
        agent,
        host: upstream.hostname,
        port: upstream.port,
        method: request.method,
        path: request.url,
        headers: { ...request.headers, ...headers },
      },
      (answer) => {
        noted.status = answer.statusCode;
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
        answer.on('error', () => response.destroy());
      },
    );
    outgoing.on('error', () => response.destroy());
    // A client that goes takes its request with it, as it would without a proxy.
    response.on('close', () => outgoing.destroy());
    request.on('end', () => {
      noted.atMs = performance.now();
      requests.push(noted);
    });
    request.pipe(outgoing);
  };

  const server = createServer(forward);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const folder = await mkdtemp(join(tmpdir(), 'metallb-proxy-'));
  const path = join(folder, 'kubeconfig');
  const clusters = [{ name, cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } }];
  await writeFile(path, stringify({ ...config, clusters }), { mode: 0o600 });
  return {
    kubeconfig: path,
    requests,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      agent.destroy();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
