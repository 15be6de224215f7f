/** Awaits a failure the user would see, and gives its lines. */
import { InstallError } from '../../../../src/installer/errors.ts';

export async function failureOf(work: Promise<unknown>): Promise<InstallError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof InstallError) return error;
    throw error;
  }
  throw new Error('it succeeded');
}

export async function linesOf(work: Promise<unknown>): Promise<string[]> {
  const { problem, hint, exitCode } = await failureOf(work);
  return [...problem.split('\n').map((line) => `error: ${line}`), `  hint: ${hint}`, `exit ${exitCode}`];
}
