/**
 * One connection with a peer, from the OPEN to its end: what RFC 4271 calls the states OpenSent, OpenConfirm and
 * Established. Which connections there are, and when to make one, is the session's business (session.ts).
 *
 *              opened: OPEN ▶              ◀ OPEN: KEEPALIVE ▶             ◀ KEEPALIVE
 *     connecting ─────────────▶ open-sent ─────────────▶ open-confirm ─────────────▶ established
 *         │                        │                          │                          │
 *         └────────────────────────┴───── NOTIFICATION, hold timer, closed ──────────────┴──▶ over
 *
 * The hold timer of the OPEN is the one proposed, four minutes at the most. Anything a peer may not say in a state ends
 * the connection with the NOTIFICATION that RFC 6608 has for it.
 *
 * Implements: RFC 4271 §8.2.2 (OpenSent, OpenConfirm, Established), §6.5–§6.7, §10, RFC 6608 §4, RFC 9687 §4
 */
import type { Ip } from '../../model/ip.ts';
import { assertNever } from '../../model/result.ts';
import { after, type Instant } from '../../model/time.ts';
import { type Agreement, agree, openFault, ownOpen } from './agreement.ts';
import type { UpdateContext } from './codec/attribute-rules.ts';
import { describeNotification } from './codec/describe-notification.ts';
import { type MessageFault, NO_DATA } from './codec/fault.ts';
import { encodeKeepalive } from './codec/header.ts';
import { decodeMessage, type Message } from './codec/message.ts';
import { encodeNotification, type Notification, notificationOf } from './codec/notification.ts';
import { encodeOpen, type Open } from './codec/open.ts';
import type { RouteRefresh } from './codec/route-refresh.ts';
import type { ReceivedUpdate } from './codec/update.ts';
import type { Direction } from './collision.ts';
import { Framer } from './framer.ts';
import {
  ERROR_FINITE_STATE_MACHINE,
  ERROR_HOLD_TIMER_EXPIRED,
  ERROR_SEND_HOLD_TIMER_EXPIRED,
  FSM_UNEXPECTED_MESSAGE_IN_ESTABLISHED,
  FSM_UNEXPECTED_MESSAGE_IN_OPEN_CONFIRM,
  FSM_UNEXPECTED_MESSAGE_IN_OPEN_SENT,
  MESSAGE_KEEPALIVE,
  MESSAGE_NOTIFICATION,
  MESSAGE_OPEN,
  MESSAGE_ROUTE_REFRESH,
  MESSAGE_UPDATE,
  SUBCODE_UNSPECIFIC,
} from './iana.ts';
import type { BgpOutput, BgpSessionOptions, ConnectionId, NextHops, SessionFailure } from './interface.ts';
import type { MessageCounts } from './message-counts.ts';

/** RFC 4271 §8.2.2 proposes four minutes for the wait for an OPEN; no longer than the peer may be silent later on. */
const MOST_OPEN_HOLD_SECONDS = 240;
/** A connection on which nothing stands to be done is made within this, or not at all. */
const CONNECT_MS = 10_000;
/** RFC 9687 §4: the greater of this and twice the hold time. */
const LEAST_SEND_HOLD_MS = 8 * 60_000;
/**
 * A timer that comes later than this after its time was held up by this process, which may have left what the peer sent
 * unread: it is given as long again, once.
 */
const LATE_MS = 500;

export type ConnectionState = 'connecting' | 'open-sent' | 'open-confirm' | 'established' | 'over';

/** What the connection tells its session. */
export interface ConnectionHost {
  readonly output: (output: BgpOutput) => void;
  /** A share of 0.75 … 1, RFC 4271 §10. */
  readonly jitter: () => number;
  readonly counts: MessageCounts;
  readonly isRestarting: () => boolean;
  /** Its OPEN is acceptable: another connection with the peer may have to go, or this one. */
  readonly opened: (connection: Connection, now: Instant) => void;
  readonly established: (connection: Connection, now: Instant) => void;
  readonly update: (received: ReceivedUpdate) => void;
  readonly refresh: (refresh: RouteRefresh) => void;
  /** It is over, for that reason. Called once. */
  readonly ended: (connection: Connection, failure: SessionFailure, now: Instant) => void;
}

