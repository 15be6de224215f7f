/**
 * One BGP session whose router is a script: the test says what happens on the connections and what the router sends, in
 * bytes, and reads what the session did, in lines:
 *
 *     dial 1 · write 1: keepalive · close 1 in-order · changed idle → connect · failed lost: … · advertised 3
 *
 * Inputs and outputs go through structuredClone, so that nothing else than plain data may be among them.
 */
import type { AdvertisedRoute } from '../../src/runtime/model/bgp-plan.ts';
import { instant } from '../../src/runtime/model/time.ts';
import type { UpdateContext } from '../../src/runtime/protocols/bgp/codec/attribute-rules.ts';
import type { Capability } from '../../src/runtime/protocols/bgp/codec/capabilities.ts';
import { type Family, formatFamily, IPV4_UNICAST, IPV6_UNICAST } from '../../src/runtime/protocols/bgp/codec/family.ts';
import { encodeKeepalive } from '../../src/runtime/protocols/bgp/codec/header.ts';
import { decodeMessage, type Message } from '../../src/runtime/protocols/bgp/codec/message.ts';
import { encodeOpen, type Open } from '../../src/runtime/protocols/bgp/codec/open.ts';
import { endOfRib, reachability } from '../../src/runtime/protocols/bgp/codec/update.ts';
import { Framer } from '../../src/runtime/protocols/bgp/framer.ts';
import type {
  BgpInput,
  BgpOutput,
  BgpSessionOptions,
  ConnectionId,
  NextHops,
} from '../../src/runtime/protocols/bgp/interface.ts';
import { BgpSession } from '../../src/runtime/protocols/bgp/session.ts';
import { hexOf, prefix } from './bgp-bytes.ts';
import { ROUTER_OPEN } from './bgp-peer.ts';
import { ip } from './views.ts';

export const OWN_ADDRESS = ip('192.0.2.10');
export const NEXT_HOPS: NextHops = { ipv4: OWN_ADDRESS };

/** A node of AS 64512 with a lower identifier than the router's. */
export function sessionOptions(more: Partial<BgpSessionOptions> = {}): BgpSessionOptions {
  return {
    localAsn: 64512,
    peerAsn: 64513,
    identifier: OWN_IDENTIFIER,
    holdTimeSeconds: 90,
    connectTimeSeconds: 10,
    families: [IPV4_UNICAST, IPV6_UNICAST],
    transport: 'ipv4',
    role: 'active',
    seed: 1,
    ...more,
  };
}

const OWN_IDENTIFIER = ip('10.0.0.1');

export function openWith(...capabilities: readonly Capability[]): Open {
  return { ...ROUTER_OPEN, capabilities: [...ROUTER_OPEN.capabilities, ...capabilities] };
}

export const SPEAKS_IPV6: Capability = { kind: 'multiprotocol', family: IPV6_UNICAST };

export function restarts(notification: boolean, families: readonly Family[] = [IPV4_UNICAST]): Capability {
  return {
    kind: 'graceful-restart',
    restarting: false,
    notification,
    restartTimeSeconds: 120,
    families: families.map((family) => ({ family, forwardingPreserved: true })),
  };
}

export function route(text: string, more: Partial<AdvertisedRoute> = {}): AdvertisedRoute {
  return { prefix: prefix(text), communities: [], ...more };
}

/** So many routes of one /32 each, from 10.0.0.0 on. */
export function manyRoutes(count: number, more: Partial<AdvertisedRoute> = {}): readonly AdvertisedRoute[] {
  return Array.from({ length: count }, (_, index) =>
    route(`10.${index >>> 16}.${(index >>> 8) & 255}.${index & 255}/32`, more),
  );
}

export class BgpScript {
  now: number;
  readonly session: BgpSession;
  readonly options: BgpSessionOptions;
  /** How what the session writes is to be read. */
  readonly context: UpdateContext;
  #dialled: ConnectionId = 0;

  constructor(options: Partial<BgpSessionOptions> = {}, context: Partial<UpdateContext> = {}, now = 0) {
    this.options = sessionOptions(options);
    this.context = { asnBytes: 4, peerKind: 'external', ipv4NextHops: 'ipv4', ...context };
    this.now = now;
    this.session = new BgpSession(this.options, instant(now));
  }

  get state(): string {
    return this.session.snapshot().state;
  }

  /** The connection that was dialled last. */
  get dialled(): ConnectionId {
    return this.#dialled;
  }

  tell(input: BgpInput): readonly BgpOutput[] {
    const outputs = structuredClone(this.session.handle(structuredClone(input), instant(this.now)));
    JSON.stringify(outputs);
    for (const output of outputs) if (output.kind === 'dial') this.#dialled = output.connection;
    return outputs;
  }

  /** What it does, in lines. */
  told(input: BgpInput): readonly string[] {
    return this.lines(this.tell(input));
  }

