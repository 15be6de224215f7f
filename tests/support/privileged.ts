/** Suites that need root: run where there is root, and otherwise skipped with the reason printed. */
import { describe } from '@jest/globals';
import { netnsObstacle } from './netns.ts';

export function describePrivileged(name: string, suite: () => void): void {
  const obstacle = netnsObstacle();
  if (obstacle === undefined) {
    describe(name, suite);
    return;
  }
  console.log(`skipped: ${name}: ${obstacle}`);
  describe.skip(name, suite);
}
