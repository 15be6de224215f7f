import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parse } from 'yaml';
import { renderTemplate, TemplateError } from '../../../../src/installer/render/template.ts';

function faultOf(template: string, context: object): [number, string] {
  try {
    renderTemplate(template, context);
  } catch (error) {
    if (error instanceof TemplateError) return [error.line, error.message];
    throw error;
  }
  throw new Error('it was filled without complaint');
}

test('every line that comes out knows the line it came from', () => {
  const template =
    'a: 1\n{{#each xs}}\n# c\n- {{yaml this}}\n{{/each}}\n{{#if no}}\nhidden\n{{else}}\nshown\n{{/if}}\nend: {{yaml z}}\n';
  const { text, templateLines } = renderTemplate(template, { xs: [1, 2], no: false, z: 'q' });
  const lines = text.split('\n').map((line, index) => [templateLines[index], line]);
  expect(lines).toEqual([
    [1, 'a: 1'],
    [3, '# c'],
    [4, '- 1'],
    [3, '# c'],
    [4, '- 2'],
    [9, 'shown'],
    [11, 'end: "q"'],
    [12, ''],
  ]);
});

test('plain YAML comes out as it went in', () => {
  const text = 'a:\n  - b # {single}\n\nc: "d"\n';
  expect(renderTemplate(text, {}).text).toBe(text);
});

describe('faulty templates', () => {
  const rows: readonly { name: string; given: string; want: [number, string] }[] = [
    {
      name: 'an unknown name as an argument',
      given: 'a: 1\nb: {{yaml nam}}\n',
      want: [2, '{{yaml nam}} names a value that there is not'],
    },
    {
      name: 'an unknown name alone',
      given: 'a: 1\n\nb: {{nam}}\n',
      want: [3, '{{nam}} names a value that there is not'],
    },
    {
      name: 'an unknown list',
      given: '{{#each pols}}\nx\n{{/each}}\n',
      want: [1, '{{#each pols}} names a value that there is not'],
    },
    {
      name: 'an unknown condition',
      given: 'a\n{{#if x}}b{{/if}}',
      want: [2, '{{#if x}} names a value that there is not'],
    },
    {
      name: 'never closed',
      given: 'a\n{{#if name}}\nb\n',
      want: [4, "the template's {{…}} are not well formed: a {{#…}} is opened and never closed by its {{/…}}"],
    },
    { name: 'closed by another', given: 'a\n{{#if name}}\nb\n{{/each}}\n', want: [2, "if doesn't match each"] },
    {
      name: 'braces left open',
      given: 'a: {{yaml name\nb: 1\n',
      want: [2, "the template's {{…}} are not well formed: a {{ is opened and never closed by }}"],
    },
    { name: 'an unknown helper', given: 'a: {{jinja name}}\n', want: [1, '{{jinja}} names a value that there is not'] },
  ];
  test.each(rows)('$name', ({ given, want }) => {
    expect(faultOf(given, { name: 'x' })).toEqual(want);
  });
});

test('no value can become structure', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (value) => {
      const { text } = renderTemplate('a: {{yaml value}}\nb: 1\n', { value });
      expect(parse(text)).toEqual({ a: value, b: 1 });
    }),
    { numRuns: 1000 },
  );
});
