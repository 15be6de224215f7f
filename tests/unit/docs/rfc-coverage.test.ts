/** The tests that docs/rfc-coverage.md names are there. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';

const root = path.resolve(import.meta.dirname, '../../..');

interface Row {
  readonly rule: string;
  /** "file.test.ts: part of a name; part of another; other.test.ts: …" */
  readonly tests: string;
}

const rows: readonly Row[] = readFileSync(path.join(root, 'docs/rfc-coverage.md'), 'utf8')
  .split('\n')
  .filter((line) => /^\| (?!Section|-)/.test(line))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, section = '', rule = '', tests = '']) => ({ rule: `${section}: ${rule}`, tests }));

/** Names of tests, groups and cases as they are written in the file. */
function titles(file: string): readonly string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/(?:(?:test|describe|\))\(\s*|name: )(['"`])(.*?)(?<!\\)\1/g)].map(
    ([, , title = '']) => title,
  );
}

test(`each of ${rows.length} rules names tests that are there`, () => {
  expect(rows.length).toBeGreaterThan(70);
  const missing = rows.flatMap(({ rule, tests }) => {
    let file = '';
    return tests.split('; ').flatMap((part) => {
      const [, named, rest] = /^(\S+\.test\.ts): (.*)$/.exec(part) ?? [];
      if (named !== undefined) file = path.join(root, 'tests', named);
      const name = rest ?? part;
      const isThere = name !== '' && existsSync(file) && titles(file).some((title) => title.includes(name));
      return isThere ? [] : [`${rule} → ${part}`];
    });
  });
  expect(missing).toEqual([]);
});
