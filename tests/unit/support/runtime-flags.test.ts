import { expect, test } from '@jest/globals';
import { runtimeFlags } from '../../support/runtime-flags.ts';

test.each(['controller', 'speaker'] as const)('the flags the %s runs with are those of the chart', (program) => {
  expect(runtimeFlags(program)).toContain('--max-semi-space-size=1');
});
