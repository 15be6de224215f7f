/** Faults, as far as they are text: what nft is given, and what ip, nft and /proc say of them. */
import { describe, expect, test } from '@jest/globals';
import { SandboxError } from '../../../src/sandbox/errors.ts';
import { formatLoss, parseLosses } from '../../../src/sandbox/frame-loss.ts';
import { parsePorts } from '../../../src/sandbox/network.ts';
import { runs } from '../../../src/sandbox/node-processes.ts';
import { formatParting, parsePartings } from '../../../src/sandbox/partition.ts';

describe('loss of frames', () => {
  test('in both directions: at the host’s port, on the way in and on the way out, replacing what was there', () => {
    expect(formatLoss('node1', 5, 'both').split('\n')).toEqual([
      'table bridge loss-node1 {',
      '}',
      'delete table bridge loss-node1',
      'table bridge loss-node1 {',
      '  chain from {',
      '    type filter hook prerouting priority 0',
      '    iifname "port-node1" numgen random mod 100000 <= 4999 counter drop comment "5 % of what is sent from node1"',
      '  }',
      '  chain to {',
      '    type filter hook postrouting priority 0',
      '    oifname "port-node1" numgen random mod 100000 <= 4999 counter drop comment "5 % of what is sent to node1"',
      '  }',
      '}',
      '',
    ]);
  });

  const shares = [
    { name: 'all', given: 100, want: '<= 99999 ' },
    { name: 'a fraction', given: 0.5, want: '<= 499 ' },
    { name: 'the smallest', given: 0.001, want: '<= 0 ' },
  ];
  test.each(shares)('$name', ({ given, want }) => {
    const ruleset = formatLoss('node1', given, 'to');
    expect(ruleset).toContain(want);
    expect(ruleset).not.toContain('prerouting');
  });

  test.each([101, -1, 0.0001, Number.NaN])('refused: %d %%', (percent) => {
    expect(() => formatLoss('node1', percent, 'both')).toThrow(SandboxError);
  });

  test('is read back, by host, other tables left out', () => {
    const rule = (table: string, comment: string) => ({ rule: { family: 'bridge', table, chain: 'from', comment } });
    const nftables = [
      { metainfo: { version: '1.0.6' } },
      { table: { family: 'bridge', name: 'loss-node1' } },
      rule('loss-node1', '5 % of what is sent from node1'),
      rule('loss-node1', '5 % of what is sent to node1'),
      rule('loss-client', '1 % of what is sent to client'),
      rule('mine', 'nothing of ours'),
      { rule: { family: 'inet', table: 'loss-node2', chain: 'from', comment: 'nor this' } },
    ];
    expect([...parseLosses(JSON.stringify({ nftables }))]).toEqual([
      ['node1', '5 % of what is sent from node1 is lost, and 5 % of what is sent to node1 is lost'],
      ['client', '1 % of what is sent to client is lost'],
    ]);
  });
});

describe('two hosts parted', () => {
  test('in both directions, by a table of the pair’s own, whichever is named first', () => {
    const lines = formatParting('node2', 'node1').split('\n');
    expect(lines).toContain('table bridge parted-node1--node2 {');
    expect(lines).toContain('    iifname "port-node1" oifname "port-node2" counter drop');
    expect(lines).toContain('    iifname "port-node2" oifname "port-node1" counter drop');
    expect(formatParting('node1', 'node2')).toBe(formatParting('node2', 'node1'));
  });

  test('is read back, other tables left out', () => {
    const table = (name: string, family = 'bridge') => ({ table: { family, name } });
    const nftables = [
      { metainfo: {} },
      table('parted-master--node1'),
      table('loss-node1'),
      table('parted-a--b', 'inet'),
    ];
    expect(parsePartings(JSON.stringify({ nftables }))).toEqual([['master', 'node1']]);
  });
});

test('ports of the switch: plugged, off the bridge, down', () => {
  const links = [
    { ifname: 'lo', flags: ['LOOPBACK'] },
    { ifname: 'lan', flags: ['BROADCAST', 'UP'] },
    { ifname: 'port-master', flags: ['BROADCAST', 'UP', 'LOWER_UP'], master: 'lan' },
    { ifname: 'port-node1', flags: ['BROADCAST', 'UP', 'LOWER_UP'] },
    { ifname: 'port-node2', flags: ['BROADCAST'], master: 'lan' },
  ];
  expect([...parsePorts(JSON.stringify(links))]).toEqual([
    ['master', 'plugged'],
    ['node1', 'unplugged'],
    ['node2', 'no-carrier'],
  ]);
});

describe('a program, by its command line', () => {
  const rows = [
    {
      name: 'a script',
      given: ['/usr/bin/node', '--max-old-space-size=64', '/app/speaker.js', '--port=7472', ''],
      want: true,
    },
    { name: 'a binary', given: ['/speaker', '--port=7472', ''], want: true },
    { name: 'another', given: ['/usr/bin/node', '/app/controller.js', ''], want: false },
    { name: 'a name that only begins alike', given: ['/app/speaker-worker.js'], want: false },
    { name: 'a folder of the name', given: ['/speaker/main.js'], want: false },
    { name: 'a process without a command line', given: [''], want: false },
  ];
  test.each(rows)('$name', ({ given, want }) => {
    expect(runs(given, 'speaker')).toBe(want);
  });
});
