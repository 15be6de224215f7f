/**
 * ROUTE-REFRESH: asks for all routes of a family once more, and marks where they begin and end.
 *
 *      0         2         3      4
 *     ┌─────────┬─────────┬──────┐
 *     │ AFI     │ subtype │ SAFI │     0 request · 1 begin (BoRR) · 2 end (EoRR)
 *     └─────────┴─────────┴──────┘
 *
 * Implements: RFC 2918 §3, RFC 7313 §3.2, §4, §5
 */
import { err, ok, type Result } from '../../../model/result.ts';
import {
  ERROR_ROUTE_REFRESH_MESSAGE,
  MESSAGE_ROUTE_REFRESH,
  REFRESH_BEGIN,
  REFRESH_END,
  REFRESH_REQUEST,
  ROUTE_REFRESH_INVALID_MESSAGE_LENGTH,
} from '../iana.ts';
import type { Family } from './family.ts';
import type { MessageFault } from './fault.ts';
import { badLength, encodeMessage, HEADER_BYTES } from './header.ts';

export interface RouteRefresh {
  readonly family: Family;
  /** 'unknown': a subtype that must be ignored, RFC 7313 §5. */
  readonly subtype: 'request' | 'begin' | 'end' | 'unknown';
}

const SUBTYPES: Readonly<Record<number, RouteRefresh['subtype']>> = {
  [REFRESH_REQUEST]: 'request',
  [REFRESH_BEGIN]: 'begin',
  [REFRESH_END]: 'end',
};

const BODY_BYTES = 4;

/** Decodes the body of a message of type ROUTE-REFRESH. */
export function decodeRouteRefresh(body: Uint8Array): Result<RouteRefresh, MessageFault> {
  const subtype = SUBTYPES[body[2] ?? REFRESH_REQUEST] ?? 'unknown';
  if (body.length !== BODY_BYTES && subtype !== 'unknown') return err(lengthFault(body, subtype));
  if (body.length < BODY_BYTES) return err(lengthFault(body, 'request'));
  const family = { afi: ((body[0] as number) << 8) | (body[1] as number), safi: body[3] as number };
  return ok({ family, subtype });
}

/**
 * RFC 7313 §5 has a NOTIFICATION of its own for the marks, which holds the whole message. A request is of RFC 2918, which
 * has none: it is a message of a wrong length. Longer ones bear filters (RFC 5291), which are never announced here.
 */
function lengthFault(body: Uint8Array, subtype: RouteRefresh['subtype']): MessageFault {
  const reason = `a ROUTE-REFRESH (${subtype}) of ${body.length} bytes behind its header, not ${BODY_BYTES}`;
  if (subtype === 'request') return badLength(HEADER_BYTES + body.length, reason);
  const data = encodeMessage(MESSAGE_ROUTE_REFRESH, body);
  return { code: ERROR_ROUTE_REFRESH_MESSAGE, subcode: ROUTE_REFRESH_INVALID_MESSAGE_LENGTH, data, reason };
}

/** A whole message. */
export function encodeRouteRefresh(family: Family, subtype: 'request' | 'begin' | 'end'): Uint8Array {
  const number = subtype === 'request' ? REFRESH_REQUEST : subtype === 'begin' ? REFRESH_BEGIN : REFRESH_END;
  return encodeMessage(MESSAGE_ROUTE_REFRESH, Uint8Array.of(family.afi >>> 8, family.afi & 0xff, number, family.safi));
}
