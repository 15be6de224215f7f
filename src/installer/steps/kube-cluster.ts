/**
 * The real cluster: JSON over node:https, with the server and credentials that @kubernetes/client-node reads from a
 * kubeconfig. The library's own object client is not used for requests: it rewrites objects through generated types and
 * loses fields that those do not know, such as the CEL rules of a custom resource definition.
 */
import http from 'node:http';
import https from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeConfig } from '@kubernetes/client-node';
import { errorCode, errorText, InstallError } from '../errors.ts';
import type { KubeObject } from '../kube-object.ts';
import {
  type AccessQuestion,
  type Cluster,
  ClusterError,
  type Kind,
  type ListScope,
  type ObjectRef,
} from './cluster.ts';

/** Owns every field that the installer sets. */
export const FIELD_MANAGER = 'metallb-addon';
const REQUEST_TIMEOUT_MS = 30_000;
const MAX_ATTEMPTS = 8;
const MAX_RETRY_AFTER_SECONDS = 5;

interface Request {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** From the server's root on, with query. */
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly timeoutMs?: number;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  /** Seconds, as the server writes them. */
  readonly retryAfter: string | undefined;
}

interface ApiResource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

/** Opens the cluster of a kubeconfig's current context. Does not talk to it yet. */
export function openCluster(kubeconfig: string): KubeCluster {
  const config = new KubeConfig();
  let server: string | undefined;
  try {
    config.loadFromFile(kubeconfig);
    server = config.getCurrentCluster()?.server;
  } catch (cause) {
    throw unusableKubeconfig(`the kubeconfig ${kubeconfig} cannot be read: ${errorText(cause)}`, cause);
  }
  if (server === undefined || !URL.canParse(server)) {
    throw unusableKubeconfig(`the kubeconfig ${kubeconfig} names no server in its current context`);
  }
  return new KubeCluster(config, new URL(server));
}

function unusableKubeconfig(problem: string, cause?: unknown): InstallError {
  const hint = 'set metallb_kubeconfig to a kubeconfig that `kubectl --kubeconfig FILE get nodes` works with';
  return new InstallError({ kind: 'environment', step: 'check the cluster', problem, hint, cause });
}

export class KubeCluster implements Cluster {
  readonly server: string;
  readonly #config: KubeConfig;
  readonly #url: URL;
  /** By "v1" or "group/version". A kind that is missing is looked for again: its definition may just have been made. */
  readonly #resources = new Map<string, readonly ApiResource[]>();
  /** Agent and headers with the credentials in them; made again when the server no longer takes them. */
  #access: Promise<https.RequestOptions> | undefined;

  constructor(config: KubeConfig, url: URL) {
    this.#config = config;
    this.#url = url;
    this.server = url.href.replace(/\/$/, '');
  }

  async version(): Promise<string> {
    const version = await this.#send({ method: 'GET', path: '/version', timeoutMs: 8_000 });
    return String((version as { gitVersion?: unknown }).gitVersion);
  }

