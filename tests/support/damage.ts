/** What happens to bytes that go wrong, for tests that throw much of it at a decoder. */

/** How many ways there are. */
export const DAMAGES = 4;

/**
 * The bytes, hurt at `at` (0 … their length) in one of the ways 0 … DAMAGES − 1: cut off, another byte, one bit turned, a
 * byte more. At their very end there is nothing to change: they stay as they are in the second way and the third.
 */
export function damaged(
  bytes: Uint8Array,
  { at, way }: { readonly at: number; readonly way: number },
  roll: (sides: number) => number,
): Uint8Array {
  switch (way) {
    case 0:
      return bytes.slice(0, at);
    case 1:
      return at < bytes.length ? bytes.with(at, roll(256)) : bytes;
    case 2:
      return at < bytes.length ? bytes.with(at, (bytes[at] ?? 0) ^ (1 << roll(8))) : bytes;
    default:
      return Uint8Array.from([...bytes.subarray(0, at), roll(256), ...bytes.subarray(at)]);
  }
}
