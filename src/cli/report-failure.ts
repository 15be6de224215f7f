/**
 * Turns whatever a command threw into two lines for the person at the terminal and an exit code for scripts. With
 * --verbose the causes and stacks follow. Errors of the installer and the sandbox carry `problem` and `hint`; anything
 * else is a bug of this program and says so.
 */

import { EXIT_CODES, InstallError } from '../installer/errors.ts';

/** What every told failure has, whichever room it comes from. */
interface Told {
  /** A line each. */
  readonly problems: readonly string[];
  readonly hint: string;
  readonly exitCode: number;
}

/** Prints the failure on standard error; returns the exit code to end with. */
export function reportFailure(error: unknown, { verbose }: { readonly verbose: boolean }): number {
  const { problems, hint, exitCode } = tell(error);
  process.stderr.write(`${problems.map((problem) => `error: ${problem}\n`).join('')}  hint: ${hint}\n`);
  if (verbose) process.stderr.write(`${formatCauses(error)}\n`);
  return exitCode;
}

function tell(error: unknown): Told {
  const { problem, hint, logFile } = (error ?? {}) as { problem?: unknown; hint?: unknown; logFile?: unknown };
  if (typeof problem === 'string' && typeof hint === 'string') {
    const log = typeof logFile === 'string' ? ` (log: ${logFile})` : '';
    return {
      problems: problem.split('\n'),
      hint: `${hint}${log}`,
      exitCode: EXIT_CODES[error instanceof InstallError ? error.kind : 'environment'],
    };
  }
  return {
    problems: [`this command failed in a way it should not: ${error instanceof Error ? error.message : String(error)}`],
    hint: 'please report it, with what --verbose prints',
    exitCode: 70, // EX_SOFTWARE of sysexits.h
  };
}

function formatCauses(error: unknown): string {
  const parts: string[] = [];
  for (let cause: unknown = error; cause !== undefined; cause = cause instanceof Error ? cause.cause : undefined) {
    parts.push(cause instanceof Error ? (cause.stack ?? cause.message) : String(cause));
  }
  return parts.join('\ncaused by: ');
}
