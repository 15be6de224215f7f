/**
 * Finds the router at the other end of a link by what it advertises, and lets it find this node: a machine without clock or
 * socket, for BGP sessions that are configured by their interface alone ("unnumbered").
 *
 *     link ─▶ inquiry: solicit, 4 s, solicit, 4 s, solicit, 4 s ─▶ who has kept silent since its beginning is forgotten
 *                 ▲
 *                 └── nobody is known (every minute) · another router is heard · one has not been heard for its lifetime
 *
 *     heard ─▶ one that offers itself as a way out? else one that does not ─▶ chosen, 1 s after the first solicitation
 *
 * Two routers that both could be meant are not guessed between: none is chosen, and the snapshot says so. One that is chosen
 * already stays so for as long as it is heard, whoever else comes: a session that works is not to end because of what a
 * stranger says. Those that offer no way out come last, because this node and its like are of that kind: on a link with
 * several nodes they hear each other.
 *
 * What it sends configures nothing anywhere (see router-codec.ts). But where the node itself advertises itself as a default
 * router on the link, with another program, hosts would take the lifetime of 0 for that one's word: no such link can be used.
 *
 * Use: act on what `handle` returns, then call it with 'timer' at `deadline()`. All routers' group, ff02::2, is to be joined.
 * Implements: RFC 4861 §6.1.1, §6.1.2, §6.2.4 and §6.2.6 (as a router that is nobody's default), §6.3.4 and §6.3.7 (as a
 * host that learns but addresses). Deviations: where they stand below.
 */
import { assertNever } from '../../model/result.ts';
import { after, type Instant } from '../../model/time.ts';
import type { MacBits } from '../ethernet/codec.ts';
import { ALL_NODES, ALL_ROUTERS, ethernetGroup, type Ipv6Key, isIpv6LinkLocal, UNSPECIFIED } from '../ip/ipv6.ts';
import { seededShare } from '../seeded-random.ts';
import { NDP_FRAME_FAULTS, type NdpFrame, readNdpFrameOf } from './frame.ts';
import { decodeRouterMessage, encodeRouterFrame, type RouterMessage } from './router-codec.ts';

/** RFC 4861 §10: MAX_RTR_SOLICITATIONS, RTR_SOLICITATION_INTERVAL. */
const SOLICITATIONS = 3;
const SOLICITATION_INTERVAL_MS = 4000;
/** Deviation: RFC 4861 §6.3.7 gives up after three; a router that comes late without a word is wanted here all the same. */
const INQUIRE_AGAIN_MS = 60_000;
/** Routers answer within 0.5 s (MAX_RA_DELAY_TIME): then all have been heard that are there, but for those that pace themselves. */
const SETTLE_MS = 1000;
/** MaxRtrAdvInterval, as routers with unnumbered sessions have it, and as much as §6.2.1 lets MinRtrAdvInterval come to it. */
const ADVERTISE_MS = { least: 7_500, most: 10_000 } as const;
/** RFC 4861 §10: MAX_RA_DELAY_TIME, MIN_DELAY_BETWEEN_RAS. */
const ANSWER_WITHIN_MS = 500;
const ADVERTISEMENT_GAP_MS = 3000;
/** Before a router is asked whether it is still there: its lifetime, but not all the time; without one, MaxRtrAdvInterval at its most. */
const LEAST_LIFE_MS = 30_000;
const UNTOLD_LIFE_MS = 1_800_000;
/** More are not remembered, however many addresses somebody makes up. */
const MOST_ROUTERS = 16;

/** This side of the link. */
export interface RouterLink {
  readonly mac: MacBits;
  /** Its link-local address. */
  readonly address: Ipv6Key;
}

export type RouterFinderInput =
  /** The interface works, with that address; undefined: it does not. Said again: nothing has changed. */
  | { readonly kind: 'link'; readonly link: RouterLink | undefined }
  /** Is not kept. */
  | { readonly kind: 'received'; readonly frame: Uint8Array }
  /** The deadline has come. */
  | { readonly kind: 'timer' };

export type RouterFinderOutput =
  | { readonly kind: 'send'; readonly frame: Uint8Array }
  | { readonly kind: 'dropped'; readonly reason: RouterDropReason }
  /** The snapshot has. */
  | { readonly kind: 'changed' };

/** Why a frame came to nothing; in the order of the checks. */
export const ROUTER_DROP_REASONS = [
  ...NDP_FRAME_FAULTS,
  /** Sent by this interface itself and brought back by the network. */
  'own-frame',
  /** An advertisement from another address than a link-local one. */
  'not-link-local',
  /** A solicitation from :: that tells a link address. */
  'unspecified-source',
  'too-many-routers',
] as const;

