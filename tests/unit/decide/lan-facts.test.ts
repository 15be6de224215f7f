import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  formatSpeakerConflicts,
  formatSpeakerMacs,
  MAX_TOLD_CONFLICTS,
  parseSpeakerConflicts,
  parseSpeakerMacs,
} from '../../../src/runtime/decide/lan-facts.ts';
import type { LanConflict } from '../../../src/runtime/model/conflict.ts';
import { ipFromValue } from '../../../src/runtime/model/ip.ts';
import { ip, mac } from '../../support/views.ts';

const conflict = (address: string, given: Partial<LanConflict> = {}): LanConflict => {
  return { ip: ip(address), mac: mac('52:54:00:00:00:99'), interface: 'eth0', sinceMs: 1000, node: 'n1', ...given };
};

describe('foreign hosts that hold addresses, told and read', () => {
  test('what is told is what is read, in the order of the addresses, by whom the Lease is of', () => {
    const text = formatSpeakerConflicts([
      conflict('fd00::1'),
      conflict('10.0.0.10'),
      conflict('10.0.0.9', { interface: 'eth1' }),
      conflict('10.0.0.9'),
    ]);
    expect(text).toContain('{"ip":"10.0.0.9","mac":"52:54:00:00:00:99","interface":"eth0","sinceMs":1000}');
    expect(parseSpeakerConflicts('n2', text)).toEqual([
      conflict('10.0.0.9', { node: 'n2' }),
      conflict('10.0.0.9', { interface: 'eth1', node: 'n2' }),
      conflict('10.0.0.10', { node: 'n2' }),
      conflict('fd00::1', { node: 'n2' }),
    ]);
  });

  test('more than an annotation holds are left out, those with the highest addresses', () => {
    const many = Array.from({ length: 5000 }, (_, i) => conflict(ipFromValue('ipv4', 0x0a00_0000n + BigInt(i))));
    const text = formatSpeakerConflicts(many.reverse());
    expect(text.length).toBeLessThan(128 * 1024);
    expect(parseSpeakerConflicts('n1', text)).toHaveLength(MAX_TOLD_CONFLICTS);
    expect(parseSpeakerConflicts('n1', JSON.stringify(many))).toHaveLength(MAX_TOLD_CONFLICTS);
  });

  test.each([
    ['nothing', undefined],
    ['an empty text', ''],
    ['no JSON', '['],
    ['no list', '{"ip":"10.0.0.9"}'],
    ['entries of other shapes', '[1,null,[],"x"]'],
    ['no address', '[{"ip":"10.0.0.300","mac":"52:54:00:00:00:99","interface":"eth0","sinceMs":1}]'],
    ['no MAC', '[{"ip":"10.0.0.9","mac":"52:54","interface":"eth0","sinceMs":1}]'],
    ['a group’s MAC', '[{"ip":"10.0.0.9","mac":"ff:ff:ff:ff:ff:ff","interface":"eth0","sinceMs":1}]'],
    ['no interface', '[{"ip":"10.0.0.9","mac":"52:54:00:00:00:99","interface":"","sinceMs":1}]'],
    ['no time', '[{"ip":"10.0.0.9","mac":"52:54:00:00:00:99","interface":"eth0","sinceMs":"1"}]'],
  ])('%s: none', (_, given) => {
    expect(parseSpeakerConflicts('n1', given)).toEqual([]);
  });

  test('a malformed entry harms no other, and nothing at all makes it throw', () => {
    const good = formatSpeakerConflicts([conflict('10.0.0.9')]);
    expect(parseSpeakerConflicts('n1', good.replace('[', '[7,'))).toEqual([conflict('10.0.0.9')]);
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) =>
        [parseSpeakerConflicts('n', text), parseSpeakerMacs(text)].every(Array.isArray),
      ),
    );
  });
});

describe('a node’s MACs, told and read', () => {
  test('those of all interfaces, running or not, each once; those without one have none', () => {
    const text = formatSpeakerMacs([
      { name: 'eth1', index: 3, running: false, mac: '02:00:00:00:00:02', addresses: [] },
      { name: 'eth0', index: 2, running: true, mac: '02:00:00:00:00:01', addresses: [] },
      { name: 'bond0', index: 4, running: true, mac: '02:00:00:00:00:01', addresses: [] },
      { name: 'wg0', index: 5, running: true, addresses: [] },
    ]);
    expect(text).toBe('["02:00:00:00:00:01","02:00:00:00:00:02"]');
    expect(parseSpeakerMacs(text)).toEqual(['02:00:00:00:00:01', '02:00:00:00:00:02']);
  });

  test.each([undefined, '', '{}', '[7,null,"x","00:00:00:00:00:00","33:33:00:00:00:01"]'])('%s: none', (given) => {
    expect(parseSpeakerMacs(given)).toEqual([]);
  });
});