  lines(outputs: readonly BgpOutput[]): readonly string[] {
    return outputs.flatMap((output) => this.#linesOf(output));
  }

  start(): readonly string[] {
    return this.told({ kind: 'start' });
  }

  /** The connection stands that was dialled last. */
  connected(nextHops: NextHops = NEXT_HOPS): readonly string[] {
    return this.told({ kind: 'connected', connection: this.#dialled, local: OWN_ADDRESS, nextHops });
  }

  /** The router connects; the first line is of the OPEN. */
  accepted(): { readonly connection: ConnectionId; readonly lines: readonly string[] } {
    const connection = this.session.nextConnection();
    const lines = this.told({ kind: 'accepted', connection, local: OWN_ADDRESS, nextHops: NEXT_HOPS });
    return { connection, lines };
  }

  says(connection: ConnectionId, ...messages: readonly Uint8Array[]): readonly string[] {
    return messages.flatMap((bytes) => this.told({ kind: 'received', connection, bytes }));
  }

  /** Up to the state, on a connection dialled now. */
  reach(state: 'connect' | 'open-sent' | 'open-confirm' | 'established', open: Open = ROUTER_OPEN): ConnectionId {
    this.start();
    if (state !== 'connect') this.connected();
    if (state === 'open-confirm' || state === 'established') this.says(this.#dialled, encodeOpen(open));
    if (state === 'established') this.says(this.#dialled, encodeKeepalive());
    if (this.state !== state) throw new Error(`${this.state}, not ${state}`);
    return this.#dialled;
  }

  /** Time goes by; timers run when they are due. Each line with its time. */
  pass(milliseconds: number): readonly string[] {
    const until = this.now + milliseconds;
    const lines: string[] = [];
    for (let rounds = 0; ; rounds++) {
      if (rounds > 100_000) throw new Error('its timer never rests');
      const due = this.session.deadline() ?? Infinity;
      if (due > until) break;
      this.now = Math.max(this.now, due);
      lines.push(...this.told({ kind: 'timer' }).map((line) => `${Math.round(this.now)} ${line}`));
    }
    this.now = until;
    return lines;
  }

  /** All of its routes at once, until nothing is due. */
  routes(generation: number, routes: readonly AdvertisedRoute[]): readonly string[] {
    return [...this.told({ kind: 'routes', generation, routes }), ...this.settle()];
  }

  /** What is due now. */
  settle(): readonly string[] {
    return this.pass(0).map((line) => line.slice(line.indexOf(' ') + 1));
  }

  messages(bytes: Uint8Array): readonly Message[] {
    const framer = new Framer();
    framer.allowExtendedMessages();
    const { messages, fault } = framer.push(bytes);
    if (fault !== undefined || framer.heldBytes > 0) throw new Error(fault?.reason ?? 'a message is cut off');
    return messages.map((raw) => {
      const decoded = decodeMessage(raw, this.context);
      if (!decoded.ok) throw new Error(decoded.error.reason);
      return decoded.value;
    });
  }

  #linesOf(output: BgpOutput): readonly string[] {
    switch (output.kind) {
      case 'dial':
        return [`dial ${output.connection}`];
      case 'write':
        return this.messages(output.bytes).map((message) => `write ${output.connection}: ${inWords(message)}`);
      case 'close':
        return [`close ${output.connection} ${output.how}`];
      case 'changed':
        return [`changed ${output.from} → ${output.to}`];
      case 'failed':
        return [`failed ${output.failure.cause}: ${output.failure.reason}`];
      case 'faulty-update':
        return [`faulty: ${output.reason}`];
      case 'advertised':
        return [`advertised ${output.generation}`];
    }
  }
}

/** "update -10.0.0.1/32 +10.0.0.2/32", "end of ipv4 unicast", "notification 6/2 00", "route-refresh begin ipv4 unicast" */
export function inWords(message: Message): string {
  switch (message.kind) {
    case 'open':
    case 'keepalive':
      return message.kind;
    case 'notification': {
      const { code, subcode, data } = message.notification;
      return `notification ${code}/${subcode}${data.length === 0 ? '' : ` ${hexOf(data)}`}`;
    }
    case 'route-refresh':
      return `route-refresh ${message.refresh.subtype} ${formatFamily(message.refresh.family)}`;
    case 'update': {
      const { received } = message;
      if (received.faults.length > 0) throw new Error(received.faults[0]?.fault.reason);
      const ended = endOfRib(received.update);
      if (ended !== undefined) return `end of ${formatFamily(ended)}`;
      const { withdrawn, announced } = reachability(received);
      const gone = withdrawn.flatMap(({ prefixes }) => prefixes.map((text) => `-${text}`));
      const there = announced.flatMap(({ prefixes }) => prefixes.map((text) => `+${text}`));
      return `update ${[...gone, ...there].join(' ')}`;
    }
  }
}
