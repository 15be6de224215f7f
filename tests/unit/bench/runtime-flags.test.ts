import { expect, test } from '@jest/globals';
import { runtimeFlags } from '../../../bench/runtime-flags.ts';

test.each(['controller', 'speaker'] as const)(
  'the flags the %s is measured under are those of the chart',
  async (program) => {
    expect(await runtimeFlags(program)).toContain('--max-semi-space-size=1');
  },
);
