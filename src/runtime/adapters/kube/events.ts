/**
 * Tells people what happened, as Events on the object it happened to. Telling never holds up the work: emit() only
 * queues, one request runs at a time, repeats of an event count up the one that is there, and what is too much or fails
 * is dropped and counted. Deviation from exactness on purpose: an Event is a courtesy, the condition is the record.
 */

import type { Clock, KubeApi } from '../../engine/ports.ts';
import type { ObjectKey } from '../../model/service.ts';
import { apiTime } from './api-time.ts';
import { corePath } from './paths.ts';
import { asNumber, asObject, asString } from './untyped.ts';

/** As much as a burst of changes may leave waiting; beyond it events are dropped, good news first. */
const MAX_WAITING = 5000;
/** Requests in a row, then one per interval: a bucket that refills. */
const BURST = 200;
const REFILL_MS = 50;
/** How long good news waits for busy times to pass; in times that last longer it is told at its usual rate. */
const BUSY_MS = 10_000;
/** An event that comes again within this time counts the old one up. The API server forgets events after an hour. */
const AGGREGATE_MS = 10 * 60_000;
/** Events remembered for counting up. */
const MAX_REMEMBERED = 2000;
/** The API's limit on a message. */
const MAX_MESSAGE_LENGTH = 1024;

export interface EventObject extends ObjectKey {
  readonly apiVersion: string;
  readonly kind: string;
  readonly uid: string;
  readonly resourceVersion?: string;
}

export interface ClusterEvent {
  readonly object: EventObject;
  readonly type: 'Normal' | 'Warning';
  /** One word, CamelCase. */
  readonly reason: string;
  readonly message: string;
}

export interface EventSinkOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  /** "metallb-controller" */
  readonly component: string;
  /** The pod or host that speaks. */
  readonly instance: string;
  /** Whether there is work that waits for the API server; good news waits for that, but not for ever. Absent: never. */
  readonly isBusy?: () => boolean;
  /** An event could not be told; for a counter. */
  readonly onDropped: (event: ClusterEvent, cause: unknown) => void;
}

interface Told {
  readonly name: string;
  readonly count: number;
  readonly atMs: number;
}

export class EventSink {
  readonly #options: EventSinkOptions;
  /** Warnings are told first: among a thousand addresses given out, the one that was not is what people look for. */
  readonly #waiting: Record<ClusterEvent['type'], ClusterEvent[]> = { Warning: [], Normal: [] };
  readonly #told = new Map<string, Told>();
  #tokens = BURST;
  #refilledAtMs: number;
  #busySinceMs: number | undefined;
  #sending = false;
  #serial = 0;

  constructor(options: EventSinkOptions) {
    this.#options = options;
    this.#refilledAtMs = options.clock.now();
  }

  emit(event: ClusterEvent): void {
    this.#waiting[event.type].push(event);
    const { Normal, Warning } = this.#waiting;
    if (Normal.length + Warning.length > MAX_WAITING) {
      // The one that would be told last.
      const dropped = Normal.pop() ?? Warning.pop();
      if (dropped !== undefined) this.#options.onDropped(dropped, new Error('too many events are waiting'));
    }
    if (!this.#sending) void this.#send();
  }

  #next(): ClusterEvent | undefined {
    return this.#waiting.Warning.shift() ?? this.#waiting.Normal.shift();
  }

  async #send(): Promise<void> {
    this.#sending = true;
    while (this.#waiting.Warning.length + this.#waiting.Normal.length > 0) {
      await this.#quietTime();
      await this.#takeToken();
      const event = this.#next();
      if (event === undefined) break;
      try {
        await this.#tell(event);
      } catch (cause) {
        this.#options.onDropped(event, cause);
      }
    }
    this.#sending = false;
  }

  async #quietTime(): Promise<void> {
    const { clock, isBusy } = this.#options;
    while (isBusy?.()) {
      this.#busySinceMs ??= clock.now();
      if (this.#waiting.Warning.length > 0 || clock.now() - this.#busySinceMs >= BUSY_MS) return;
      await this.#pause();
    }
    this.#busySinceMs = undefined;
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#options.clock.schedule(REFILL_MS, resolve);
    });
  }

  async #takeToken(): Promise<void> {
    const { clock } = this.#options;
    const refills = Math.floor((clock.now() - this.#refilledAtMs) / REFILL_MS);
    this.#refilledAtMs += refills * REFILL_MS;
    this.#tokens = Math.min(BURST, this.#tokens + refills);
    if (this.#tokens > 0) this.#tokens -= 1;
    // The token that comes with this wait is spent at once.
    else {
      await this.#pause();
      this.#refilledAtMs += REFILL_MS;
    }
  }

  async #tell(event: ClusterEvent): Promise<void> {
    const { clock } = this.#options;
    const key = JSON.stringify([event.object.uid, event.type, event.reason, event.message]);
    const before = this.#told.get(key);
    const repeat = before !== undefined && clock.wallMs() - before.atMs < AGGREGATE_MS;
    const told = (repeat ? await this.#countUp(event, before) : undefined) ?? (await this.#create(event));
    this.#told.delete(key);
    this.#told.set(key, told);
    const [oldest] = this.#told.keys();
    if (this.#told.size > MAX_REMEMBERED && oldest !== undefined) this.#told.delete(oldest);
  }

  async #create(event: ClusterEvent): Promise<Told> {
    const { api, clock, component, instance } = this.#options;
    const atMs = clock.wallMs();
    const { namespace } = event.object;
    this.#serial += 1;
    const at = apiTime(atMs);
    const raw = await api.request({
      op: 'create event',
      method: 'POST',
      path: corePath('events', namespace),
      body: {
        // Unique as client-go makes it: the object's name and a time, here with a serial number against equal times.
        metadata: { namespace, name: `${event.object.name}.${atMs.toString(16)}${this.#serial.toString(16)}` },
        involvedObject: event.object,
        type: event.type,
        reason: event.reason,
        message: shorten(event.message),
        source: { component },
        reportingComponent: component,
        reportingInstance: instance,
        firstTimestamp: at,
        lastTimestamp: at,
        count: 1,
      },
    });
    return { name: asString(asObject(asObject(raw)['metadata'])['name']), count: 1, atMs };
  }

  /** Undefined when the event is not there any more. */
  async #countUp(event: ClusterEvent, before: Told): Promise<Told | undefined> {
    const { api, clock } = this.#options;
    const atMs = clock.wallMs();
    try {
      const raw = await api.request({
        op: 'patch event',
        method: 'PATCH',
        path: `${corePath('events', event.object.namespace)}/${before.name}`,
        contentType: 'application/merge-patch+json',
        body: { count: before.count + 1, lastTimestamp: apiTime(atMs) },
      });
      return { name: before.name, count: asNumber(asObject(raw)['count']) || before.count + 1, atMs };
    } catch {
      return undefined;
    }
  }
}

function shorten(message: string): string {
  return message.length <= MAX_MESSAGE_LENGTH ? message : `${message.slice(0, MAX_MESSAGE_LENGTH - 1)}…`;
}
