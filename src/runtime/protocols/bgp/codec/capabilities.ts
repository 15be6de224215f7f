/**
 * Capabilities: what a speaker says in its OPEN that it can do.
 *
 *      0      1        2
 *     ┌──────┬────────┬─────────── … ─┐
 *     │ code │ length │ value         │
 *     └──────┴────────┴─────────── … ─┘
 *
 * Those that are not known here keep their bytes. One that is known and whose length its RFC rules out makes the OPEN
 * malformed, with no subcode to say so (RFC 4271 §6.2: "Unspecific").
 *
 * Implements: RFC 5492 §4, RFC 4760 §8, RFC 2918 §2, RFC 8950 §4, RFC 8654 §3, RFC 4724 §3, RFC 8538 §2, RFC 6793 §3,
 * RFC 7313 §3.1
 */
import { type ByteReader, ByteWriter } from '../../bytes.ts';
import {
  CAPABILITY_ENHANCED_ROUTE_REFRESH,
  CAPABILITY_EXTENDED_MESSAGE,
  CAPABILITY_EXTENDED_NEXT_HOP_ENCODING,
  CAPABILITY_FOUR_OCTET_AS_NUMBER,
  CAPABILITY_GRACEFUL_RESTART,
  CAPABILITY_MULTIPROTOCOL_EXTENSIONS,
  CAPABILITY_ROUTE_REFRESH,
  ERROR_OPEN_MESSAGE,
  SUBCODE_UNSPECIFIC,
} from '../iana.ts';
import type { Family } from './family.ts';
import { raise } from './fault.ts';

export type Capability =
  | { readonly kind: 'multiprotocol'; readonly family: Family }
  | { readonly kind: 'route-refresh' }
  | { readonly kind: 'extended-next-hop'; readonly rows: readonly ExtendedNextHop[] }
  | { readonly kind: 'extended-message' }
  | GracefulRestart
  | { readonly kind: 'four-octet-as'; readonly asn: number }
  | { readonly kind: 'enhanced-route-refresh' }
  | { readonly kind: 'other'; readonly code: number; readonly value: Uint8Array };

/** Routes of `family` may have a next hop whose address family is `nextHopAfi`. */
export interface ExtendedNextHop {
  readonly family: Family;
  readonly nextHopAfi: number;
}

export interface GracefulRestart {
  readonly kind: 'graceful-restart';
  /** The R bit: the speaker has just restarted and does not wait for our End-of-RIB. */
  readonly restarting: boolean;
  /** The N bit, RFC 8538: NOTIFICATION messages and an expired hold timer restart gracefully as well. */
  readonly notification: boolean;
  /** Seconds within which the speaker means to be back, 0 … 4095. */
  readonly restartTimeSeconds: number;
  /** Families whose routes are to be kept. None: it only marks its End-of-RIB. */
  readonly families: readonly { readonly family: Family; readonly forwardingPreserved: boolean }[];
}

const FLAG_RESTARTING = 0x8000;
const FLAG_NOTIFICATION = 0x4000;
const MAX_RESTART_TIME_SECONDS = 0x0fff;
const FLAG_FORWARDING_PRESERVED = 0x80;

/** All capabilities in one parameter's value. Duplicates are kept, in their order. */
export function readCapabilities(reader: ByteReader): Capability[] {
  const capabilities: Capability[] = [];
  while (reader.remaining > 0) {
    const code = reader.u8();
    const length = reader.u8();
    capabilities.push(readCapability(code, reader.sub(length)));
  }
  return capabilities;
}

function readCapability(code: number, value: ByteReader): Capability {
  switch (code) {
    case CAPABILITY_MULTIPROTOCOL_EXTENSIONS:
      wantLength(value, 4, code);
      return { kind: 'multiprotocol', family: readSpacedFamily(value) };
    case CAPABILITY_ROUTE_REFRESH:
      wantLength(value, 0, code);
      return { kind: 'route-refresh' };
    case CAPABILITY_EXTENDED_NEXT_HOP_ENCODING:
      return { kind: 'extended-next-hop', rows: readExtendedNextHops(value) };
    case CAPABILITY_EXTENDED_MESSAGE:
      wantLength(value, 0, code);
      return { kind: 'extended-message' };
    case CAPABILITY_GRACEFUL_RESTART:
      return readGracefulRestart(value);
    case CAPABILITY_FOUR_OCTET_AS_NUMBER:
      wantLength(value, 4, code);
      return { kind: 'four-octet-as', asn: value.u32() };
    case CAPABILITY_ENHANCED_ROUTE_REFRESH:
      wantLength(value, 0, code);
      return { kind: 'enhanced-route-refresh' };
    default:
      return { kind: 'other', code, value: value.bytes(value.remaining) };
  }
}

