import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  formatSpeakerGateways,
  formatSpeakerInterfaces,
  parseSpeaker,
  parseSpeakerAddresses,
  parseSpeakerGateways,
  parseSpeakerPort,
} from '../../../src/runtime/decide/speaker-facts.ts';
import { range } from '../../support/views.ts';

describe('a speaker’s interfaces, told and read', () => {
  test('what is told is what is read; interfaces that do not run are told as down', () => {
    const text = formatSpeakerInterfaces([
      { name: 'eth1', index: 3, running: false, addresses: ['192.168.0.2/24'] },
      { name: 'eth0', index: 2, running: true, addresses: ['10.6.204.2/24', '10.6.1.2/16'] },
    ]);
    expect(text).toBe(
      '[{"name":"eth0","subnets":["10.6.1.2/16","10.6.204.2/24"]},{"name":"eth1","subnets":["192.168.0.2/24"],"down":true}]',
    );
    expect(parseSpeaker('node1', text)).toEqual({
      nodeName: 'node1',
      interfaces: [
        { name: 'eth0', subnets: [range('10.6.0.0/16'), range('10.6.204.0/24')] },
        { name: 'eth1', subnets: [range('192.168.0.0/24')], down: true },
      ],
    });
  });

  test('the order in which the kernel lists them does not matter', () => {
    const a = { name: 'a', index: 1, running: true, addresses: ['10.0.0.1/8'] };
    const b = { name: 'b', index: 2, running: true, addresses: ['10.0.0.1/8'] };
    expect(formatSpeakerInterfaces([a, b])).toBe(formatSpeakerInterfaces([b, a]));
  });

  test.each([
    { name: 'absent', given: undefined },
    { name: 'not JSON', given: '{' },
    { name: 'not a list', given: '{"name":"eth0"}' },
    { name: 'entries of other shapes', given: '[1,null,{"name":"","subnets":[]},{"name":"eth0"}]' },
  ])('$name: no interfaces', ({ given }) => {
    expect(parseSpeaker('n', given).interfaces).toEqual([]);
  });

  test('a malformed subnet harms no other', () => {
    const given = '[{"name":"eth0","subnets":["x",7,"10.0.0.1/8"]}]';
    expect(parseSpeaker('n', given).interfaces).toEqual([{ name: 'eth0', subnets: [range('10.0.0.0/8')] }]);
  });

  test('the addresses themselves', () => {
    const given = '[{"name":"eth0","subnets":["10.6.204.2/24","x",7,"fd00::2/64"]},{"subnets":1},null,{}]';
    expect(parseSpeakerAddresses(given)).toEqual(['10.6.204.2', 'fd00::2']);
  });

  test('any annotation at all is read without a throw', () => {
    fc.assert(
      fc.property(fc.json(), (text) =>
        [parseSpeaker('n', text).interfaces, parseSpeakerAddresses(text), parseSpeakerGateways(text)].every(
          Array.isArray,
        ),
      ),
    );
  });
});

describe('a speaker’s gateways, told and read', () => {
  test('what is told is what is read', () => {
    const text = formatSpeakerGateways(['10.6.204.254', 'fd00::1']);
    expect(text).toBe('["10.6.204.254","fd00::1"]');
    expect(parseSpeakerGateways(text)).toEqual(['10.6.204.254', 'fd00::1']);
  });

  test.each([undefined, '', '{', '{}', '"10.6.204.254"', '[7,null,"x","10.6.204.0/24"]'])('%s: none', (given) => {
    expect(parseSpeakerGateways(given)).toEqual([]);
  });
});

test.each([
  { given: '7946', want: 7946 },
  { given: undefined, want: undefined },
  { given: '', want: undefined },
  { given: '0', want: undefined },
  { given: '65536', want: undefined },
  { given: '79x', want: undefined },
])('a speaker’s port $given is $want', ({ given, want }) => {
  expect(parseSpeakerPort(given)).toBe(want);
});
