/** A router at the other end of a connection: what it says in bytes, and what was said to it, decoded. */
import { IPV4_UNICAST } from '../../src/runtime/protocols/bgp/codec/family.ts';
import { encodeKeepalive } from '../../src/runtime/protocols/bgp/codec/header.ts';
import { decodeMessage, type Message } from '../../src/runtime/protocols/bgp/codec/message.ts';
import { encodeOpen, type Open } from '../../src/runtime/protocols/bgp/codec/open.ts';
import { Framer } from '../../src/runtime/protocols/bgp/framer.ts';
import { ip } from './views.ts';

export const ROUTER_OPEN: Open = {
  myAs: 64513,
  holdTimeSeconds: 90,
  identifier: ip('192.0.2.1'),
  capabilities: [
    { kind: 'multiprotocol', family: IPV4_UNICAST },
    { kind: 'four-octet-as', asn: 64513 },
  ],
};

export const RESTARTING_OPEN: Open = {
  ...ROUTER_OPEN,
  capabilities: [
    ...ROUTER_OPEN.capabilities,
    { kind: 'graceful-restart', restarting: false, notification: false, restartTimeSeconds: 120, families: [] },
  ],
};

/** Its OPEN and the KEEPALIVE that answers ours: the session is established by them. */
export function greeting(open: Open = ROUTER_OPEN): readonly Uint8Array[] {
  return [encodeOpen(open), encodeKeepalive()];
}

/** All messages in what was written, in order; what is no message is an error of the test. */
export function messagesIn(written: readonly Uint8Array[]): readonly Message[] {
  const framer = new Framer();
  framer.allowExtendedMessages();
  return written.flatMap((bytes) => {
    const { messages, fault } = framer.push(bytes);
    if (fault !== undefined) throw new Error(fault.reason);
    return messages.map((raw) => {
      const decoded = decodeMessage(raw, { asnBytes: 4, peerKind: 'external', ipv4NextHops: 'ipv4' });
      if (!decoded.ok) throw new Error(decoded.error.reason);
      return decoded.value;
    });
  });
}
