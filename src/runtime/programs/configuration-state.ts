/**
 * What a program says of the configuration in its ConfigurationState: the controller in "controller", a speaker in
 * "speaker-NODE". Invalid while anything written is not in force; what only names something that is not there is told,
 * and Valid.
 *
 * Deviation: MetalLB writes lastTransitionTime anew on every reconcile; here it is when the status last changed, and
 * nothing is written when nothing did.
 */
import type { ConfigurationStateStatus } from '../adapters/kube/write-config-objects.ts';
import { type ConfigError, holdsBack } from '../model/config.ts';
import type { RawResource } from '../model/resource.ts';
import type { ConditionView } from '../model/service.ts';

const MAX_MESSAGE_LENGTH = 4000;

/** The conditions that MetalLB's programs report. */
export type ReconcilerCondition = 'poolReconcilerValid' | 'configReconcilerValid';

export interface ConfigurationReportInput {
  readonly errors: readonly ConfigError[];
  readonly condition: ReconcilerCondition;
  /** The object as it is; undefined: there is none. */
  readonly known: RawResource | undefined;
  readonly nowText: string;
}

export function configurationStatus(input: ConfigurationReportInput): ConfigurationStateStatus {
  const { errors, condition: type, known, nowText } = input;
  const isValid = !errors.some(holdsBack);
  const errorSummary = shorten(formatFaults(errors));
  const status = isValid ? 'True' : 'False';
  const before = reportedConditions(known).find((each) => each.type === type);
  const condition: ConditionView = {
    type,
    status,
    reason: isValid ? 'Reconciled' : 'ConfigurationError',
    message: isValid ? '' : `configuration error: ${errorSummary}`,
    lastTransitionTime: before?.status === status ? (before.lastTransitionTime ?? nowText) : nowText,
  };
  return { result: isValid ? 'Valid' : 'Invalid', errorSummary, conditions: [condition] };
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

/** Cut to what an API object can reasonably carry. */
export function shorten(message: string): string {
  return message.length <= MAX_MESSAGE_LENGTH ? message : `${message.slice(0, MAX_MESSAGE_LENGTH - 1)}…`;
}

function reportedConditions(known: RawResource | undefined): readonly ConditionView[] {
  const { conditions } = (known?.status ?? {}) as { readonly conditions?: unknown };
  return Array.isArray(conditions) ? conditions : [];
}

/** JSON with the keys in order, so that equal values are equal text. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
