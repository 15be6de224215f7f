/** What is noted on an old ConfigMap that is not in force: why, and whether that makes a difference. */
import type { ConfigError } from '../../model/config.ts';

/** On the old ConfigMap, while custom resources take its place. */
export const IGNORED_ANNOTATION = 'metallb.io/configuration-ignored';

export interface IgnoredConfigMap {
  /** What it would do differently; empty: nothing, unless it is faulty. */
  readonly differences: readonly string[];
  readonly errors: readonly ConfigError[];
}

export function ignoredNote(ignored: IgnoredConfigMap | undefined): string {
  const because = 'not used, because IPAddressPool objects exist';
  if (ignored === undefined) return because;
  if (ignored.errors.length > 0) {
    const faults = ignored.errors.map(({ path, message }) => `${path}: ${message}`).join('\n');
    return `${because}; it is faulty besides, so whether they say the same cannot be told: ${faults}`;
  }
  if (ignored.differences.length === 0) return `${because}, which say the same: delete this ConfigMap`;
  return `${because}, which say something else: ${ignored.differences.join('; ')}. Delete this ConfigMap, or all of them`;
}
