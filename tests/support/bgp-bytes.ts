/** Bytes of BGP messages for tests: written as hex in labelled groups, with lengths counted here. */
import { type IpPrefix, parseIpPrefix } from '../../src/runtime/model/ip-prefix.ts';
import { bytesFromHex } from './arp-vectors.ts';

export const MARKER = 'ff'.repeat(16);

/** A whole message around its body. */
export function message(type: number, bodyHex: string): Uint8Array {
  const body = bytesFromHex(bodyHex);
  return bytesFromHex(`${MARKER} ${hex16(19 + body.length)} ${hex8(type)} ${hexOf(body)}`);
}

/** The body of an UPDATE. */
export function updateBody(parts: { withdrawn?: string; attributes?: string; nlri?: string }): Uint8Array {
  const [withdrawn, attributes] = [bytesFromHex(parts.withdrawn ?? ''), bytesFromHex(parts.attributes ?? '')];
  return bytesFromHex(
    [hex16(withdrawn.length), hexOf(withdrawn), hex16(attributes.length), hexOf(attributes), parts.nlri ?? ''].join(
      ' ',
    ),
  );
}

/** One path attribute with a length of one octet. */
export function attribute(flags: number, type: number, valueHex: string): string {
  const value = bytesFromHex(valueHex);
  return `${hex8(flags)}${hex8(type)}${hex8(value.length)}${hexOf(value)}`;
}

/** The body of an OPEN with what comes behind the identifier. */
export function openBody(
  parametersHex: string,
  fields: { version?: string; as?: string; hold?: string; id?: string } = {},
) {
  const { version = '04', as = 'fde8', hold = '005a', id = 'c0000201' } = fields;
  return bytesFromHex(`${version} ${as} ${hold} ${id} ${parametersHex}`);
}

/** One optional parameter of capabilities, behind the length of all parameters. */
export function capabilitiesParameter(capabilitiesHex: string): string {
  const { length } = bytesFromHex(capabilitiesHex);
  return `${hex8(length + 2)} 02 ${hex8(length)} ${capabilitiesHex}`;
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

export function hex8(value: number): string {
  return value.toString(16).padStart(2, '0');
}

export function hex16(value: number): string {
  return value.toString(16).padStart(4, '0');
}

export function prefix(text: string): IpPrefix {
  const parsed = parseIpPrefix(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}
