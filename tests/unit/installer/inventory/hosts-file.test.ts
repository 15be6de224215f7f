import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseHostsFile } from '../../../../src/installer/inventory/hosts-file.ts';
import { formatProblem, plainValue } from '../../../../src/installer/inventory/located.ts';

function variablesOf(text: string, host: string): Record<string, unknown> {
  const variables = parseHostsFile(text, 'hosts').value.hosts.get(host)?.variables ?? new Map();
  return Object.fromEntries([...variables].map(([name, value]) => [name, plainValue(value)]));
}

function groupVariables(text: string): Record<string, unknown> {
  const variables = parseHostsFile(text, 'hosts').value.groups.get('all')?.variables ?? new Map();
  return Object.fromEntries([...variables].map(([name, value]) => [name, plainValue(value)]));
}

test('groups, children, ranges and ungrouped hosts of a kubeasz inventory', () => {
  const text = `
jump
[kube_master]
10.6.204.1
[kube_node]
10.6.204.[2:3]
[k8s:children]
kube_master
kube_node   # nodes
`;
  const { value, problems } = parseHostsFile(text, 'hosts');
  expect(problems).toEqual([]);
  expect([...value.hosts.keys()]).toEqual(['jump', '10.6.204.1', '10.6.204.2', '10.6.204.3']);
  expect(value.groups.get('ungrouped')?.hosts).toEqual(['jump']);
  expect(value.groups.get('kube_node')?.hosts).toEqual(['10.6.204.2', '10.6.204.3']);
  expect(value.groups.get('k8s')?.children).toEqual(['kube_master', 'kube_node']);
});

describe('variables of a host line', () => {
  const rows: readonly { name: string; given: string; want: Record<string, unknown> }[] = [
    { name: 'plain', given: 'a x=1 y=text z=yes', want: { x: 1, y: 'text', z: 'yes' } },
    {
      name: 'quoted with spaces',
      given: `a x="two words" y='it is # not'`,
      want: { x: 'two words', y: 'it is # not' },
    },
    { name: 'partly quoted', given: `a args='-o A=b'" -o C"`, want: { args: '-o A=b -o C' } },
    { name: 'a comment', given: 'a x=1 # y=2', want: { x: 1 } },
    { name: 'escapes', given: String.raw`a x=two\ words y="a\"b"`, want: { x: 'two words', y: 'a"b' } },
    { name: 'a port', given: 'a:2222', want: { ansible_port: 2222 } },
    { name: 'booleans and nothing', given: 'a x=True y=false z=None', want: { x: true, y: false, z: null } },
    { name: 'a list', given: `a x="['b', 'c']"`, want: { x: ['b', 'c'] } },
    { name: 'leading zeros stay text', given: 'a x=007', want: { x: '007' } },
  ];
  test.each(rows)('$name', ({ given, want }) => {
    expect(variablesOf(given, 'a')).toEqual(want);
  });
});

describe('variables of [all:vars]', () => {
  const rows: readonly { name: string; given: string; want: Record<string, unknown> }[] = [
    { name: 'spaces around =', given: 'x = a b', want: { x: 'a b' } },
    { name: 'quotes go, a comment behind them too', given: 'x="a b" # why', want: { x: 'a b' } },
    { name: 'a # belongs to an unquoted value', given: 'x=a # b', want: { x: 'a # b' } },
    { name: 'an equals sign in the value', given: 'x=-o A=b', want: { x: '-o A=b' } },
    { name: 'empty', given: 'x=', want: { x: '' } },
  ];
  test.each(rows)('$name', ({ given, want }) => {
    expect(groupVariables(`[all:vars]\n${given}\n`)).toEqual(want);
  });
});

describe('faulty lines', () => {
  const rows: readonly { name: string; given: string; want: string[] }[] = [
    {
      name: 'an unknown kind of section',
      given: '[all:varz]\nx=1',
      want: ['hosts:1: [all:varz] is no kind of section: write [all], [all:children] or [all:vars]'],
    },
    {
      name: 'a broken header',
      given: '[kube node]\nx',
      want: ['hosts:1: "[kube node]" is not a section header: write [group], [group:children] or [group:vars]'],
    },
    {
      name: 'a variable without =',
      given: '[all:vars]\nlonely',
      want: ['hosts:2: "lonely" in [all:vars] is not key=value'],
    },
    { name: 'a word behind a host', given: '[g]\na b', want: ['hosts:2: "b" behind the host a is not key=value'] },
    { name: 'an open quote', given: '[g]\na x="b', want: ['hosts:2: a " is opened and not closed'] },
    {
      name: 'an unknown child',
      given: '[g:children]\nh',
      want: ['hosts:2: [g:children] names the group "h", which no section declares'],
    },
    {
      name: 'a group inside itself',
      given: '[a:children]\nb\n[b:children]\na',
      want: ['hosts:4: the groups contain each other: a > b > a'],
    },
    {
      name: 'variables of nobody',
      given: '[ghost:vars]\nx=1',
      want: ['hosts:1: [ghost:vars] names the group "ghost", which no section declares'],
    },
  ];
  test.each(rows)('$name', ({ given, want }) => {
    expect(parseHostsFile(given, 'hosts').problems.map(formatProblem)).toEqual(want);
  });

  test('the rest of the file is still read', () => {
    const { value, problems } = parseHostsFile('[a]\nx y\n[b:oops]\nq\n[kube_node]\nn1', 'hosts');
    expect(problems).toHaveLength(2);
    expect(value.groups.get('kube_node')?.hosts).toEqual(['n1']);
  });
});

test('whatever the text, it is read without throwing and every problem has a line of it', () => {
  const piece = fc.constantFrom(
    '[',
    ']',
    ':',
    'vars',
    'children',
    'kube_node',
    '=',
    ' ',
    '\n',
    '#',
    '"',
    "'",
    '\\',
    'a',
    '1',
    '{',
    '\r\n',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const text = pieces.join('');
      const lines = text.split('\n').length;
      for (const { at } of parseHostsFile(text, 'hosts').problems) {
        expect(at.line).toBeGreaterThanOrEqual(1);
        expect(at.line).toBeLessThanOrEqual(lines);
      }
    }),
    { numRuns: 2000 },
  );
});