/** AFI, a reserved octet, SAFI. */
function readSpacedFamily(reader: ByteReader): Family {
  const afi = reader.u16();
  reader.skip(1);
  return { afi, safi: reader.u8() };
}

/** Rows of AFI, SAFI in two octets, AFI of the next hop. */
function readExtendedNextHops(value: ByteReader): ExtendedNextHop[] {
  if (value.remaining % 6 !== 0) refuseLength(value, 'a multiple of 6', CAPABILITY_EXTENDED_NEXT_HOP_ENCODING);
  const rows: ExtendedNextHop[] = [];
  while (value.remaining > 0) {
    rows.push({ family: { afi: value.u16(), safi: value.u16() }, nextHopAfi: value.u16() });
  }
  return rows;
}

/** Flags and restart time in two octets, then rows of AFI, SAFI and flags. */
function readGracefulRestart(value: ByteReader): GracefulRestart {
  if (value.remaining < 2 || (value.remaining - 2) % 4 !== 0) {
    refuseLength(value, '2 and a multiple of 4', CAPABILITY_GRACEFUL_RESTART);
  }
  const bits = value.u16();
  const families: { family: Family; forwardingPreserved: boolean }[] = [];
  while (value.remaining > 0) {
    const family = { afi: value.u16(), safi: value.u8() };
    families.push({ family, forwardingPreserved: (value.u8() & FLAG_FORWARDING_PRESERVED) !== 0 });
  }
  return {
    kind: 'graceful-restart',
    restarting: (bits & FLAG_RESTARTING) !== 0,
    notification: (bits & FLAG_NOTIFICATION) !== 0,
    restartTimeSeconds: bits & MAX_RESTART_TIME_SECONDS,
    families,
  };
}

function wantLength(value: ByteReader, bytes: number, code: number): void {
  if (value.remaining !== bytes) refuseLength(value, `${bytes}`, code);
}

function refuseLength(value: ByteReader, wanted: string, code: number): never {
  raise(
    ERROR_OPEN_MESSAGE,
    SUBCODE_UNSPECIFIC,
    `capability ${code} has a value of ${value.remaining} bytes, not ${wanted}`,
  );
}

/** The capabilities, one behind the other. A value that does not fit its length octet is a bug and throws. */
export function encodeCapabilities(capabilities: readonly Capability[]): Uint8Array {
  const writer = new ByteWriter(64);
  for (const capability of capabilities) {
    const { code, value } = codeAndValue(capability);
    writer.u8(code).u8(value.length).bytes(value);
  }
  return writer.finish();
}

function codeAndValue(capability: Capability): { readonly code: number; readonly value: Uint8Array } {
  const writer = new ByteWriter(16);
  switch (capability.kind) {
    case 'multiprotocol':
      writer.u16(capability.family.afi).u8(0).u8(capability.family.safi);
      return { code: CAPABILITY_MULTIPROTOCOL_EXTENSIONS, value: writer.finish() };
    case 'route-refresh':
      return { code: CAPABILITY_ROUTE_REFRESH, value: writer.finish() };
    case 'extended-next-hop':
      for (const { family, nextHopAfi } of capability.rows) writer.u16(family.afi).u16(family.safi).u16(nextHopAfi);
      return { code: CAPABILITY_EXTENDED_NEXT_HOP_ENCODING, value: writer.finish() };
    case 'extended-message':
      return { code: CAPABILITY_EXTENDED_MESSAGE, value: writer.finish() };
    case 'graceful-restart':
      writeGracefulRestart(writer, capability);
      return { code: CAPABILITY_GRACEFUL_RESTART, value: writer.finish() };
    case 'four-octet-as':
      return { code: CAPABILITY_FOUR_OCTET_AS_NUMBER, value: writer.u32(capability.asn).finish() };
    case 'enhanced-route-refresh':
      return { code: CAPABILITY_ENHANCED_ROUTE_REFRESH, value: writer.finish() };
    case 'other':
      return { code: capability.code, value: capability.value };
  }
}

function writeGracefulRestart(writer: ByteWriter, capability: GracefulRestart): void {
  const { restarting, notification, restartTimeSeconds, families } = capability;
  if (restartTimeSeconds > MAX_RESTART_TIME_SECONDS) throw new RangeError(`a restart time of ${restartTimeSeconds} s`);
  writer.u16(restartTimeSeconds + (restarting ? FLAG_RESTARTING : 0) + (notification ? FLAG_NOTIFICATION : 0));
  for (const { family, forwardingPreserved } of families) {
    writer
      .u16(family.afi)
      .u8(family.safi)
      .u8(forwardingPreserved ? FLAG_FORWARDING_PRESERVED : 0);
  }
}