export type RouterDropReason = (typeof ROUTER_DROP_REASONS)[number];

export type RouterFinderSnapshot =
  /** `others` have been heard as well, in no order. */
  | { readonly kind: 'found'; readonly router: Ipv6Key; readonly others: readonly Ipv6Key[] }
  /** no-link: nothing is sought. searching: for a second or so. */
  | { readonly kind: 'not-found'; readonly reason: 'no-link' | 'searching' | 'no-router' }
  | { readonly kind: 'not-found'; readonly reason: 'several-routers'; readonly routers: readonly Ipv6Key[] };

interface HeardRouter {
  lifetimeSeconds: number;
  at: Instant;
  /** When it is asked whether it is still there. */
  until: Instant;
}

interface Inquiry {
  readonly since: Instant;
  sent: number;
  nextAt: Instant;
}

export class RouterFinder {
  readonly #share: () => number;
  #link: RouterLink | undefined;
  readonly #heard = new Map<Ipv6Key, HeardRouter>();
  #chosen: Ipv6Key | undefined;
  #inquiry: Inquiry | undefined;
  /** While nobody is known and none is under way. */
  #nextInquiryAt: Instant | undefined;
  /** Nobody is chosen before; undefined: that time has come. */
  #settledAt: Instant | undefined;
  #advertisedAt: Instant | undefined;
  #advertiseAt: Instant | undefined;
  #outputs: RouterFinderOutput[] = [];

  /** `seed` spreads advertisements: 0 … 2^32 − 1. */
  constructor(seed: number) {
    this.#share = seededShare(seed);
  }

  handle(input: RouterFinderInput, now: Instant): readonly RouterFinderOutput[] {
    this.#outputs = [];
    const before = fingerprint(this.snapshot());
    switch (input.kind) {
      case 'link':
        this.#onLink(input.link, now);
        break;
      case 'received':
        this.#onFrame(input.frame, now);
        break;
      case 'timer':
        this.#onTimer(now);
        break;
      default:
        assertNever(input);
    }
    if (fingerprint(this.snapshot()) !== before) this.#outputs.push({ kind: 'changed' });
    return this.#outputs;
  }

