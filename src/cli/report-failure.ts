/**
 * Turns whatever a command threw into two lines for the person at the terminal and an exit code for scripts. With
 * --verbose the causes and stacks follow. Errors of the installer and the sandbox carry `problem` and `hint`; anything
 * else is a bug of this program and says so.
 */

interface Told {
  readonly problem: string;
  readonly hint: string;
  readonly exitCode?: number;
}

/** Prints the failure on standard error; returns the exit code to end with. */
export function reportFailure(error: unknown, { verbose }: { readonly verbose: boolean }): number {
  if (isTold(error)) {
    process.stderr.write(`${formatTold(error)}\n`);
    if (verbose) process.stderr.write(`${formatCauses(error)}\n`);
    return error.exitCode ?? 1;
  }
  process.stderr.write(
    `error: this command failed in a way it should not: ${messageOf(error)}\n  hint: please report it with what --verbose prints\n`,
  );
  if (verbose) process.stderr.write(`${formatCauses(error)}\n`);
  return 70; // EX_SOFTWARE of sysexits.h
}

function isTold(error: unknown): error is Error & Told {
  return error instanceof Error && 'problem' in error && 'hint' in error;
}

/** Several problems come as several lines of `problem`; each gets its own "error:". */
function formatTold({ problem, hint }: Told): string {
  const problems = problem.split('\n').map((line) => `error: ${line}`);
  return [...problems, `  hint: ${hint}`].join('\n');
}

function formatCauses(error: unknown): string {
  const parts: string[] = [];
  for (let cause: unknown = error; cause !== undefined; cause = cause instanceof Error ? cause.cause : undefined) {
    parts.push(cause instanceof Error ? (cause.stack ?? cause.message) : String(cause));
  }
  return parts.join('\ncaused by: ');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
