/** Tar headers against one that GNU tar 1.34 wrote, and the names that do not fit. */
import { describe, expect, test } from '@jest/globals';
import { encodeTarHeader } from '../../../image/tar.ts';

const field = (header: Uint8Array, at: number, length: number) =>
  Buffer.from(header.subarray(at, at + length)).toString('latin1');

describe('encodeTarHeader', () => {
  // Provenance: GNU tar 1.34, `printf hello > a.txt; tar --format=ustar --owner=0 --group=0 --numeric-owner --mtime=@0
  // --mode=0644 -c a.txt | head -c 512 | xxd`. The checksum is over the whole header, so it speaks for all other fields.
  test('a file, as GNU tar writes it', () => {
    const header = encodeTarHeader({ path: 'a.txt', kind: 'file', mode: 0o644, size: 5 });
    expect(header).toHaveLength(512);
    expect(field(header, 0, 6)).toBe('a.txt\0');
    expect(field(header, 100, 48)).toBe('0000644\x000000000\x000000000\x0000000000005\x0000000000000\0');
    expect(field(header, 148, 9)).toBe('010161\0 0');
    expect(field(header, 257, 8)).toBe('ustar\x0000');
  });

  test.each([
    { name: 'a folder', given: { path: 'tmp/', kind: 'folder', mode: 0o1777, size: 0 }, want: ['0001777', '5', ''] },
    {
      name: 'a link',
      given: { path: 'a', kind: 'link', mode: 0o777, size: 0, target: 'b' },
      want: ['0000777', '2', 'b'],
    },
  ] as const)('$name', ({ given, want }) => {
    const header = encodeTarHeader(given);
    const [mode, type, target] = want;
    expect(field(header, 100, 7)).toBe(mode);
    expect(field(header, 156, 1)).toBe(type);
    expect(field(header, 157, 100).replaceAll('\0', '')).toBe(target);
  });

  test.each([
    { name: 'a name of 101 bytes', given: { path: 'x'.repeat(101), kind: 'file', mode: 0o644, size: 0 } },
    {
      name: 'a target of 101 bytes',
      given: { path: 'x', kind: 'link', mode: 0o777, size: 0, target: 'x'.repeat(101) },
    },
    { name: 'a file of 8 GiB', given: { path: 'x', kind: 'file', mode: 0o644, size: 8 ** 11 } },
  ] as const)('$name is refused', ({ given }) => {
    expect(() => encodeTarHeader(given)).toThrow(RangeError);
  });
});