  async serves(kind: Kind): Promise<boolean> {
    return (await this.#resource(kind)) !== undefined;
  }

  async get(ref: ObjectRef): Promise<KubeObject | undefined> {
    const path = await this.#objectPath(ref);
    return path === undefined ? undefined : absentIfMissing(this.#send({ method: 'GET', path }));
  }

  async list(kind: Kind, scope: ListScope = {}): Promise<readonly KubeObject[]> {
    const resource = await this.#resource(kind);
    if (resource === undefined) return [];
    const items: KubeObject[] = [];
    let next = '';
    do {
      const query = new URLSearchParams({ limit: '500' });
      if (scope.labelSelector !== undefined) query.set('labelSelector', scope.labelSelector);
      if (next !== '') query.set('continue', next);
      const path = `${resourcePath(kind, resource, scope.namespace)}?${query}`;
      const page = (await this.#send({ method: 'GET', path })) as {
        items?: KubeObject[];
        metadata?: { continue?: string };
      };
      // Items of a list do not repeat what the list is of.
      for (const item of page.items ?? []) items.push({ ...item, apiVersion: kind.apiVersion, kind: kind.kind });
      next = page.metadata?.continue ?? '';
    } while (next !== '');
    return items;
  }

  async apply(object: KubeObject, mode: 'write' | 'dry-run'): Promise<KubeObject> {
    const path = await this.#objectPath(object);
    if (path === undefined) throw unknownKind(object);
    const query = new URLSearchParams({ fieldManager: FIELD_MANAGER, force: 'true', fieldValidation: 'Strict' });
    if (mode === 'dry-run') query.set('dryRun', 'All');
    const body = object;
    const contentType = 'application/apply-patch+yaml';
    return (await this.#send({ method: 'PATCH', path: `${path}?${query}`, body, contentType })) as KubeObject;
  }

  patchStatus(ref: ObjectRef, patch: object): Promise<KubeObject> {
    return this.#patch(ref, '/status', { body: patch, contentType: 'application/strategic-merge-patch+json' });
  }

  patch(ref: ObjectRef, patch: object): Promise<KubeObject> {
    return this.#patch(ref, '', { body: patch, contentType: 'application/merge-patch+json' });
  }

  async #patch(
    ref: ObjectRef,
    subresource: '' | '/status',
    content: { readonly body: object; readonly contentType: string },
  ): Promise<KubeObject> {
    const path = await this.#objectPath(ref);
    if (path === undefined) throw unknownKind(ref);
    const query = new URLSearchParams({ fieldManager: FIELD_MANAGER });
    return (await this.#send({ method: 'PATCH', path: `${path}${subresource}?${query}`, ...content })) as KubeObject;
  }

  async delete(ref: ObjectRef): Promise<void> {
    const path = await this.#objectPath(ref);
    if (path === undefined) return;
    await absentIfMissing(this.#send({ method: 'DELETE', path, body: { propagationPolicy: 'Background' } }));
  }

  async may({ verb, group, resource, namespace }: AccessQuestion): Promise<boolean> {
    const [plural, subresource] = resource.split('/');
    const review = {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes: { verb, group, resource: plural, subresource, namespace } },
    };
    const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
    const answer = (await this.#send({ method: 'POST', path, body: review })) as { status?: { allowed?: boolean } };
    return answer.status?.allowed === true;
  }

  async logTail(
    pod: { namespace: string; name: string; container: string; previous: boolean },
    lines: number,
  ): Promise<string> {
    const query = new URLSearchParams({
      container: pod.container,
      tailLines: String(lines),
      previous: String(pod.previous),
    });
    try {
      return await this.#exchange({
        method: 'GET',
        path: `/api/v1/namespaces/${pod.namespace}/pods/${pod.name}/log?${query}`,
      });
    } catch {
      // A container that never ran has no log; the caller reports why it never ran.
      return '';
    }
  }

  async #objectPath(ref: ObjectRef): Promise<string | undefined> {
    const resource = await this.#resource(ref);
    if (resource === undefined) return undefined;
    return `${resourcePath(ref, resource, ref.metadata.namespace)}/${encodeURIComponent(ref.metadata.name)}`;
  }

  async #resource({ apiVersion, kind }: Kind): Promise<ApiResource | undefined> {
    const isKind = (resource: ApiResource): boolean => resource.kind === kind && !resource.name.includes('/');
    const known = this.#resources.get(apiVersion)?.find(isKind);
    if (known !== undefined) return known;
    const found = await absentIfMissing(this.#send({ method: 'GET', path: versionPath(apiVersion) }));
    const resources = (found as { resources?: ApiResource[] } | undefined)?.resources ?? [];
    this.#resources.set(apiVersion, resources);
    return resources.find(isKind);
  }

  async #send(request: Request): Promise<unknown> {
    const text = await this.#exchange(request);
    try {
      return JSON.parse(text);
    } catch (cause) {
      const message = `${this.server} answers with something that is not JSON; is it an API server?`;
      throw new ClusterError({ status: 0, reason: 'malformed-response', message, cause });
    }
  }

