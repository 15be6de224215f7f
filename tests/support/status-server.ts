/**
 * The ServiceL2Status objects of an API server in memory: lists, creates, patches and deletes as the real one does, each
 * change told to every watch that was opened on it. Writes are noted in `writes`.
 */
import { isDeepStrictEqual } from 'node:util';
import type { ApiRequest } from '../../src/runtime/engine/ports.ts';
import { apiList, FakeKubeApi, kubeError } from './fake-kube-api.ts';

// biome-ignore lint/suspicious/noExplicitAny: API objects as the server holds them.
type ApiObject = any;

export class StatusServer {
  readonly objects = new Map<string, ApiObject>();
  /** "POST", "PATCH l2-…", "PATCH l2-…/status", "DELETE l2-…" */
  readonly writes: string[] = [];
  /** Set: what every request is answered with. */
  trouble: Error | undefined;
  /** What one body is refused with; undefined: it is not. */
  refuse: (body: ApiObject) => Error | undefined = () => undefined;
  /** Watches are told nothing until it is false again. */
  #held: { type: string; object: ApiObject }[] | undefined;
  readonly #apis: FakeKubeApi[] = [];
  #version = 1;

  /** A client of this server. */
  connect(): FakeKubeApi {
    const api = new FakeKubeApi((request) => this.#answer(request));
    this.#apis.push(api);
    return api;
  }

  /** "NODE NAMESPACE/SERVICE" of each object, ordered. */
  says(): string[] {
    return Array.from(this.objects.values(), ({ status = {} }) =>
      [status.node, `${status.serviceNamespace}/${status.serviceName}`].join(' '),
    ).sort();
  }

  /** An edit as somebody else would make it. */
  edit(name: string, edit: (object: ApiObject) => ApiObject): void {
    this.#put(edit(structuredClone(this.objects.get(name))), 'MODIFIED');
  }

  remove(name: string): void {
    const object = this.objects.get(name);
    this.objects.delete(name);
    this.#version += 1;
    this.#send('DELETED', { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } });
  }

  /** The watches fall behind until the returned function is called. */
  holdWatches(): () => void {
    this.#held = [];
    return () => {
      const held = this.#held ?? [];
      this.#held = undefined;
      for (const { type, object } of held) this.#send(type, object);
    };
  }

  #answer(request: ApiRequest): unknown {
    if (this.trouble !== undefined) throw this.trouble;
    const { method = 'GET', path, body } = request;
    if (method === 'GET') return apiList([...this.objects.values()], String(this.#version));
    const [name = '', subresource] = (path.split('/servicel2statuses/')[1] ?? '').split('/');
    this.writes.push([method, ...(name === '' ? [] : [path.split('/servicel2statuses/')[1]])].join(' '));
    const sent = body as ApiObject;
    const refusal = this.refuse(sent);
    if (refusal !== undefined) throw refusal;
    if (method === 'POST') {
      if (this.objects.has(sent.metadata.name)) throw kubeError(409, 'AlreadyExists');
      return this.#put({ ...sent, metadata: { ...sent.metadata, uid: `uid-${this.#version}` } }, 'ADDED');
    }
    const object = this.objects.get(name);
    if (object === undefined) throw kubeError(404, 'NotFound');
    if (method === 'DELETE') {
      if (sent?.preconditions?.uid !== object.metadata.uid) throw kubeError(409, 'Conflict');
      this.remove(name);
      return { kind: 'Status', status: 'Success' };
    }
    const patched =
      subresource === 'status'
        ? { ...object, status: merged(object.status, sent.status) }
        : { ...object, metadata: { ...object.metadata, ...sent.metadata } };
    return isDeepStrictEqual(patched, object) ? object : this.#put(patched, 'MODIFIED');
  }

  #put(object: ApiObject, type: string): ApiObject {
    this.#version += 1;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } };
    this.objects.set(stored.metadata.name, stored);
    this.#send(type, stored);
    return stored;
  }

  #send(type: string, object: ApiObject): void {
    if (this.#held !== undefined) this.#held.push({ type, object });
    else for (const api of this.#apis) for (const watch of api.watches) watch.send({ type, object });
  }
}

function merged(before: ApiObject, patch: ApiObject): ApiObject {
  return Object.fromEntries(Object.entries({ ...before, ...patch }).filter(([, value]) => value !== null));
}
