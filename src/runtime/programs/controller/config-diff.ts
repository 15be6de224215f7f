/**
 * What to write on the configuration's objects: pool counters and verdicts, the controller's ConfigurationState, the note
 * on the old ConfigMap. Pure, like service-diff.ts.
 */
import type { ConfigurationStateStatus } from '../../adapters/kube/write-config-objects.ts';
import type { DecidedConfig } from '../../decide/config-source.ts';
import type { PoolUsage } from '../../decide/pool-usage.ts';
import type { ConfigMapView } from '../../model/cluster.ts';
import type { ConfigError } from '../../model/config.ts';
import { formatRange } from '../../model/range.ts';
import type { RawResource } from '../../model/resource.ts';
import type { ConditionView } from '../../model/service.ts';

/** On the old ConfigMap, while it is faulty: why. */
export const ERROR_ANNOTATION = 'metallb.io/configuration-error';
/** On the old ConfigMap, while custom resources take its place. */
export const IGNORED_ANNOTATION = 'metallb.io/configuration-ignored';
const IGNORED_TEXT = 'not used, because IPAddressPool objects exist: delete this ConfigMap, or all of them';
/** The largest number that both a 64-bit integer and a JSON number hold; what is more counts as this. */
const MAX_COUNT = 2n ** 63n - 1024n;
const MAX_MESSAGE_LENGTH = 4000;
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
    conditions: [acceptedCondition(resource, faults, nowText)],
  };
}

/** Condition Accepted: whether the object is in force as it is written. */
export function acceptedCondition(
  resource: RawResource,
  faults: readonly ConfigError[],
  nowText: string,
): ConditionView {
  const invalid = faults.filter(({ kind }) => kind === 'invalid');
  const verdict =
    invalid.length === 0
      ? { status: 'True' as const, reason: 'Accepted', message: '' }
      : { status: 'False' as const, reason: 'Invalid', message: shorten(formatFaults(invalid)) };
  const known = conditionsOf(resource).find(({ type }) => type === 'Accepted');
  return {
    type: 'Accepted',
    ...verdict,
    observedGeneration: resource.generation,
    lastTransitionTime: known?.status === verdict.status ? (known.lastTransitionTime ?? nowText) : nowText,
  };
}

/** Whether the status says all of it already. */
export function saysAlready(resource: RawResource, wanted: Readonly<Record<string, unknown>>): boolean {
  const status = (resource.status ?? {}) as Readonly<Record<string, unknown>>;
  return Object.entries(wanted).every(([field, value]) => canonical(status[field]) === canonical(value));
}

/** A line a fault. */
export function formatFaults(faults: readonly ConfigError[]): string {
  return faults.map(({ path, message }) => `${path}: ${message}`).join('\n');
}

export function configurationState(
  decided: DecidedConfig,
  known: RawResource | undefined,
  nowText: string,
): ConfigurationStateStatus {
  const invalid = decided.errors.filter(({ kind }) => kind === 'invalid');
  const valid = invalid.length === 0;
  const errorSummary = shorten(formatFaults(decided.errors));
  const before = known === undefined ? [] : conditionsOf(known);
  const status = valid ? 'True' : 'False';
  const reported = before.find(({ type }) => type === 'poolReconcilerValid');
  const condition: ConditionView = {
    type: 'poolReconcilerValid',
    status,
    reason: valid ? 'Reconciled' : 'ConfigurationError',
    message: valid ? '' : `configuration error: ${errorSummary}`,
    lastTransitionTime: reported?.status === status ? (reported.lastTransitionTime ?? nowText) : nowText,
  };
  return { result: valid ? 'Valid' : 'Invalid', errorSummary, conditions: [condition] };
}

/** Annotations to set (text) or remove (null) on the ConfigMap; undefined: none. */
export function configMapChanges(
  configMap: ConfigMapView,
  decided: DecidedConfig,
): Readonly<Record<string, string | null>> | undefined {
  const inUse = decided.source === 'config-map';
  const wanted = {
    [ERROR_ANNOTATION]: inUse && decided.errors.length > 0 ? shorten(formatFaults(decided.errors)) : undefined,
    [IGNORED_ANNOTATION]: inUse ? undefined : IGNORED_TEXT,
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

/** JSON with the keys in order, so that equal values are equal text. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

function shorten(message: string): string {
  return message.length <= MAX_MESSAGE_LENGTH ? message : `${message.slice(0, MAX_MESSAGE_LENGTH - 1)}…`;
}
