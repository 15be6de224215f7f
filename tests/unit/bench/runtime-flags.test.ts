import { expect, test } from '@jest/globals';
import { controllerRuntimeFlags } from '../../../bench/runtime-flags.ts';

test('the flags measured under are those of the chart', async () => {
  expect(await controllerRuntimeFlags()).toContain('--max-semi-space-size=1');
});
