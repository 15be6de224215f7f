/**
 * How the installer says what it is doing. It never prints: it calls the Reporter that it was handed, and src/cli/
 * decides what that looks like on a terminal or in a log.
 */

/** What applying did, or with --check would do, to one object. */
export interface ObjectChange {
  readonly action: 'create' | 'update' | 'delete' | 'unchanged';
  /** "IPAddressPool metallb-system/default" */
  readonly object: string;
  /** For an update: the fields that differ, "spec.addresses[0]: "a" → "b"". */
  readonly fields: readonly string[];
}

export interface Reporter {
  /** A step begins; the number counts from 1. */
  step(number: number, total: number, title: string): void;
  /** The step that began last is finished; detail says in a few words what came of it. */
  done(detail?: string): void;
  /** The step that began last had nothing to do, and why. */
  skip(reason: string): void;
  /** Something the user should know although the work goes on. */
  warn(message: string): void;
  /** One object, as it was dealt with. */
  change(change: ObjectChange): void;
  /** For --verbose only. */
  detail(message: string): void;
}

/** For callers that want to know nothing. */
export const silentReporter: Reporter = {
  step() {},
  done() {},
  skip() {},
  warn() {},
  change() {},
  detail() {},
};