export class Connection {
  readonly id: ConnectionId;
  readonly direction: Direction;
  readonly #options: BgpSessionOptions;
  readonly #host: ConnectionHost;
  readonly #framer = new Framer();
  #state: ConnectionState = 'connecting';
  #isBlocked = false;
  #local: Open | undefined;
  #remote: Open | undefined;
  #agreement: Agreement | undefined;
  #nextHops: NextHops = {};
  #localAddress: Ip | undefined;
  #holdAt: Instant | undefined;
  /** The hold timer has been late, and nothing was heard since. */
  #wasLate = false;
  #keepaliveAt: Instant | undefined;
  #sendHoldAt: Instant | undefined;

  constructor(
    identity: { readonly id: ConnectionId; readonly direction: Direction },
    options: BgpSessionOptions,
    host: ConnectionHost,
    now: Instant,
  ) {
    this.id = identity.id;
    this.direction = identity.direction;
    this.#options = options;
    this.#host = host;
    this.#holdAt = after(now, CONNECT_MS);
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** What both OPENs came to; undefined before the peer's. */
  get agreement(): Agreement | undefined {
    return this.#agreement;
  }

  get remoteOpen(): Open | undefined {
    return this.#remote;
  }

  get nextHops(): NextHops {
    return this.#nextHops;
  }

  get local(): Ip | undefined {
    return this.#localAddress;
  }

  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  deadline(): Instant | undefined {
    if (this.#state === 'over') return undefined;
    const times = [this.#holdAt, this.#keepaliveAt, this.#sendHoldAt].filter((at) => at !== undefined);
    return times.length === 0 ? undefined : (Math.min(...times) as Instant);
  }

  /** It stands. */
  opened(local: Ip, nextHops: NextHops, now: Instant): void {
    if (this.#state !== 'connecting') return;
    this.#localAddress = local;
    this.#nextHops = nextHops;
    this.#local = ownOpen(this.#options, { isRestarting: this.#host.isRestarting() });
    this.#state = 'open-sent';
    this.#host.counts.sent('open');
    this.write(encodeOpen(this.#local));
    this.#holdAt = after(now, openHoldSeconds(this.#options) * 1000);
  }

  receive(bytes: Uint8Array, now: Instant): void {
    if (this.#state === 'connecting') return;
    const { messages, fault } = this.#framer.push(bytes);
    for (const raw of messages) {
      if (this.isOver) return;
      const misplaced = MISPLACED[this.#state][raw.type];
      if (misplaced !== undefined) {
        this.#host.counts.received(misplaced);
        this.#unexpected(misplaced, now);
        return;
      }
      const decoded = decodeMessage(raw, this.#agreement ?? BEFORE_OPEN);
      if (decoded.ok) this.#take(decoded.value, now);
      else this.#refuse(decoded.error, now);
    }
    if (fault !== undefined) this.#refuse(fault, now);
  }

  timer(now: Instant): void {
    if (this.#holdAt !== undefined && now >= this.#holdAt) this.#holdExpired(this.#holdAt, now);
    if (this.isOver) return;
    if (this.#sendHoldAt !== undefined && now >= this.#sendHoldAt) {
      const reason = 'the router has taken nothing for so long that it counts as gone';
      const notification = { code: ERROR_SEND_HOLD_TIMER_EXPIRED, subcode: SUBCODE_UNSPECIFIC, data: NO_DATA };
      // What is written has nowhere to go: in order the connection would not close for as long as the router stands still.
      this.#endBy(notification, { cause: 'notification-sent', reason }, now, 'at-once');
    } else if (this.#keepaliveAt !== undefined && now >= this.#keepaliveAt) this.#sendKeepalive(now);
  }

  setBlocked(isBlocked: 'blocked' | 'drained', now: Instant): void {
    this.#isBlocked = isBlocked === 'blocked';
    const holdTimeSeconds = this.#agreement?.holdTimeSeconds;
    // RFC 9687 §4: without a hold time there is none for sending.
    if (!this.#isBlocked || holdTimeSeconds === 0) this.#sendHoldAt = undefined;
    else this.#sendHoldAt ??= after(now, Math.max(LEAST_SEND_HOLD_MS, 2000 * (holdTimeSeconds ?? 0)));
  }

  /** The socket is gone. */
  lost(reason: string | undefined, now: Instant): void {
    if (this.isOver) return;
    const wasConnecting = this.#state === 'connecting';
    const what = wasConnecting ? 'the router closed the connection at once' : 'the router closed the connection';
    this.#end({ cause: wasConnecting ? 'connect' : 'lost', reason: reason ?? what }, now);
  }

  /** Ends it with a NOTIFICATION, which is sent where the connection stands. */
  refuse(
    notification: Notification,
    reason: string,
    now: Instant,
    cause: SessionFailure['cause'] = 'notification-sent',
  ): void {
    if (this.isOver) return;
    if (this.#state === 'connecting') {
      this.drop({ cause, reason }, now);
      return;
    }
    this.#endBy(notification, { cause, reason }, now, 'in-order');
  }

  /** Ends it without a word. */
  drop(failure: SessionFailure, now: Instant, how: 'in-order' | 'at-once' = 'at-once'): void {
    if (this.isOver) return;
    this.#host.output({ kind: 'close', connection: this.id, how });
    this.#end(failure, now);
  }

  /** Any number of whole messages. */
  write(bytes: Uint8Array): void {
    this.#host.output({ kind: 'write', connection: this.id, bytes });
  }

  get isOver(): boolean {
    return this.#state === 'over';
  }

  #take(message: Message, now: Instant): void {
    this.#host.counts.received(message.kind);
    switch (message.kind) {
      case 'open':
        this.#takeOpen(message.open, now);
        return;
      case 'keepalive':
        this.#takeKeepalive(now);
        return;
      case 'update':
        this.#restartHold(now);
        this.#host.update(message.received);
        return;
      case 'route-refresh':
        this.#restartHold(now);
        this.#host.refresh(message.refresh);
        return;
      case 'notification':
        this.#takeNotification(message.notification, now);
        return;
      default:
        assertNever(message);
    }
  }

  #takeOpen(open: Open, now: Instant): void {
    const fault = openFault(open, this.#options);
    if (fault !== undefined) {
      this.#refuse(fault, now);
      return;
    }
    this.#remote = open;
    this.#agreement = agree(this.#local as Open, open, this.#options);
    if (this.#agreement.extendedMessages) this.#framer.allowExtendedMessages();
    this.#host.opened(this, now);
    if (this.isOver) return;
    this.#state = 'open-confirm';
    this.#sendKeepalive(now);
    this.#restartHold(now);
  }

  #takeKeepalive(now: Instant): void {
    this.#restartHold(now);
    if (this.#state !== 'open-confirm') return;
    this.#state = 'established';
    this.#host.established(this, now);
  }

  #takeNotification(notification: Notification, now: Instant): void {
    const reason = `the router says: ${describeNotification(notification)}`;
    this.drop({ cause: 'notification-received', notification, reason }, now, 'in-order');
  }

  /** RFC 6608 §4: the data is the type of the message. */
  #unexpected(kind: Message['kind'], now: Instant): void {
    const data = Uint8Array.of(TYPES[kind]);
    const subcode = UNEXPECTED[this.#state];
    this.#refuse(
      { code: ERROR_FINITE_STATE_MACHINE, subcode, data, reason: `${NAMES[kind]} in state ${this.#state}` },
      now,
    );
  }

  #refuse(fault: MessageFault, now: Instant): void {
    this.refuse(notificationOf(fault), `the router sent something wrong: ${fault.reason}`, now);
  }

  #holdExpired(dueAt: Instant, now: Instant): void {
    if (now - dueAt > LATE_MS && !this.#wasLate) {
      this.#wasLate = true;
      this.#holdAt = after(now, LATE_MS);
      return;
    }
    if (this.#state === 'connecting') {
      const reason = `the router did not answer within ${CONNECT_MS / 1000} s`;
      this.drop({ cause: 'connect', reason }, now);
      return;
    }
    const reason =
      this.#agreement === undefined
        ? `no OPEN came within ${openHoldSeconds(this.#options)} s`
        : `nothing was heard for the hold time of ${this.#agreement.holdTimeSeconds} s`;
    this.refuse({ code: ERROR_HOLD_TIMER_EXPIRED, subcode: SUBCODE_UNSPECIFIC, data: NO_DATA }, reason, now);
  }

  #sendKeepalive(now: Instant): void {
    this.#host.counts.sent('keepalive');
    this.write(encodeKeepalive());
    const intervalMs = this.#keepaliveMs();
    this.#keepaliveAt = intervalMs === undefined ? undefined : after(now, intervalMs * this.#host.jitter());
  }

  /** RFC 4271 §4.4: a third of the hold time, unless told otherwise; none without one. */
  #keepaliveMs(): number | undefined {
    const holdTimeMs = (this.#agreement?.holdTimeSeconds ?? 0) * 1000;
    if (holdTimeMs === 0) return undefined;
    const { keepaliveTimeMs } = this.#options;
    return Math.min(
      keepaliveTimeMs === undefined || keepaliveTimeMs === 0 ? holdTimeMs : keepaliveTimeMs,
      holdTimeMs / 3,
    );
  }

  #restartHold(now: Instant): void {
    this.#wasLate = false;
    const seconds = this.#agreement?.holdTimeSeconds ?? 0;
    this.#holdAt = seconds === 0 ? undefined : after(now, seconds * 1000);
  }

  #endBy(
    notification: Notification,
    failure: Omit<SessionFailure, 'notification'>,
    now: Instant,
    how: 'in-order' | 'at-once',
  ): void {
    this.#host.counts.sent('notification');
    this.write(encodeNotification(notification));
    this.#host.output({ kind: 'close', connection: this.id, how });
    this.#end({ ...failure, notification }, now);
  }

  #end(failure: SessionFailure, now: Instant): void {
    this.#state = 'over';
    this.#host.ended(this, failure, now);
  }
}

/** How long an OPEN is waited for. */
function openHoldSeconds({ holdTimeSeconds }: BgpSessionOptions): number {
  return holdTimeSeconds === 0 ? MOST_OPEN_HOLD_SECONDS : Math.min(holdTimeSeconds, MOST_OPEN_HOLD_SECONDS);
}

/** For messages without routes it does not matter, and others do not come this far before the OPENs. */
const BEFORE_OPEN: UpdateContext = { asnBytes: 2, peerKind: 'external', ipv4NextHops: 'ipv4' };

const UNEXPECTED: Readonly<Record<ConnectionState, number>> = {
  connecting: SUBCODE_UNSPECIFIC,
  'open-sent': FSM_UNEXPECTED_MESSAGE_IN_OPEN_SENT,
  'open-confirm': FSM_UNEXPECTED_MESSAGE_IN_OPEN_CONFIRM,
  established: FSM_UNEXPECTED_MESSAGE_IN_ESTABLISHED,
  over: SUBCODE_UNSPECIFIC,
};
/** What a peer may not say in a state, which is refused whatever is in it: by type, what it is. */
const MISPLACED: Readonly<Record<ConnectionState, Readonly<Record<number, Message['kind']>>>> = {
  connecting: {},
  'open-sent': {
    [MESSAGE_KEEPALIVE]: 'keepalive',
    [MESSAGE_UPDATE]: 'update',
    [MESSAGE_ROUTE_REFRESH]: 'route-refresh',
  },
  'open-confirm': { [MESSAGE_OPEN]: 'open', [MESSAGE_UPDATE]: 'update', [MESSAGE_ROUTE_REFRESH]: 'route-refresh' },
  established: { [MESSAGE_OPEN]: 'open' },
  over: {},
};
const TYPES: Readonly<Record<Message['kind'], number>> = {
  open: MESSAGE_OPEN,
  update: MESSAGE_UPDATE,
  notification: MESSAGE_NOTIFICATION,
  keepalive: MESSAGE_KEEPALIVE,
  'route-refresh': MESSAGE_ROUTE_REFRESH,
};
const NAMES: Readonly<Record<Message['kind'], string>> = {
  open: 'an OPEN',
  update: 'an UPDATE',
  notification: 'a NOTIFICATION',
  keepalive: 'a KEEPALIVE',
  'route-refresh': 'a ROUTE-REFRESH',
};
