/** The tables that map MetalLB's rules to tests name tests that there are. See docs/metallb-compatibility*.md. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';

const root = path.resolve(import.meta.dirname, '../../..');

/** What the documents call a test file; any other name is a path from the top, or one of tests/unit/metallb/. */
const ALIASES: Readonly<Record<string, string>> = {
  traps: 'tests/unit/metallb/traps.test.ts',
  real: 'tests/integration/metallb-behaviour.test.ts',
  'real-traps': 'tests/integration/traps.test.ts',
  'two-controllers': 'tests/integration/two-controllers.test.ts',
  'write-faults': 'tests/integration/controller-write-faults.test.ts',
  config: 'tests/integration/controller.test.ts',
  rules: 'tests/unit/decide/configuration/config-rules.test.ts',
  resources: 'tests/unit/decide/configuration/config-from-resources.test.ts',
  plan: 'tests/unit/decide/bgp/plan-bgp.test.ts',
  planning: 'tests/unit/programs/speaker/bgp/bgp-planning.test.ts',
  sessions: 'tests/unit/programs/speaker/bgp/bgp-speaker.test.ts',
  options: 'tests/unit/programs/speaker/bgp/session-options.test.ts',
  statuses: 'tests/unit/programs/speaker/bgp/bgp-service-statuses.test.ts',
  metrics: 'tests/unit/adapters/observe/bgp-metrics.test.ts',
  fields: 'tests/unit/decide/configuration/bgp-fields.test.ts',
  secrets: 'tests/integration/peer-secrets.test.ts',
  routers: 'tests/support/interop/features.ts',
  configmap: 'tests/unit/decide/configuration/config-from-configmap.test.ts',
};

interface Reference {
  readonly statement: string;
  readonly file: string;
  /** Part of a test's name. */
  readonly name: string;
}

/** The cells of each table's rows, heads and rules left out. */
function rows(document: string): readonly (readonly string[])[] {
  return readFileSync(path.join(root, 'docs', document), 'utf8')
    .split('\n')
    .filter((line) => /^\|(?! *(Statement|-))/.test(line))
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

/** "b3: one thing; another; traps: a third …, a fourth": file by file, and what is between the gaps. */
function references(document: string): readonly Reference[] {
  return rows(document).flatMap(([statement = '', tests = '']) => {
    let file = '';
    return tests.split('; ').flatMap((part) => {
      const [, alias, rest = part] = /^([a-z][\w./-]*?): (.*)$/.exec(part) ?? [];
      const known = alias === undefined ? undefined : fileOf(alias);
      if (known !== undefined) file = known;
      const names = (known === undefined ? part : rest).split('…').map((name) => name.trim());
      return names.filter((name) => name !== '').map((name) => ({ statement, file, name }));
    });
  });
}

function fileOf(alias: string): string | undefined {
  if (ALIASES[alias] !== undefined) return ALIASES[alias];
  if (alias.includes('/')) return alias;
  if (alias.endsWith('.test.ts')) return `tests/unit/decide/configuration/${alias}`;
  const found = readdirSync(import.meta.dirname).find((name) => name.startsWith(`${alias}-`));
  return found === undefined ? undefined : `tests/unit/metallb/${found}`;
}

const documents = readdirSync(path.join(root, 'docs')).filter((name) => name.startsWith('metallb-compatibility'));

describe.each(documents)('docs/%s', (document) => {
  const all = references(document);

  test('every statement has a test', () => {
    expect(all.length).toBeGreaterThan(30);
    expect(rows(document).filter(([, tests]) => tests === undefined || tests === '')).toEqual([]);
  });

  test('every test that is named is there', () => {
    expect(all.filter(({ file, name }) => !names(file, name))).toEqual([]);
  });
});

test('every test of a part and every trap is named', () => {
  const told = documents.flatMap(references);
  const files = readdirSync(import.meta.dirname).filter((name) => /^b\d+-/.test(name));
  for (const name of files) {
    const file = `tests/unit/metallb/${name}`;
    const untold = titles(file).filter(
      (title) =>
        /^B\.\d/.test(title) && !told.some((reference) => reference.file === file && title.includes(reference.name)),
    );
    expect({ file, untold }).toEqual({ file, untold: [] });
  }
});

function names(file: string, name: string): boolean {
  return titles(file).some((title) => title.includes(name));
}

/** Names of tests, groups and cases as they are written in the file. */
function titles(file: string): readonly string[] {
  const text = readFileSync(path.join(root, file), 'utf8');
  return [...text.matchAll(/(?:(?:test|describe|\))\(\s*|name: )(['`])(.*?)(?<!\\)\1/g)].map(([, , title = '']) =>
    title.replaceAll("\\'", "'"),
  );
}
