/**
 * Where the API server is and how to prove who we are. Two sources: the pod's service account, read here, because that
 * takes three files and two variables; and a kubeconfig, read by the client library, which knows every way to log in.
 *
 * The library is loaded for a kubeconfig only: imported, it costs 31 MB of resident memory in the bundled program (80 MB
 * against 48 MB of an otherwise empty process, Node 24), which in a cluster nobody has any use for.
 */
import { accessSync, constants } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Agent } from 'node:http';
import type { AgentOptions, RequestOptions } from 'node:https';
import path from 'node:path';

/** What identifies a TLS session: when any of these changes, connections made with the old values are not reused. */
const TLS_FIELDS = ['ca', 'cert', 'key', 'pfx', 'passphrase', 'rejectUnauthorized', 'servername'] as const;
const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

export interface AccessMaterial {
  readonly server: URL;
  /** Authorization and the like. */
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: AgentOptions;
  /** For a kubeconfig that goes through a proxy; absent: connect directly. */
  readonly proxyAgent?: Agent;
}

/** Reads the files behind it anew; rejects when it cannot. Tokens and certificates are rotated under running processes. */
export type AccessSource = () => Promise<AccessMaterial>;

/**
 * The kubeconfig at the path, or with none the pod's service account. Throws a sentence when neither can be.
 */
export function loadKubeConfig(
  kubeconfigPath: string | undefined,
  env: Readonly<Record<string, string | undefined>> = process.env,
): AccessSource {
  if (kubeconfigPath !== undefined) {
    // Now, not at the first request: a wrong path is a mistake to be told, not a failure to be retried.
    accessSync(kubeconfigPath, constants.R_OK);
    return kubeconfigAccess(kubeconfigPath);
  }
  const host = env['KUBERNETES_SERVICE_HOST'];
  const port = env['KUBERNETES_SERVICE_PORT'];
  if (host === undefined || port === undefined) {
    throw new Error('this is no pod (KUBERNETES_SERVICE_HOST and _PORT are not set): name a file with --kubeconfig');
  }
  return serviceAccountAccess(new URL(`https://${host.includes(':') ? `[${host}]` : host}:${port}`));
}

/** `folder` holds the files token and ca.crt. */
export function serviceAccountAccess(server: URL, folder: string = SERVICE_ACCOUNT): AccessSource {
  return async () => {
    const [token, ca] = await Promise.all([
      readFile(path.join(folder, 'token'), 'utf8'),
      readFile(path.join(folder, 'ca.crt')),
    ]);
    return { server, headers: { Authorization: `Bearer ${token.trim()}` }, tls: { ca } };
  };
}

function kubeconfigAccess(kubeconfigPath: string): AccessSource {
  return async () => {
    const { KubeConfig } = await import('@kubernetes/client-node');
    const config = new KubeConfig();
    config.loadFromFile(kubeconfigPath);
    const cluster = config.getCurrentCluster();
    if (!cluster?.server) throw new Error(`${kubeconfigPath} names no cluster in its current context`);
    const options: RequestOptions = { headers: {} };
    await config.applyToHTTPSOptions(options);
    const proxied = cluster.proxyUrl !== undefined && typeof options.agent === 'object';
    return {
      server: new URL(cluster.server),
      headers: headersOf(options),
      tls: Object.fromEntries(TLS_FIELDS.flatMap((field) => (options[field] == null ? [] : [[field, options[field]]]))),
      ...(proxied ? { proxyAgent: options.agent as Agent } : {}),
    };
  };
}

function headersOf(options: RequestOptions): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    if (value !== undefined) headers[name] = String(value);
  }
  if (typeof options.auth === 'string') {
    headers['Authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  }
  return headers;
}
