/** How many messages of each kind a session has sent and received since it began, over all of its connections. */
import type { BgpMessageCounts } from '../../model/bgp-session.ts';
import type { Message } from './codec/message.ts';

type Kind = Message['kind'];

export class MessageCounts {
  readonly #sent: Record<Kind, number> = none();
  readonly #received: Record<Kind, number> = none();

  sent(kind: Kind, count = 1): void {
    this.#sent[kind] += count;
  }

  received(kind: Kind): void {
    this.#received[kind] += 1;
  }

  list(): BgpMessageCounts {
    return {
      opensSent: this.#sent.open,
      opensReceived: this.#received.open,
      notificationsSent: this.#sent.notification,
      notificationsReceived: this.#received.notification,
      updatesSent: this.#sent.update,
      updatesReceived: this.#received.update,
      keepalivesSent: this.#sent.keepalive,
      keepalivesReceived: this.#received.keepalive,
      routeRefreshesSent: this.#sent['route-refresh'],
      routeRefreshesReceived: this.#received['route-refresh'],
    };
  }
}

function none(): Record<Kind, number> {
  return { open: 0, update: 0, notification: 0, keepalive: 0, 'route-refresh': 0 };
}
