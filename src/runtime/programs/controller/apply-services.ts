/**
 * ACT on Services: makes each Service say what was decided for it, and tells people what changed. An address goes to a
 * Service only after the Service that gives it up has been written. Whatever is written is learnt at once, so that the
 * next decision starts from it.
 */
import type { EventSink } from '../../adapters/kube/events.ts';
import type { Informer } from '../../adapters/kube/informer.ts';
import { KubeError } from '../../adapters/kube/kube-error.ts';
import { type ServiceStatusWrite, writeServiceStatus } from '../../adapters/kube/write-service.ts';
import type { Allocation } from '../../decide/allocation/allocation.ts';
import type { Clock, KubeApi } from '../../engine/ports.ts';
import type { Ip } from '../../model/ip.ts';
import type { ServiceView } from '../../model/service.ts';
import { after, type Instant } from '../../model/time.ts';
import { farewell, givenUp, serviceEvents, serviceWrite } from './service-diff.ts';
import { UnansweredWrites } from './unanswered-writes.ts';
import type { Decision } from './world.ts';

export interface ServiceApplierOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly services: Informer<ServiceView>;
  readonly events: EventSink;
  /** RFC 3339 in whole seconds, as the API keeps it. */
  readonly nowText: () => string;
  /** The Service was written and is to be looked at as it is now. */
  readonly onWritten: (key: string) => void;
  /** A Service got its first address this long after it was first seen without one. */
  readonly onServed: (seconds: number) => void;
}

export class ServiceApplier {
  readonly #options: ServiceApplierOptions;
  #decision: Decision | undefined;
  /** Service → the addresses in its status that it is to give up. */
  readonly #givenUp = new Map<string, readonly Ip[]>();
  /** The same by address. */
  readonly #leaving = new Map<Ip, Set<string>>();
  /** Service that must give something up first → Services that wait for it. */
  readonly #waiting = new Map<string, Set<string>>();
  readonly #unanswered: UnansweredWrites;
  /** Services that wait until such a write has an answer. */
  readonly #heldUp = new Set<string>();
  /** Service without an address → since when, as far as this process knows. */
  readonly #pendingSince = new Map<string, Instant>();

