import { describe, expect, test } from '@jest/globals';
import { storedExclusions } from '../../../../src/runtime/decide/allocation/stored-exclusions.ts';
import { rawPool } from '../../../support/raw-resources.ts';
import { range } from '../../../support/views.ts';

const read = (status: unknown) => storedExclusions(rawPool('a', ['10.0.0.0/24'], { status }));

describe('what status.skipped says', () => {
  test('is read back, ranges and single addresses alike', () => {
    const skipped = [
      { addresses: '10.0.0.1', reason: 'Gateway', detail: 'node n1' },
      { addresses: '10.0.0.9', reason: 'InUseOnLan', detail: 'host 52:54:00:00:00:99, seen by node n1' },
      { addresses: '10.0.0.16/28', reason: 'PodNetwork' },
    ];
    expect(read({ skipped })).toEqual([
      { range: range('10.0.0.1/32'), reason: 'Gateway', detail: 'node n1' },
      { range: range('10.0.0.9/32'), reason: 'InUseOnLan', detail: 'host 52:54:00:00:00:99, seen by node n1' },
      { range: range('10.0.0.16/28'), reason: 'PodNetwork', detail: '' },
    ]);
  });

  test('without the pool’s own list, which its spec says better', () => {
    expect(read({ skipped: [{ addresses: '10.0.0.1', reason: 'Listed', detail: '' }] })).toEqual([]);
  });

  test.each([
    ['no status', undefined],
    ['no list', { skipped: 'all' }],
    ['no entry', { skipped: [null, 3] }],
    ['no address', { skipped: [{ addresses: 'x', reason: 'Gateway', detail: '' }] }],
    ['no reason', { skipped: [{ addresses: '10.0.0.1', detail: '' }] }],
    ['no reason of ours', { skipped: [{ addresses: '10.0.0.1', reason: 'constructor', detail: '' }] }],
  ])('nothing of it: %s', (_, status) => {
    expect(read(status)).toEqual([]);
  });
});