  deadline(): Instant | undefined {
    const waits = [this.#advertiseAt, this.#settledAt, this.#inquiry?.nextAt, this.#nextInquiryAt];
    if (this.#inquiry === undefined) for (const { until } of this.#heard.values()) waits.push(until);
    const due = waits.filter((at) => at !== undefined);
    return due.length === 0 ? undefined : (Math.min(...due) as Instant);
  }

  snapshot(): RouterFinderSnapshot {
    if (this.#link === undefined) return { kind: 'not-found', reason: 'no-link' };
    const router = this.#chosen;
    if (router !== undefined) {
      return { kind: 'found', router, others: [...this.#heard.keys()].filter((other) => other !== router) };
    }
    if (this.#settledAt !== undefined) return { kind: 'not-found', reason: 'searching' };
    if (this.#heard.size === 0) return { kind: 'not-found', reason: 'no-router' };
    return { kind: 'not-found', reason: 'several-routers', routers: this.#candidates() };
  }

  #onLink(link: RouterLink | undefined, now: Instant): void {
    if (link?.mac === this.#link?.mac && link?.address === this.#link?.address) return;
    this.#link = link;
    this.#heard.clear();
    this.#chosen = undefined;
    this.#inquiry = undefined;
    this.#nextInquiryAt = undefined;
    this.#settledAt = undefined;
    this.#advertisedAt = undefined;
    this.#advertiseAt = undefined;
    if (link === undefined) return;
    // Deviation: RFC 4861 §6.3.7 has hosts wait up to a second first, for links on which many start at once.
    this.#settledAt = after(now, SETTLE_MS);
    this.#advertiseAt = now;
    this.#inquire(now);
    this.#onTimer(now);
  }

  #onFrame(frame: Uint8Array, now: Instant): void {
    const link = this.#link;
    // Read before the socket was told to end.
    if (link === undefined) return;
    const read = readNdpFrameOf(frame, decodeRouterMessage);
    const reason = typeof read === 'string' ? read : this.#judge(read, link);
    if (reason !== undefined || typeof read === 'string') {
      this.#outputs.push({ kind: 'dropped', reason: reason ?? 'malformed' });
      return;
    }
    if (read.message.kind === 'router-solicitation') this.#answerSoon(now);
    else this.#onRouter(read.header.source, read.message.lifetimeSeconds, now);
  }

  #judge({ link, header, message }: NdpFrame<RouterMessage>, own: RouterLink): RouterDropReason | undefined {
    if (link.source === own.mac || header.source === own.address) return 'own-frame';
    if (message.kind === 'router-solicitation') {
      // RFC 4861 §6.1.1
      const isAnonymous = header.source === UNSPECIFIED;
      return isAnonymous && message.linkAddress !== undefined ? 'unspecified-source' : undefined;
    }
    // RFC 4861 §6.1.2
    if (!isIpv6LinkLocal(header.source)) return 'not-link-local';
    const isOneTooMany = !this.#heard.has(header.source) && this.#heard.size >= MOST_ROUTERS;
    return isOneTooMany ? 'too-many-routers' : undefined;
  }

  #onRouter(address: Ipv6Key, lifetimeSeconds: number, now: Instant): void {
    const isNew = !this.#heard.has(address);
    const lifeMs = lifetimeSeconds === 0 ? UNTOLD_LIFE_MS : Math.max(LEAST_LIFE_MS, lifetimeSeconds * 1000);
    this.#heard.set(address, { lifetimeSeconds, at: now, until: after(now, lifeMs) });
    this.#nextInquiryAt = undefined;
    // One that has another address from now on is its own rival, until it is known not to answer by the old one.
    if (isNew && this.#heard.size > 1) this.#inquire(now);
    this.#choose();
  }

  /** RFC 4861 §6.2.6. */
  #answerSoon(now: Instant): void {
    const soon = after(now, this.#share() * ANSWER_WITHIN_MS);
    const earliest = this.#advertisedAt === undefined ? soon : after(this.#advertisedAt, ADVERTISEMENT_GAP_MS);
    const at = Math.max(soon, earliest) as Instant;
    if (this.#advertiseAt === undefined || at < this.#advertiseAt) this.#advertiseAt = at;
  }

  #onTimer(now: Instant): void {
    if (isDue(this.#advertiseAt, now)) this.#advertise(now);
    if (isDue(this.#settledAt, now)) {
      this.#settledAt = undefined;
      this.#choose();
    }
    const isAnyOverdue = [...this.#heard.values()].some(({ until }) => until <= now);
    if (isAnyOverdue || isDue(this.#nextInquiryAt, now)) this.#inquire(now);
    if (isDue(this.#inquiry?.nextAt, now)) this.#ask(now);
  }

  /** Begins, unless one is under way. */
  #inquire(now: Instant): void {
    this.#nextInquiryAt = undefined;
    this.#inquiry ??= { since: now, sent: 0, nextAt: now };
  }

  #ask(now: Instant): void {
    const inquiry = this.#inquiry;
    const link = this.#link;
    if (inquiry === undefined || link === undefined) return;
    if (inquiry.sent < SOLICITATIONS) {
      inquiry.sent += 1;
      inquiry.nextAt = after(now, SOLICITATION_INTERVAL_MS);
      this.#send(link, ALL_ROUTERS, { kind: 'router-solicitation', linkAddress: link.mac });
      return;
    }
    for (const [address, { at }] of this.#heard) if (at < inquiry.since) this.#heard.delete(address);
    this.#inquiry = undefined;
    if (this.#heard.size === 0) this.#nextInquiryAt = after(now, INQUIRE_AGAIN_MS);
    this.#choose();
  }

  #choose(): void {
    const candidates = this.#candidates();
    if (this.#chosen !== undefined && candidates.includes(this.#chosen)) return;
    const isOnlyOne = candidates.length === 1 && this.#settledAt === undefined;
    this.#chosen = isOnlyOne ? candidates[0] : undefined;
  }

  /** Those that offer a way out; if there are none, those that do not. */
  #candidates(): readonly Ipv6Key[] {
    const all = [...this.#heard];
    const offering = all.filter(([, { lifetimeSeconds }]) => lifetimeSeconds > 0);
    return (offering.length > 0 ? offering : all).map(([address]) => address);
  }

  #advertise(now: Instant): void {
    const link = this.#link;
    if (link === undefined) return;
    this.#send(link, ALL_NODES, { kind: 'router-advertisement', lifetimeSeconds: 0, linkAddress: link.mac });
    this.#advertisedAt = now;
    const { least, most } = ADVERTISE_MS;
    this.#advertiseAt = after(now, least + this.#share() * (most - least));
  }

  #send({ mac, address }: RouterLink, group: Ipv6Key, message: RouterMessage): void {
    const link = { source: mac, destination: ethernetGroup(group) };
    this.#outputs.push({
      kind: 'send',
      frame: encodeRouterFrame({ link, source: address, destination: group }, message),
    });
  }
}

function isDue(at: Instant | undefined, now: Instant): boolean {
  return at !== undefined && at <= now;
}

function fingerprint(snapshot: RouterFinderSnapshot): string {
  return JSON.stringify(snapshot);
}