  constructor(options: ServiceApplierOptions) {
    this.#options = options;
    this.#unanswered = new UnansweredWrites({
      versionOf: (key) => options.services.get(key)?.resourceVersion,
      onAnswer: () => {
        for (const key of this.#heldUp) options.onWritten(key);
      },
    });
  }

  /** Takes over a decision and returns the keys of the Services that are to be written. */
  take(decision: Decision): readonly string[] {
    this.#decision = decision;
    this.#unanswered.decided();
    // Whatever changed may be what answers the writes that they wait for.
    const due = new Set<string>(this.#heldUp);
    this.#heldUp.clear();
    for (const key of decision.touched) {
      const allocation = decision.allocator?.get(key);
      this.#noteGivenUp(key, allocation);
      this.#notePending(key, allocation);
      if (this.#writeFor(key) !== undefined) due.add(key);
      // Gone, or about to be what the others wait for.
      for (const other of this.#waiting.get(key) ?? []) due.add(other);
      this.#waiting.delete(key);
    }
    return Array.from(due);
  }

  /** Another controller writes from now on. */
  forget(): void {
    this.#decision = undefined;
    this.#unanswered.forget();
    for (const memory of [this.#givenUp, this.#leaving, this.#waiting, this.#heldUp, this.#pendingSince])
      memory.clear();
  }

  /** Writes the Service if it does not say what was decided. Rejects with KubeError, also where the write does not last. */
  async write(key: string): Promise<void> {
    const { api, services, events, onWritten } = this.#options;
    const allocation = this.#decision?.allocator?.get(key);
    const current = services.get(key);
    if (current === undefined) return;
    // Decided on an older version of it: the change that made it newer has asked for a new decision already.
    if (allocation !== undefined && allocation.service.resourceVersion !== current.resourceVersion) return;
    const write = this.#writeFor(key);
    if (write === undefined || this.#isBlocked(key, write)) return;
    services.learn(await this.#unanswered.send(key, write, () => writeServiceStatus(api, write)));
    onWritten(key);
    if (allocation === undefined) return;
    if (!this.#isKept(key, allocation)) throw notKept();
    for (const event of serviceEvents(allocation)) events.emit(event);
    this.#noteServed(key, allocation);
  }

  /** Whether the Service, as the API answered the write, says what was decided. */
  #isKept(key: string, allocation: Allocation): boolean {
    const service = this.#options.services.get(key);
    const { nowText } = this.#options;
    return (
      service === undefined || serviceWrite({ ...allocation, service, verdict: 'assign' }, nowText()) === undefined
    );
  }

  #writeFor(key: string): ServiceStatusWrite | undefined {
    const allocator = this.#decision?.allocator;
    const allocation = allocator?.get(key);
    if (allocation !== undefined) return serviceWrite(allocation, this.#options.nowText());
    const current = this.#options.services.get(key);
    if (current === undefined || allocator === undefined || !allocator.leaves(current)) return undefined;
    return farewell(current);
  }

  #noteGivenUp(key: string, allocation: Allocation | undefined): void {
    for (const ip of this.#givenUp.get(key) ?? []) {
      const keys = this.#leaving.get(ip);
      keys?.delete(key);
      if (keys?.size === 0) this.#leaving.delete(ip);
    }
    const ips = allocation === undefined ? [] : givenUp(allocation);
    if (ips.length === 0) this.#givenUp.delete(key);
    else this.#givenUp.set(key, ips);
    for (const ip of ips) this.#leaving.set(ip, (this.#leaving.get(ip) ?? new Set()).add(key));
  }

  /** Whether another Service has, or may just be getting, an address that is for this one; then this one waits. */
  #isBlocked(key: string, write: ServiceStatusWrite): boolean {
    let isBlocked = false;
    for (const ip of write.ips ?? []) {
      for (const other of this.#leaving.get(ip) ?? []) {
        if (other === key || !this.#stillSays(other, ip)) continue;
        this.#waiting.set(other, (this.#waiting.get(other) ?? new Set()).add(key));
        isBlocked = true;
      }
    }
    if (isBlocked) return true;
    const isMeant = (other: string, ip: Ip): boolean =>
      this.#decision?.allocator?.get(other)?.ips.includes(ip) ?? false;
    if (!this.#unanswered.holdUp(key, write.ips ?? [], isMeant)) return false;
    this.#heldUp.add(key);
    return true;
  }

  #stillSays(key: string, ip: Ip): boolean {
    return this.#options.services.get(key)?.ingress.some((entry) => entry.ip === ip) ?? false;
  }

  #notePending(key: string, allocation: Allocation | undefined): void {
    if (allocation === undefined || allocation.service.type !== 'LoadBalancer') this.#pendingSince.delete(key);
    else if (allocation.service.ingress.length > 0) this.#pendingSince.delete(key);
    else if (!this.#pendingSince.has(key)) this.#pendingSince.set(key, this.#firstSeen(allocation.service));
  }

  /** Now; or earlier for a Service that was there before this process. The API keeps whole seconds only. */
  #firstSeen({ createdAtMs }: ServiceView): Instant {
    const { clock } = this.#options;
    return after(clock.now(), -Math.max(0, clock.wallMs() - createdAtMs - 1000));
  }

  #noteServed(key: string, allocation: Allocation): void {
    const since = this.#pendingSince.get(key);
    if (since === undefined || allocation.ips.length === 0) return;
    this.#pendingSince.delete(key);
    this.#options.onServed((this.#options.clock.now() - since) / 1000);
  }
}

/** Otherwise it would be written again at once, and for ever. */
function notKept(): KubeError {
  return new KubeError({
    op: 'patch service status',
    status: 0,
    reason: 'not-kept',
    message: 'the write was accepted, but the Service does not show it: does an admission webhook or policy undo it?',
  });
}
