/**
 * Says what becomes of this node's BGP sessions: a log line, and an Event on the BGPPeer, for each that came up, went down,
 * or does not come about, with the reason in words.
 *
 *     what was said last ──┐
 *     sessions as they are ┴▶ another? ─▶ said already too often? ── no ─▶ Event, log line
 *                                                └─ yes ─▶ later, as it is then
 *
 * A session that flaps is told of some times and then once in a while, with how often it went down meanwhile; how it is in
 * the end is always told.
 */
import type { EventSink } from '../../../adapters/kube/events.ts';
import { metallbApiVersion } from '../../../adapters/kube/paths.ts';
import type { Log } from '../../../engine/log.ts';
import type { Clock } from '../../../engine/ports.ts';
import { TokenBucket } from '../../../engine/token-bucket.ts';
import type { BgpSessionView } from '../../../model/bgp-session.ts';
import type { RawResource } from '../../../model/resource.ts';

/** Of one session: as many at once, and then one in this time. */
const BURST = 4;
const AGAIN_SECONDS = 30;
/** What does not come about within this time is in trouble: a router that is only restarting is not told of. */
const TROUBLE_MS = 10_000;

/** What tells a BGPPeer from others. */
export type PeerResource = Pick<RawResource, 'kind' | 'namespace' | 'name' | 'uid'>;

export interface SessionReportOptions {
  readonly nodeName: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly events: Pick<EventSink, 'emit'>;
  /** The BGPPeer of that name. Undefined: there is none, the configuration is the old ConfigMap. */
  readonly resource: (peer: string) => PeerResource | undefined;
}

interface Held {
  now: BgpSessionView;
  /** What was said last; undefined: nothing yet. */
  told: BgpSessionView | undefined;
  readonly pace: TokenBucket;
  isWaiting: boolean;
  /** Ends the wait until what does not come about is in trouble. */
  cancelLook: (() => void) | undefined;
}

/** flapped: it went down, and is up again by now. failing: it is not up since it was first tried, or last told of. */
type News =
  | { readonly kind: 'up' }
  | { readonly kind: 'down' | 'flapped'; readonly why: string; readonly times: number }
  | { readonly kind: 'failing'; readonly why: string };

const LOG_LINES = {
  up: 'a BGP session is up',
  down: 'a BGP session went down',
  failing: 'a BGP session does not come about',
  flapped: 'a BGP session went down, and is up again',
} as const satisfies Record<News['kind'], string>;

export class SessionReport {
  readonly #options: SessionReportOptions;
  readonly #held = new Map<string, Held>();

  constructor(options: SessionReportOptions) {
    this.#options = options;
  }

  /** All sessions as they are now. */
  tell(views: readonly BgpSessionView[]): void {
    const gone = new Set(this.#held.keys());
    for (const now of views) {
      gone.delete(now.peer);
      const held = this.#held.get(now.peer) ?? this.#begin(now);
      held.now = now;
      this.#consider(held);
    }
    for (const peer of gone) this.#end(peer);
  }

  #begin(now: BgpSessionView): Held {
    const { clock } = this.#options;
    const pace = new TokenBucket({ clock, burst: BURST, perSecond: () => 1 / AGAIN_SECONDS });
    const held: Held = { now, told: undefined, pace, isWaiting: false, cancelLook: undefined };
    this.#held.set(now.peer, held);
    return held;
  }

  #end(peer: string): void {
    const held = this.#held.get(peer);
    this.#held.delete(peer);
    held?.cancelLook?.();
    if (held?.told?.state !== 'established') return;
    this.#options.log.info({ peer }, 'a BGP session has ended: this node is to hold it no longer');
  }

  #consider(held: Held): void {
    held.cancelLook?.();
    held.cancelLook = undefined;
    if (held.isWaiting) return;
    const news = this.#newsOf(held);
    if (news === undefined) return;
    const waitMs = news.kind === 'failing' ? this.#untilTroubleMs(held) : 0;
    if (waitMs > 0) {
      held.cancelLook = this.#options.clock.schedule(waitMs, () => this.#consider(held));
      return;
    }
    held.isWaiting = true;
    void held.pace.take().then(() => {
      held.isWaiting = false;
      this.#sayNewest(held);
    });
  }

  /** What there was to say may have passed while it waited, or the session be gone. */
  #sayNewest(held: Held): void {
    const news = this.#newsOf(held);
    if (news === undefined || this.#held.get(held.now.peer) !== held) return;
    held.told = held.now;
    this.#say(held.now, news);
  }

  #untilTroubleMs({ now }: Held): number {
    return now.sinceWallMs + TROUBLE_MS - this.#options.clock.wallMs();
  }

  #newsOf({ now, told }: Held): News | undefined {
    if (now.state === 'established') return newsOfEstablished(now, told);
    if (told !== undefined && (told.state === 'established' || now.flaps > told.flaps)) {
      return { kind: 'down', ...fall(now, told) };
    }
    if (now.lastError === undefined || now.lastError === told?.lastError) return undefined;
    return { kind: 'failing', why: now.lastError };
  }

  #say(view: BgpSessionView, news: News): void {
    const { nodeName, log, events, resource } = this.#options;
    const { peer, remoteAddress: address, remoteAsn: asn } = view;
    const { kind, ...details } = news;
    const level = kind === 'up' ? 'info' : 'warn';
    log[level]({ peer, address, ...(asn === undefined ? {} : { asn }), ...details }, LOG_LINES[kind]);
    const about = resource(peer);
    if (about === undefined) return;
    const { kind: resourceKind, namespace, name, uid } = about;
    const router = address === '' ? 'its router' : address;
    events.emit({
      object: { apiVersion: metallbApiVersion('bgppeers'), kind: resourceKind, namespace, name, uid },
      type: kind === 'up' ? 'Normal' : 'Warning',
      reason: kind === 'up' ? 'sessionUp' : 'sessionDown',
      message: `the BGP session of node "${nodeName}" with ${router} ${words(news)}`,
    });
  }
}

function newsOfEstablished(now: BgpSessionView, told: BgpSessionView | undefined): News | undefined {
  if (told?.state !== 'established') return { kind: 'up' };
  if (now.established === told.established && now.flaps === told.flaps) return undefined;
  return { kind: 'flapped', ...fall(now, told) };
}

/** One that is made anew counts from the beginning, and has no error yet. */
function fall(now: BgpSessionView, told: BgpSessionView): { readonly why: string; readonly times: number } {
  const times = now.flaps - told.flaps;
  if (times <= 0) return { why: 'it is made anew, because its configuration has changed', times: 1 };
  return { why: now.lastError ?? 'for no reason that is known', times };
}

function words(news: News): string {
  switch (news.kind) {
    case 'up':
      return 'is up';
    case 'down':
      return `went down${often(news.times)}: ${news.why}`;
    case 'failing':
      return `does not come about: ${news.why}`;
    case 'flapped':
      return `went down${often(news.times)}, and is up again: ${news.why}`;
  }
}

function often(times: number): string {
  return times === 1 ? '' : ` ${times} times`;
}
