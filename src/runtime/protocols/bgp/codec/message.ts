/**
 * Any message, by its type: what the session reads. The framer has seen to the header.
 * Implements: RFC 4271 §4
 */
import { err, ok, type Result } from '../../../model/result.ts';
import {
  MESSAGE_KEEPALIVE,
  MESSAGE_NOTIFICATION,
  MESSAGE_OPEN,
  MESSAGE_ROUTE_REFRESH,
  MESSAGE_UPDATE,
} from '../iana.ts';
import type { UpdateContext } from './attribute-rules.ts';
import type { MessageFault } from './fault.ts';
import { badType, type RawMessage } from './header.ts';
import { decodeNotification, type Notification } from './notification.ts';
import { decodeOpen, type Open } from './open.ts';
import { decodeRouteRefresh, type RouteRefresh } from './route-refresh.ts';
import { decodeUpdate, type ReceivedUpdate } from './update.ts';

export type Message =
  | { readonly kind: 'open'; readonly open: Open }
  | { readonly kind: 'update'; readonly received: ReceivedUpdate }
  | { readonly kind: 'notification'; readonly notification: Notification }
  | { readonly kind: 'keepalive' }
  | { readonly kind: 'route-refresh'; readonly refresh: RouteRefresh };

/** The context counts for an UPDATE alone, which cannot come before both OPENs have settled it. */
export function decodeMessage({ type, body }: RawMessage, context: UpdateContext): Result<Message, MessageFault> {
  switch (type) {
    case MESSAGE_OPEN:
      return mapped(decodeOpen(body), (open) => ({ kind: 'open', open }));
    case MESSAGE_UPDATE:
      return mapped(decodeUpdate(body, context), (received) => ({ kind: 'update', received }));
    case MESSAGE_NOTIFICATION:
      return mapped(decodeNotification(body), (notification) => ({ kind: 'notification', notification }));
    case MESSAGE_KEEPALIVE:
      return ok({ kind: 'keepalive' });
    case MESSAGE_ROUTE_REFRESH:
      return mapped(decodeRouteRefresh(body), (refresh) => ({ kind: 'route-refresh', refresh }));
    default:
      return err(badType(type));
  }
}

function mapped<T>(decoded: Result<T, MessageFault>, wrap: (value: T) => Message): Result<Message, MessageFault> {
  return decoded.ok ? ok(wrap(decoded.value)) : decoded;
}
