/**
 * The Internet checksum: the one's complement of the one's complement sum of 16-bit words. A header or message whose
 * checksum field is right sums to 0xffff; the field is filled with the complement of the sum taken while it is zero.
 *
 * Implements: RFC 1071 §1.
 */

/** Sum of the bytes as big-endian 16-bit words, an odd last byte padded with zero; 0 … 0xffff. Adds to `start`. */
export function onesComplementSum(bytes: Uint8Array, start = 0): number {
  let sum = start;
  const even = bytes.length & ~1;
  // A packet of 64 KiB adds up to less than 2^31, so that the carries can be folded in at the end.
  for (let at = 0; at < even; at += 2) sum += ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
  if (even < bytes.length) sum += (bytes[even] as number) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

/** Fills the field at `at`, zero until now, given the sum of everything that the checksum covers. */
export function fillChecksum(bytes: Uint8Array, at: number, sum: number): void {
  const checksum = ~sum & 0xffff;
  bytes[at] = checksum >>> 8;
  bytes[at + 1] = checksum;
}
