/**
 * The status objects of one kind of an API server in memory: lists, creates, patches and deletes as the real one does, each
 * change told to every watch that was opened on it and whose label selector it concerns. Writes are noted in `writes`.
 */
import { isDeepStrictEqual } from 'node:util';
import type { ApiRequest } from '../../src/runtime/engine/ports.ts';
import { apiList, FakeKubeApi, kubeError } from './fake-kube-api.ts';

// biome-ignore lint/suspicious/noExplicitAny: API objects as the server holds them.
type ApiObject = any;

interface Change {
  readonly before: ApiObject | undefined;
  readonly now: ApiObject | undefined;
}

export class StatusServer {
  readonly objects = new Map<string, ApiObject>();
  /** "POST", "PATCH l2-…", "PATCH l2-…/status", "DELETE l2-…" */
  readonly writes: string[] = [];
  /** Set: what every request is answered with. */
  trouble: Error | undefined;
  /** What one body is refused with; undefined: it is not. */
  refuse: (body: ApiObject) => Error | undefined = () => undefined;
  /** What watches are told once it is undefined again. */
  #held: Change[] | undefined;
  readonly #plural: string;
  readonly #apis: FakeKubeApi[] = [];
  #version = 1;

  constructor(plural = 'servicel2statuses') {
    this.#plural = plural;
  }

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
    this.#put(edit(structuredClone(this.objects.get(name))));
  }

  remove(name: string): void {
    const object = this.objects.get(name);
    this.objects.delete(name);
    this.#version += 1;
    this.#send({ before: atVersion(object, this.#version), now: undefined });
  }

  /** The watches fall behind until the returned function is called. */
  holdWatches(): () => void {
    this.#held = [];
    return () => {
      const held = this.#held ?? [];
      this.#held = undefined;
      for (const change of held) this.#send(change);
    };
  }

  #answer(request: ApiRequest): unknown {
    if (this.trouble !== undefined) throw this.trouble;
    const { method = 'GET', path, body } = request;
    if (method === 'GET') {
      const chosen = [...this.objects.values()].filter((object) => isChosen(request, object));
      return apiList(chosen, String(this.#version));
    }
    const target = path.split(`/${this.#plural}/`)[1] ?? '';
    const [name = '', subresource] = target.split('/');
    this.writes.push([method, ...(name === '' ? [] : [target])].join(' '));
    const sent = body as ApiObject;
    const refusal = this.refuse(sent);
    if (refusal !== undefined) throw refusal;
    if (method === 'POST') {
      if (this.objects.has(sent.metadata.name)) throw kubeError(409, 'AlreadyExists');
      return this.#put({ ...sent, metadata: { ...sent.metadata, uid: `uid-${this.#version}` } });
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
    return isDeepStrictEqual(patched, object) ? object : this.#put(patched);
  }

  #put(object: ApiObject): ApiObject {
    this.#version += 1;
    const stored = atVersion(object, this.#version);
    const before = this.objects.get(stored.metadata.name);
    this.objects.set(stored.metadata.name, stored);
    this.#send({ before, now: stored });
    return stored;
  }

  #send(change: Change): void {
    if (this.#held !== undefined) {
      this.#held.push(change);
      return;
    }
    const { before, now } = change;
    for (const watch of this.#apis.flatMap(({ watches }) => watches)) {
      const [was, is] = [before, now].map((object) => object !== undefined && isChosen(watch.request, object));
      if (is) watch.send({ type: was ? 'MODIFIED' : 'ADDED', object: now });
      else if (was) watch.send({ type: 'DELETED', object: now ?? before });
    }
  }
}

function atVersion(object: ApiObject, version: number): ApiObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
}

/** "key=value", "key in (value,value)", or nothing. */
function isChosen({ query }: ApiRequest, { metadata }: ApiObject): boolean {
  const selector = query?.['labelSelector'];
  if (selector === undefined) return true;
  const [, key = '', values = ''] = /^([^= ]+)(?:=| in \()([^)]*)\)?$/.exec(String(selector)) ?? [];
  return values.split(',').includes(metadata.labels?.[key]);
}

function merged(before: ApiObject, patch: ApiObject): ApiObject {
  return Object.fromEntries(Object.entries({ ...before, ...patch }).filter(([, value]) => value !== null));
}
