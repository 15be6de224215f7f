/**
 * What to write on the configuration's objects: pool counters and verdicts, and the note on the old ConfigMap. Pure, like service-diff.ts.
 */

import type { PoolUsage } from '../../decide/allocation/pool-usage.ts';
import { IGNORED_ANNOTATION, ignoredNote } from '../../decide/configuration/config-ignored.ts';
import type { DecidedConfig } from '../../decide/configuration/config-source.ts';
import type { ConfigMapView } from '../../model/cluster.ts';
import { type ConfigError, holdsBack } from '../../model/config.ts';
import { formatRange } from '../../model/range.ts';
import type { RawResource } from '../../model/resource.ts';
import type { ConditionView } from '../../model/service.ts';
import { formatFaults, shorten } from '../configuration-state.ts';

/** On the old ConfigMap, while it is faulty: why. */
export const ERROR_ANNOTATION = 'metallb.io/configuration-error';
/** The largest number that both a 64-bit integer and a JSON number hold; what is more counts as this. */
const MAX_COUNT = 2n ** 63n - 1024n;
/** The resource definition allows no more; the list is for people. */
const MAX_SKIPPED = 256;

export interface PoolStatus {
  readonly assignedIPv4: number;
  readonly assignedIPv6: number;
  readonly availableIPv4: number;
  readonly availableIPv6: number;
  /** What of the pool is never given out, and why. */
  readonly skipped: readonly { readonly addresses: string; readonly reason: string; readonly detail: string }[];
  /** What waits for a Service's return, or rests; what other controllers take over. */
  readonly released: readonly {
    readonly address: string;
    readonly service: string;
    readonly releasedAt: string;
    readonly cause: string;
  }[];
  readonly conditions: readonly ConditionView[];
}

/** The pool's status as it should be. `usage` is absent for a pool that is not in force in any form. */
export function poolStatus(
  resource: RawResource,
  usage: PoolUsage | undefined,
  faults: readonly ConfigError[],
  nowText: string,
): PoolStatus {
  const assigned = usage?.assigned ?? { ipv4: 0, ipv6: 0 };
  const capacity = usage?.capacity ?? { ipv4: 0n, ipv6: 0n };
  return {
    assignedIPv4: assigned.ipv4,
    assignedIPv6: assigned.ipv6,
    availableIPv4: count(capacity.ipv4 - BigInt(assigned.ipv4)),
    availableIPv6: count(capacity.ipv6 - BigInt(assigned.ipv6)),
    skipped: (usage?.skipped ?? []).slice(0, MAX_SKIPPED).map(({ range, reason, detail }) => ({
      addresses: formatRange(range),
      reason,
      detail,
    })),
    released: (usage?.released ?? []).map(({ ip, owner, releasedAtMs, cause }) => ({
      address: ip,
      service: owner,
      releasedAt: new Date(releasedAtMs).toISOString(),
      cause,
    })),
    conditions: resourceConditions(resource, faults, nowText),
  };
}

/**
 * Condition Accepted: whether the object is in force as it is written. Condition ResolvedRefs: whether all that it names
 * is there. As in the Gateway API, both are always present.
 */
export function resourceConditions(
  resource: RawResource,
  faults: readonly ConfigError[],
  nowText: string,
): readonly ConditionView[] {
  const kept = faults.filter(holdsBack);
  const missing = faults.filter(({ kind }) => kind !== 'invalid');
  const reason = kept.some(({ kind }) => kind === 'invalid') ? 'Invalid' : 'Unresolved';
  const verdicts = [
    { type: 'Accepted', faults: kept, reason: kept.length === 0 ? 'Accepted' : reason },
    { type: 'ResolvedRefs', faults: missing, reason: missing.length === 0 ? 'ResolvedRefs' : 'RefNotFound' },
  ];
  const known = conditionsOf(resource);
  return verdicts.map((verdict) => {
    const status = verdict.faults.length === 0 ? 'True' : 'False';
    const before = known.find(({ type }) => type === verdict.type);
    return {
      type: verdict.type,
      status,
      reason: verdict.reason,
      message: shorten(formatFaults(verdict.faults)),
      observedGeneration: resource.generation,
      lastTransitionTime: before?.status === status ? (before.lastTransitionTime ?? nowText) : nowText,
    };
  });
}

/** Annotations to set (text) or remove (null) on the ConfigMap; undefined: none. */
export function configMapChanges(
  configMap: ConfigMapView,
  decided: DecidedConfig,
): Readonly<Record<string, string | null>> | undefined {
  const inUse = decided.source === 'config-map';
  const wanted = {
    [ERROR_ANNOTATION]: inUse && decided.errors.length > 0 ? shorten(formatFaults(decided.errors)) : undefined,
    [IGNORED_ANNOTATION]: inUse ? undefined : shorten(ignoredNote(decided.ignored)),
  };
  const changes = Object.entries(wanted).filter(([key, value]) => configMap.annotations[key] !== value);
  return changes.length === 0 ? undefined : Object.fromEntries(changes.map(([key, value]) => [key, value ?? null]));
}

function conditionsOf(resource: RawResource): readonly ConditionView[] {
  const { conditions } = (resource.status ?? {}) as { readonly conditions?: unknown };
  return Array.isArray(conditions) ? conditions : [];
}

function count(addresses: bigint): number {
  return Number(addresses < 0n ? 0n : addresses > MAX_COUNT ? MAX_COUNT : addresses);
}
