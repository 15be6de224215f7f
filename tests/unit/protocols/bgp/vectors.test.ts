/** Messages that other implementations made: what they say, and the same bytes again where we would write them so. */
import { describe, expect, test } from '@jest/globals';
import { describeNotification } from '../../../../src/runtime/protocols/bgp/codec/describe-notification.ts';
import { encodeUpdate } from '../../../../src/runtime/protocols/bgp/codec/encode-update.ts';
import { encodeKeepalive } from '../../../../src/runtime/protocols/bgp/codec/header.ts';
import { decodeMessage, type Message } from '../../../../src/runtime/protocols/bgp/codec/message.ts';
import { encodeNotification } from '../../../../src/runtime/protocols/bgp/codec/notification.ts';
import { encodeOpen } from '../../../../src/runtime/protocols/bgp/codec/open.ts';
import { encodeRouteRefresh } from '../../../../src/runtime/protocols/bgp/codec/route-refresh.ts';
import { endOfRib } from '../../../../src/runtime/protocols/bgp/codec/update.ts';
import { Framer } from '../../../../src/runtime/protocols/bgp/framer.ts';
import { hexOf } from '../../../support/bgp-bytes.ts';
import { type BgpVector, plainOf, readBgpVectors } from '../../../support/bgp-vectors.ts';

const vectors = readBgpVectors();

function read({ bytes, context }: BgpVector): Message {
  const { messages, fault } = new Framer().push(bytes);
  const [raw] = messages;
  if (raw === undefined || messages.length !== 1) throw new Error(fault?.reason ?? `${messages.length} messages`);
  const decoded = decodeMessage(raw, context);
  if (!decoded.ok) throw new Error(decoded.error.reason);
  return decoded.value;
}

function write(message: Message, { context }: BgpVector): Uint8Array {
  switch (message.kind) {
    case 'open':
      return encodeOpen(message.open);
    case 'update':
      return encodeUpdate(message.received.update, context.asnBytes);
    case 'notification':
      return encodeNotification(message.notification);
    case 'keepalive':
      return encodeKeepalive();
    case 'route-refresh': {
      const { family, subtype } = message.refresh;
      if (subtype === 'unknown') throw new Error('a subtype that we do not send');
      return encodeRouteRefresh(family, subtype);
    }
  }
}

describe(`${vectors.length} messages made by others`, () => {
  test.each(vectors)('$name: read', (vector) => {
    const message = read(vector);
    expect(plainOf(message)).toEqual(vector.value);
    if (message.kind === 'update') expect(endOfRib(message.received.update)).toEqual(vector.endOfRib);
    if (message.kind === 'notification') expect(describeNotification(message.notification)).toBe(vector.described);
  });

  test.each(vectors.filter(({ encoding }) => encoding === 'same'))('$name: written byte for byte', (vector) => {
    expect(hexOf(write(read(vector), vector))).toBe(hexOf(vector.bytes));
  });

  test.each(vectors.filter(({ encoding }) => encoding === 'differs'))(
    '$name: says the same when we write it',
    (vector) => {
      const again = write(read(vector), vector);
      expect(hexOf(again)).not.toBe(hexOf(vector.bytes));
      expect(plainOf(read({ ...vector, bytes: again }))).toEqual(vector.value);
    },
  );
});