  /** Gives the body of a successful answer. What the server asks to be sent again later is, a few times. */
  async #exchange(request: Request): Promise<string> {
    for (let attempt = 1; ; attempt++) {
      const { status, body, retryAfter } = await this.#attempt(request);
      if (status >= 200 && status < 300) return body;
      // A token may have run out since the first request.
      const isStale = status === 401 && attempt === 1;
      // "storage is (re)initializing", just after a definition was made; or too many requests at once.
      const isBusy = status === 429 && attempt < MAX_ATTEMPTS;
      if (!isStale && !isBusy) throw refusal(status, body);
      if (isStale) this.#access = undefined;
      else await sleep(Math.min(Number(retryAfter ?? 1) || 1, MAX_RETRY_AFTER_SECONDS) * 1000);
    }
  }

  async #attempt(request: Request): Promise<Answer> {
    const signal = AbortSignal.timeout(request.timeoutMs ?? REQUEST_TIMEOUT_MS);
    try {
      this.#access ??= readAccess(this.#config);
      return await exchange(this.#url, { ...(await this.#access), signal }, request);
    } catch (cause) {
      this.#access = undefined;
      const code = errorCode(cause) ?? 'error';
      const message = signal.aborted ? 'no answer in time' : errorText(cause);
      throw new ClusterError({ status: 0, reason: signal.aborted ? 'timeout' : code, message, cause });
    }
  }
}

function unknownKind({ apiVersion, kind }: Kind): ClusterError {
  return new ClusterError({
    status: 404,
    reason: 'NotFound',
    message: `the cluster has no kind ${apiVersion} ${kind}`,
  });
}

async function readAccess(config: KubeConfig): Promise<https.RequestOptions> {
  const options: https.RequestOptions = { headers: {} };
  await config.applyToHTTPSOptions(options);
  return options;
}

function exchange(server: URL, options: https.RequestOptions, request: Request): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const body = request.body === undefined ? undefined : JSON.stringify(request.body);
    const headers = {
      ...options.headers,
      Accept: 'application/json, */*',
      'User-Agent': FIELD_MANAGER,
      ...(body === undefined
        ? {}
        : { 'Content-Type': request.contentType ?? 'application/json', 'Content-Length': Buffer.byteLength(body) }),
    };
    const target: https.RequestOptions = {
      ...options,
      method: request.method,
      headers,
      hostname: server.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: server.port,
      path: `${server.pathname.replace(/\/$/, '')}${request.path}`,
    };
    const send = server.protocol === 'http:' ? http.request : https.request;
    const outgoing = send(target, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const body = Buffer.concat(chunks).toString('utf8');
        resolve({ status: response.statusCode ?? 0, body, retryAfter: response.headers['retry-after'] });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** The API server says no with a metav1.Status; proxies in front of it with anything. */
function refusal(status: number, body: string): ClusterError {
  try {
    const { message, reason } = JSON.parse(body) as { message?: unknown; reason?: unknown };
    if (typeof message === 'string') return new ClusterError({ status, reason: String(reason ?? ''), message });
  } catch {
    // Not JSON: the text itself is all there is to show.
  }
  return new ClusterError({
    status,
    reason: `HTTP ${status}`,
    message: `HTTP ${status}: ${body.slice(0, 200).trim()}`,
  });
}

async function absentIfMissing(answer: Promise<unknown>): Promise<KubeObject | undefined> {
  try {
    return (await answer) as KubeObject;
  } catch (error) {
    if (error instanceof ClusterError && error.status === 404) return undefined;
    throw error;
  }
}

function versionPath(apiVersion: string): string {
  return apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}

function resourcePath(kind: Kind, resource: ApiResource, namespace: string | undefined): string {
  const within = resource.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${versionPath(kind.apiVersion)}${within}/${resource.name}`;
}
