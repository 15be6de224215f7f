import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseConfigFile } from '../../../../src/installer/inventory/config-file.ts';
import { parseInventory } from '../../../../src/installer/inventory/inventory.ts';
import { formatPosition, formatProblem, plainValue } from '../../../../src/installer/inventory/located.ts';

function parse(hosts: string, config: string, extraVars: Record<string, string> = {}) {
  return parseInventory({
    directory: '/inv',
    hosts: { label: 'inv/hosts', text: hosts },
    config: { label: 'inv/config.yml', text: config },
    extraVars,
  });
}

describe('the stronger place wins', () => {
  const hosts = '[all:vars]\nmetallb_log_level=warn\n';
  const rows: readonly { name: string; config: string; extra: Record<string, string>; want: [string, string] }[] = [
    { name: 'hosts alone', config: '', extra: {}, want: ['warn', 'inv/hosts:2'] },
    {
      name: 'config.yml over hosts',
      config: '\nmetallb_log_level: error',
      extra: {},
      want: ['error', 'inv/config.yml:2'],
    },
    {
      name: '-e over both',
      config: 'metallb_log_level: error',
      extra: { metallb_log_level: 'debug' },
      want: ['debug', '-e'],
    },
  ];
  test.each(rows)('$name', ({ config, extra, want }) => {
    const value = parse(hosts, config, extra).inventory.variables.get('metallb_log_level');
    if (value === undefined) throw new Error('the variable is lost');
    expect([plainValue(value), formatPosition(value.at)]).toEqual(want);
  });
});

test('nodes are the hosts of kube_master and kube_node, also through children; own variables beat the groups’', () => {
  const text = `
[etcd]
10.0.0.9
[kube_master]
10.0.0.1 ansible_user=own
[rack]
10.0.0.2
[kube_node:children]
rack
[all:vars]
ansible_user=all
[kube_node:vars]
ansible_user=outer
[rack:vars]
ansible_user=inner
`;
  const { nodes } = parse(text, '').inventory;
  const users = nodes.map(({ name, variables }) => {
    const user = variables.get('ansible_user');
    return [name, user === undefined ? undefined : plainValue(user)];
  });
  expect(users).toEqual([
    ['10.0.0.1', 'own'],
    ['10.0.0.2', 'inner'],
  ]);
});

test('an addon variable of one host or group is refused, once a line', () => {
  const { problems } = parse('[kube_node]\nn[1:3] metallb_ver=v1\n[kube_node:vars]\nmetallb_vip_pool=x\n', '');
  expect(problems.map(formatProblem)).toEqual([
    'inv/hosts:2: metallb_ver is set for the host n1 alone, but the addon is one for the whole cluster: move it to [all:vars] or to config.yml',
    'inv/hosts:4: metallb_vip_pool is set for the group kube_node alone, but the addon is one for the whole cluster: move it to [all:vars] or to config.yml',
  ]);
});

describe('config.yml', () => {
  test('every nested value has its own line', () => {
    const { variables } = parseConfigFile('# c\npools:\n  - name: a\n    addresses:\n      - x\n', 'c');
    const pools = variables.get('pools');
    if (pools?.kind !== 'list' || pools.items[0]?.kind !== 'map') throw new Error('not a list of maps');
    expect(pools.at.line).toBe(2);
    const addresses = pools.items[0].entries.get('addresses');
    if (addresses?.kind !== 'list') throw new Error('not a list');
    expect(addresses.items[0]?.at.line).toBe(5);
  });

  const rows: readonly { name: string; given: string; want: string[] }[] = [
    { name: 'empty', given: '# nothing\n', want: [] },
    { name: 'a list', given: '- a\n', want: ['c:1: the file must be a map of variables: name: value'] },
    { name: 'a name twice', given: 'a: 1\na: 2\n', want: ['c:2: Map keys must be unique'] },
    {
      name: 'an open bracket',
      given: 'a: 1\nb: [1\n',
      want: ['c:3: Flow sequence in block collection must be sufficiently indented and end with a ]'],
    },
    {
      name: 'an anchor that contains itself',
      given: 'a: &a [*a]\n',
      want: ['c:1: nested more than 20 levels deep (does an anchor contain itself?)'],
    },
  ];
  test.each(rows)('$name', ({ given, want }) => {
    expect(parseConfigFile(given, 'c').problems.map(formatProblem)).toEqual(want);
  });

  test.each(['? [a]\n: 1\nb: 2\n', '? {a: 1}\n: 1\nb: 2\n', 'x: &x 1\n? *x\n: 1\nb: 2\n', '? *x\n: 1\nb: 2\n'])(
    'names that are no text are passed over: %j',
    (text) => {
      expect(() => parseConfigFile(text, 'config.yml')).not.toThrow();
    },
  );

  test('no text makes it throw', () => {
    const piece = fc.constantFrom(
      'a',
      ': ',
      '- ',
      '\n',
      '  ',
      '[',
      ']',
      '{',
      '}',
      '&x ',
      '*x',
      '"',
      "'",
      '#',
      '|',
      '!!int ',
      '<<',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 25 }), (pieces) => {
        expect(() => parseConfigFile(pieces.join(''), 'c')).not.toThrow();
      }),
      { numRuns: 2000 },
    );
  });
});
