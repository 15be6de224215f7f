/**
 * The one error the sandbox throws on purpose. The command line shows it as two lines, problem and hint; `cause` and the
 * log file are for --verbose. Anything else that leaves src/sandbox is a bug.
 */
export class SandboxError extends Error {
  /** What is wrong, in one line, naming the object ("10.6.204.0/24 is in use by eth1"). */
  readonly problem: string;
  /** What the person can do about it, in one line. */
  readonly hint: string;
  /** Where the failing program wrote its output, when there is such a file. */
  readonly logFile?: string;

  constructor(told: { problem: string; hint: string; cause?: unknown; logFile?: string }) {
    super(told.problem, told.cause === undefined ? undefined : { cause: told.cause });
    this.name = 'SandboxError';
    this.problem = told.problem;
    this.hint = told.hint;
    if (told.logFile !== undefined) this.logFile = told.logFile;
  }
}

/** The text of anything thrown. */
export function errorText(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
