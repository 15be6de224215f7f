/**
 * OPEN: the first message of each side.
 *
 *      0         1         3           5                9                10
 *     ┌─────────┬─────────┬───────────┬────────────────┬────────────────┬───────────────────── … ─┐
 *     │ version │ my AS   │ hold time │ BGP identifier │ length of the  │ optional parameters     │
 *     │ 4       │         │ seconds   │                │ parameters     │ type · length · value … │
 *     └─────────┴─────────┴───────────┴────────────────┴────────────────┴───────────────────── … ─┘
 *                            with RFC 9072:  length 255 · type 255 · two octets of length, and two for each parameter
 *
 * Read here is what can be judged without knowing who the peer should be; whether the AS is the wanted one, and whether
 * the identifier is not ours, is for the session.
 *
 * Implements: RFC 4271 §4.2, §6.2, RFC 5492 §4, RFC 9072 §2, RFC 6286 §2.1, RFC 6793 §4.1, §9, RFC 7607 §2
 */
import { type Ip, ipBytes } from '../../../model/ip.ts';
import type { Result } from '../../../model/result.ts';
import { type ByteReader, ByteWriter } from '../../bytes.ts';
import { type Ipv4Bits, ipv4FromBits } from '../../ip/ipv4.ts';
import {
  AS_TRANS,
  ERROR_OPEN_MESSAGE,
  MESSAGE_OPEN,
  OPEN_BAD_BGP_IDENTIFIER,
  OPEN_BAD_PEER_AS,
  OPEN_UNACCEPTABLE_HOLD_TIME,
  OPEN_UNSUPPORTED_OPTIONAL_PARAMETER,
  OPEN_UNSUPPORTED_VERSION_NUMBER,
  PARAMETER_CAPABILITIES,
  PARAMETER_EXTENDED_LENGTH,
  SUBCODE_UNSPECIFIC,
} from '../iana.ts';
import { type Capability, encodeCapabilities, type GracefulRestart, readCapabilities } from './capabilities.ts';
import { type Family, IPV4_UNICAST, isSameFamily } from './family.ts';
import { type MessageFault, raise, readingMessage } from './fault.ts';
import { encodeMessage } from './header.ts';

export const BGP_VERSION = 4;

const PARAMETERS_LENGTH_AT = 9;

export interface Open {
  /** The field of two octets: AS_TRANS for a number that needs four. `openAsn` has the real one. */
  readonly myAs: number;
  /** 0: no keepalives and no hold timer; else at least 3. */
  readonly holdTimeSeconds: number;
  /** An IPv4 address in form only: any number but 0, RFC 6286. */
  readonly identifier: Ip;
  /** In their order, of all parameters. */
  readonly capabilities: readonly Capability[];
}

/** What goes into the field of two octets for an AS number, RFC 6793 §4.1. */
export function twoOctetAs(asn: number): number {
  return asn > 0xffff ? AS_TRANS : asn;
}

/** The AS number of who sent it: that of the 4-octet capability where there is one. */
export function openAsn(open: Open): number {
  return lastOf(open, 'four-octet-as')?.asn ?? open.myAs;
}

export function has(open: Open, kind: Exclude<Capability['kind'], 'other'>): boolean {
  return open.capabilities.some((capability) => capability.kind === kind);
}

/** The families announced. RFC 4760 §8: without any such capability it is IPv4 unicast alone. */
export function openFamilies(open: Open): readonly Family[] {
  const families: Family[] = [];
  for (const capability of open.capabilities) {
    if (capability.kind !== 'multiprotocol') continue;
    if (!families.some((family) => isSameFamily(family, capability.family))) families.push(capability.family);
  }
  return families.length > 0 ? families : [IPV4_UNICAST];
}

/** RFC 4724 §3: of several the last counts. */
export function openGracefulRestart(open: Open): GracefulRestart | undefined {
  return lastOf(open, 'graceful-restart');
}

/** Whether routes of the family may have a next hop of the other, RFC 8950 §4. */
export function allowsNextHop(open: Open, family: Family, nextHopAfi: number): boolean {
  return open.capabilities.some(
    (capability) =>
      capability.kind === 'extended-next-hop' &&
      capability.rows.some((row) => isSameFamily(row.family, family) && row.nextHopAfi === nextHopAfi),
  );
}

