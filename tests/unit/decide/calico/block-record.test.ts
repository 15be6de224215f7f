import { describe, expect, test } from '@jest/globals';
import { recordedBlocks, recordOf } from '../../../../src/runtime/decide/calico/block-record.ts';
import { type IpPrefix, parseIpPrefix } from '../../../../src/runtime/model/ip-prefix.ts';

const RECORD = 'metallb.io/calico-blocks';
const COPY = 'projectcalico.org/metadata';

const prefixes = (...texts: readonly string[]): readonly IpPrefix[] =>
  texts.flatMap((text) => {
    const prefix = parseIpPrefix(text);
    return prefix.ok ? [prefix.value] : [];
  });

/** The annotations after a patch with these. */
const merged = (annotations: Record<string, string>, patch: Readonly<Record<string, string | null>>) =>
  Object.fromEntries(Object.entries({ ...annotations, ...patch }).filter(([, text]) => text !== null)) as Record<
    string,
    string
  >;

describe('the record of our blocks', () => {
  test.each([
    { name: 'none', given: {}, want: [] },
    { name: 'two', given: { [RECORD]: '10.0.0.0/24,fd00::/64' }, want: ['10.0.0.0/24', 'fd00::/64'] },
    { name: 'edited by hand', given: { [RECORD]: ' 10.0.0.7/24, what ,' }, want: ['10.0.0.0/24'] },
    {
      name: 'only in Calico’s copy',
      given: { [COPY]: JSON.stringify({ annotations: { [RECORD]: '10.0.0.0/24' } }) },
      want: ['10.0.0.0/24'],
    },
    {
      name: 'the object’s own word counts before the copy’s',
      given: { [RECORD]: '10.0.1.0/24', [COPY]: JSON.stringify({ annotations: { [RECORD]: '10.0.0.0/24' } }) },
      want: ['10.0.1.0/24'],
    },
    { name: 'a copy that is none', given: { [COPY]: '{"annot' }, want: [] },
    { name: 'a copy of another shape', given: { [COPY]: '{"annotations":["x"]}' }, want: [] },
  ])('read: $name', ({ given, want }) => {
    expect(recordedBlocks(given as Record<string, string>)).toEqual(want);
  });

  test('written beside Calico’s copy and into it, where there is one, and nothing else of the copy changes', () => {
    const copy = { creationTimestamp: '2026-01-01T00:00:00Z', annotations: { theirs: 'x' } };
    const annotations = { [COPY]: JSON.stringify(copy) };
    const written = merged(annotations, recordOf(prefixes('10.0.0.0/24'), annotations));
    expect(written[RECORD]).toBe('10.0.0.0/24');
    expect(JSON.parse(written[COPY] ?? '')).toEqual({
      ...copy,
      annotations: { theirs: 'x', [RECORD]: '10.0.0.0/24' },
    });
    const removed = merged(written, recordOf([], written));
    expect(removed[RECORD]).toBeUndefined();
    expect(JSON.parse(removed[COPY] ?? '')).toEqual(copy);
  });

  test('a copy without annotations gets none that are empty', () => {
    const annotations = { [COPY]: '{"creationTimestamp":null}' };
    const written = merged(annotations, recordOf(prefixes('10.0.0.0/24'), annotations));
    const removed = merged(written, recordOf([], written));
    expect(removed).toEqual(annotations);
  });

  test('without a copy none is made', () => {
    expect(recordOf(prefixes('10.0.0.0/24', 'fd00::/64'), {})).toEqual({ [RECORD]: '10.0.0.0/24,fd00::/64' });
    expect(recordOf([], {})).toEqual({ [RECORD]: null });
    expect(recordOf([], { [COPY]: 'odd' })).toEqual({ [RECORD]: null });
  });
});
