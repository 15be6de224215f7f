import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { LineReader } from '../../../../src/runtime/adapters/kube/json-lines.ts';

test('lines come out whole, however the bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(fc.json()), fc.array(fc.integer({ min: 1, max: 7 })), (documents, cuts) => {
      const lines: string[] = [];
      const reader = new LineReader((line) => lines.push(line));
      const bytes = Buffer.from(documents.map((document) => `${document}\n`).join(''));
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const size = cuts[i % Math.max(1, cuts.length)] ?? 1000;
        reader.push(bytes.subarray(at, at + size));
        at += size;
      }
      expect(lines).toEqual(documents);
    }),
  );
});

test('a line without end is refused instead of filling the memory', () => {
  const reader = new LineReader(() => undefined);
  const chunk = new Uint8Array(1024 * 1024).fill(120);
  expect(() => {
    for (let i = 0; i < 20; i++) reader.push(chunk);
  }).toThrow('exceeds');
});