function lastOf<Kind extends Capability['kind']>(open: Open, kind: Kind) {
  return open.capabilities.findLast(
    (capability): capability is Extract<Capability, { kind: Kind }> => capability.kind === kind,
  );
}

/** Decodes the body of a message of type OPEN. */
export function decodeOpen(body: Uint8Array): Result<Open, MessageFault> {
  return readingMessage('OPEN', body, { code: ERROR_OPEN_MESSAGE, subcode: SUBCODE_UNSPECIFIC }, (reader) => {
    const version = reader.u8();
    if (version !== BGP_VERSION) {
      // RFC 4271 §6.2: the data is the largest version spoken that is less, or else the smallest spoken: 4 either way.
      const supported = Uint8Array.of(0, BGP_VERSION);
      raise(ERROR_OPEN_MESSAGE, OPEN_UNSUPPORTED_VERSION_NUMBER, `version ${version}, not ${BGP_VERSION}`, supported);
    }
    const myAs = reader.u16();
    if (myAs === 0) raise(ERROR_OPEN_MESSAGE, OPEN_BAD_PEER_AS, 'AS number 0');
    const holdTimeSeconds = reader.u16();
    if (holdTimeSeconds === 1 || holdTimeSeconds === 2) {
      raise(
        ERROR_OPEN_MESSAGE,
        OPEN_UNACCEPTABLE_HOLD_TIME,
        `a hold time of ${holdTimeSeconds} s, not 0 or at least 3`,
      );
    }
    const identifier = ipv4FromBits(reader.u32() as Ipv4Bits);
    if (identifier === '0.0.0.0') raise(ERROR_OPEN_MESSAGE, OPEN_BAD_BGP_IDENTIFIER, 'the BGP identifier is 0.0.0.0');
    const open = { myAs, holdTimeSeconds, identifier, capabilities: readParameters(reader, isExtendedLength(body)) };
    // RFC 7607 §2: AS number 0 is nobody's, in the capability neither.
    if (openAsn(open) === 0) raise(ERROR_OPEN_MESSAGE, OPEN_BAD_PEER_AS, 'AS number 0 in the 4-octet AS capability');
    return open;
  });
}

function readParameters(reader: ByteReader, isExtended: boolean): Capability[] {
  let lengthBytes = reader.u8();
  if (isExtended) {
    reader.skip(1);
    lengthBytes = reader.u16();
  }
  if (lengthBytes !== reader.remaining) {
    const reason = `optional parameters of ${lengthBytes} bytes, where ${reader.remaining} follow`;
    raise(ERROR_OPEN_MESSAGE, SUBCODE_UNSPECIFIC, reason);
  }
  const capabilities: Capability[] = [];
  while (reader.remaining > 0) {
    const type = reader.u8();
    const value = reader.sub(isExtended ? reader.u16() : reader.u8());
    if (type !== PARAMETER_CAPABILITIES) {
      raise(ERROR_OPEN_MESSAGE, OPEN_UNSUPPORTED_OPTIONAL_PARAMETER, `optional parameter ${type}`);
    }
    capabilities.push(...readCapabilities(value));
  }
  return capabilities;
}

/** RFC 9072 §2: told by a first parameter type of 255; the length before it is not to be looked at, but for 0. */
function isExtendedLength(body: Uint8Array): boolean {
  return body[PARAMETERS_LENGTH_AT] !== 0 && body[PARAMETERS_LENGTH_AT + 1] === PARAMETER_EXTENDED_LENGTH;
}

/** A whole message: all capabilities in one parameter, in the extended form only where it has to be. */
export function encodeOpen({ myAs, holdTimeSeconds, identifier, capabilities }: Open): Uint8Array {
  const value = encodeCapabilities(capabilities);
  const writer = new ByteWriter(64).u8(BGP_VERSION).u16(myAs).u16(holdTimeSeconds).bytes(ipBytes(identifier));
  if (value.length === 0) writer.u8(0);
  else if (value.length + 2 <= 0xff) {
    writer
      .u8(value.length + 2)
      .u8(PARAMETER_CAPABILITIES)
      .u8(value.length)
      .bytes(value);
  } else {
    writer
      .u8(0xff)
      .u8(PARAMETER_EXTENDED_LENGTH)
      .u16(value.length + 3);
    writer.u8(PARAMETER_CAPABILITIES).u16(value.length).bytes(value);
  }
  return encodeMessage(MESSAGE_OPEN, writer.finish());
}
