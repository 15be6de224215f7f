/**
 * The programs' small web servers: health for the kubelet, metrics for Prometheus. Plain GET on fixed paths, each server
 * with its own port and address to listen on.
 */
import { createServer, type Server } from 'node:http';

export interface Answer {
  readonly status: 200 | 404 | 405 | 500 | 503;
  readonly contentType?: string;
  readonly body: string;
}

export interface HttpServerOptions {
  /** 0: the system picks one; see the returned port. */
  readonly port: number;
  /** "0.0.0.0", "::", "127.0.0.1"; absent: every address of the machine. */
  readonly host?: string;
  /** Path → answer. A rejection is answered with 500 and its message. */
  readonly routes: Readonly<Record<string, () => Answer | Promise<Answer>>>;
}

export interface RunningServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Resolves when it listens; rejects when it cannot. */
export async function serveHttp(options: HttpServerOptions): Promise<RunningServer> {
  const server = createServer((request, response) => {
    void answer(options, request.method ?? '', request.url ?? '').then(({ status, contentType, body }) => {
      response.writeHead(status, {
        'Content-Type': contentType ?? 'text/plain; charset=utf-8',
        'Content-Length': Buffer.byteLength(body),
      });
      response.end(request.method === 'HEAD' ? undefined : body);
    });
  });
  // Nobody has business holding these connections.
  server.requestTimeout = 5_000;
  server.headersTimeout = 5_000;
  server.maxConnections = 100;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: options.port, ...(options.host === undefined ? {} : { host: options.host }) }, resolve);
  });
  return { port: portOf(server), close: () => close(server) };
}

async function answer(options: HttpServerOptions, method: string, url: string): Promise<Answer> {
  if (method !== 'GET' && method !== 'HEAD') return { status: 405, body: 'only GET is understood\n' };
  const path = url.split('?')[0] ?? '';
  const route = Object.hasOwn(options.routes, path) ? options.routes[path] : undefined;
  if (route === undefined) return { status: 404, body: `here are ${Object.keys(options.routes).join(', ')}\n` };
  try {
    return await route();
  } catch (error) {
    return { status: 500, body: `${error instanceof Error ? error.message : String(error)}\n` };
  }
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
