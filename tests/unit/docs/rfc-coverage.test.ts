/** docs/rfc-coverage.md names tests that are there, and says why where a rule has none. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';

const root = path.resolve(import.meta.dirname, '../../..');

/** In place of a test. */
const NO_TEST = '—';
/** How the reason for that begins: an oversight must not look like a decision. */
const REASONS = /^(not applicable|not followed|the kernel’s): \S.{10}/;

interface Row {
  readonly rule: string;
  /** "file.test.ts: part of a name; part of another; other.test.ts: …" */
  readonly tests: string;
  /** Where and why the rule is not kept as it is written; may be empty. */
  readonly deviation: string;
  readonly cells: number;
  /** Of its table's head. */
  readonly columns: number;
}

const rows = readRows(readFileSync(path.join(root, 'docs/rfc-coverage.md'), 'utf8'));

function readRows(text: string): readonly Row[] {
  let columns = 0;
  return text
    .split('\n')
    .filter((line) => line.startsWith('|') && !line.startsWith('| -'))
    .flatMap((line) => {
      const cells = line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim());
      const [section = '', rule = '', tests = '', deviation = ''] = cells;
      if (section !== 'Section')
        return [{ rule: `${section}: ${rule}`, tests, deviation, cells: cells.length, columns }];
      columns = cells.length;
      return [];
    });
}

/** Names of tests, groups and cases as they are written in the file; `wrong('…', …)` makes a case of a table. */
function titles(file: string): readonly string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/(?:(?:test|describe|wrong|\))\(\s*|name: )(['"`])(.*?)(?<!\\)\1/g)].map(
    ([, , title = '']) => title,
  );
}

/** What is wrong with a row; nothing: it is in order. */
function faultsOf({ rule, tests, deviation, cells, columns }: Row): readonly string[] {
  if (cells !== columns) return [`${rule} → ${cells} cells of ${columns}`];
  if (tests === NO_TEST) return REASONS.test(deviation) ? [] : [`${rule} → no test, and no reason: ${deviation}`];
  let file = '';
  return tests.split('; ').flatMap((part) => {
    const [, named, rest] = /^(\S+\.test\.ts): (.*)$/.exec(part) ?? [];
    if (named !== undefined) file = path.join(root, 'tests', named);
    const name = rest ?? part;
    const isThere = name !== '' && existsSync(file) && titles(file).some((title) => title.includes(name));
    return isThere ? [] : [`${rule} → ${part}`];
  });
}

test(`each of ${rows.length} rules names tests that are there, or says why it has none`, () => {
  expect(rows.length).toBeGreaterThan(140);
  expect(rows.flatMap(faultsOf)).toEqual([]);
});

test('rules without a test are few', () => {
  expect(rows.filter(({ tests }) => tests === NO_TEST).length).toBeLessThanOrEqual(14);
});

test('a row is refused that names a test that is not there, or none without a reason', () => {
  const head = '| Section | Rule | Test | Deviation, and why |\n| --- | --- | --- | --- |\n';
  const refused = [
    '| §1 | a rule | unit/docs/rfc-coverage.test.ts: no such test | |',
    '| §2 | a rule | unit/docs/no-such-file.test.ts: rules without a test are few | |',
    '| §3 | a rule | | not applicable: a reason in place of the dash |',
    '| §4 | a rule | — | |',
    '| §5 | a rule | — | because |',
    '| §6 | a rule | — | not followed: |',
    '| §7 | a rule | unit/docs/rfc-coverage.test.ts: rules without a test are few |',
  ];
  const good = '| §8 | a rule | unit/docs/rfc-coverage.test.ts: rules without a test are few | |';
  const faults = readRows(`${head}${[...refused, good].join('\n')}`).flatMap(faultsOf);
  expect(faults.map((fault) => fault.slice(0, 2))).toEqual(refused.map((line) => line.slice(2, 4)));
});
