/**
 * What the installer tells the user when it cannot go on: what is wrong (one line a problem, each with its place) and
 * one line saying what to do. The kind decides the exit code, so that scripts can tell a wrong inventory from an
 * unreachable cluster. `cause` keeps what lay underneath; the command line prints it with --verbose only.
 *
 * Implements the install row of the error table in docs/architecture.md.
 */

export type InstallErrorKind =
  | 'usage'
  | 'environment'
  | 'inventory'
  | 'template'
  | 'cluster'
  | 'permission'
  | 'image'
  | 'timeout';

/** The process's exit code for each kind; 1 is left to faults of the program itself. */
export const EXIT_CODES: Readonly<Record<InstallErrorKind, number>> = {
  usage: 2,
  environment: 3,
  inventory: 4,
  template: 5,
  cluster: 6,
  permission: 7,
  image: 8,
  timeout: 9,
};

export interface InstallErrorParts {
  readonly kind: InstallErrorKind;
  /** Which step it stopped, as the progress lines name it: "read the inventory". */
  readonly step: string;
  /** What happened and where. Several only where several were looked for at once, as in an inventory. */
  readonly problem: string | readonly string[];
  /** What the user can do about it, as one line. */
  readonly hint: string;
  readonly cause?: unknown;
}

export class InstallError extends Error {
  readonly kind: InstallErrorKind;
  readonly step: string;
  /** One problem a line, at least one. */
  readonly problem: string;
  readonly hint: string;
  readonly exitCode: number;

  constructor(parts: InstallErrorParts) {
    const problem = typeof parts.problem === 'string' ? parts.problem : parts.problem.join('\n');
    super(problem, parts.cause === undefined ? undefined : { cause: parts.cause });
    this.name = 'InstallError';
    this.kind = parts.kind;
    this.step = parts.step;
    this.problem = problem;
    this.hint = parts.hint;
    this.exitCode = EXIT_CODES[parts.kind];
  }
}

/** The text of anything thrown. */
export function errorText(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The errno of a failed system call ("ENOENT"); undefined for anything else. */
export function errorCode(thrown: unknown): string | undefined {
  return typeof thrown === 'object' && thrown !== null && 'code' in thrown ? String(thrown.code) : undefined;
}
