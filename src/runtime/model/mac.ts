/** Ethernet addresses as values: a branded, lower-case, colon-separated string, six bytes in a frame. */
import { err, ok, type Result } from './result.ts';

declare const macBrand: unique symbol;
/** A MAC address in canonical text form: "02:00:5e:10:00:01". */
export type Mac = string & { readonly [macBrand]: true };

export const BROADCAST_MAC = 'ff:ff:ff:ff:ff:ff' as Mac;
export const ZERO_MAC = '00:00:00:00:00:00' as Mac;

export function parseMac(text: string): Result<Mac> {
  if (!/^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/.test(text)) return err(`"${text}" is not a MAC address`);
  return ok(text.toLowerCase() as Mac);
}

/** The address's six bytes, in the order they travel. */
export function macBytes(mac: Mac): Uint8Array {
  return Uint8Array.from(mac.split(':'), (byte) => Number.parseInt(byte, 16));
}

/** The address in exactly six bytes; any other length is a bug of the caller. */
export function macFromBytes(bytes: Uint8Array): Mac {
  if (bytes.length !== 6) throw new Error(`a MAC address has 6 bytes, not ${bytes.length}`);
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':') as Mac;
}

/** Whether the address names one station: not a group (the I/G bit, lowest of the first byte) and not all zeros. */
export function isStationMac(mac: Mac): boolean {
  return mac !== ZERO_MAC && (Number.parseInt(mac.charAt(1), 16) & 1) === 0;
}
