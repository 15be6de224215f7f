/**
 * Watches every Service at the API server itself and keeps what must never have been, however short it was: two Services
 * (that do not share on purpose; no test here does) with one address, an address taken from a Service that still exists.
 * The server tells all changes in one order, so nothing slips through between two looks.
 */
import type { IncomingMessage } from 'node:http';
import type { ApiClient, ApiObject } from './api-client.ts';

const SERVICES = '/api/v1/services';

interface Held {
  readonly name: string;
  readonly ips: readonly string[];
}

export class AddressAudit {
  /** A sentence for every moment at which two Services had one address. */
  readonly twice: string[] = [];
  /** A sentence for every address that a living Service lost. */
  readonly lost: string[] = [];
  /** How many changes were seen: an audit that saw none says nothing. */
  changes = 0;
  readonly #held = new Map<string, Held>();
  readonly #watch: IncomingMessage;

  private constructor(watch: IncomingMessage) {
    this.#watch = watch;
    let rest = '';
    watch.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#take(JSON.parse(line));
    });
    watch.on('error', () => undefined);
  }

  static async start(api: ApiClient): Promise<AddressAudit> {
    const { metadata } = await api.request('GET', SERVICES);
    const watch = await api.open('GET', `${SERVICES}?watch=true&resourceVersion=${metadata.resourceVersion}`);
    return new AddressAudit(watch);
  }

  stop(): void {
    this.#watch.destroy();
  }

  #take({ type, object }: ApiObject): void {
    this.changes += 1;
    const { uid, namespace, name } = object.metadata;
    const before = this.#held.get(uid);
    if (type === 'DELETED') {
      this.#held.delete(uid);
      return;
    }
    const ips: string[] = (object.status?.loadBalancer?.ingress ?? []).map((entry: ApiObject) => entry.ip);
    this.#held.set(uid, { name: `${namespace}/${name}`, ips });
    for (const ip of before?.ips ?? []) {
      if (!ips.includes(ip)) this.lost.push(`${namespace}/${name} lost ${ip}`);
    }
    for (const [other, held] of this.#held) {
      const common = other === uid ? undefined : held.ips.find((ip) => ips.includes(ip));
      if (common !== undefined) this.twice.push(`${namespace}/${name} and ${held.name} had ${common}`);
    }
  }
}
