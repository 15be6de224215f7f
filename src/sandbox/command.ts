/**
 * Runs the machine's programs (ip, nsenter, ctr, openssl …). A program that fails becomes a SandboxError that names the
 * command and its last words. Arguments never pass through a shell.
 */
import { execa } from 'execa';
import { SandboxError } from './errors.ts';

export interface CommandOptions {
  /** Text for the program's standard input. */
  readonly input?: string;
  readonly cwd?: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** After this long the program is killed; absent: never. */
  readonly timeoutMs?: number;
  readonly stdio?: 'inherit' | 'pipe';
}

export interface CommandResult {
  /** 0–255; 128 + signal number for a program that a signal ended, 124 after a timeout, 127 when it could not start. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The numbers a shell adds to 128 for the signals that end programs here. */
const SIGNAL_NUMBERS: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGKILL: 9, SIGTERM: 15 };

/** Runs a program to its end, whatever its exit code. */
export async function tryCommand(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const [program = '', ...args] = argv;
  const result = await execa(program, args, {
    reject: false,
    stripFinalNewline: false,
    ...(options.stdio === 'inherit'
      ? { stdio: 'inherit' as const }
      : options.input === undefined
        ? { stdin: 'ignore' as const }
        : { input: options.input }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
  });
  return {
    exitCode: result.timedOut ? 124 : (result.exitCode ?? signalExitCode(result.signal)),
    stdout: typeof result.stdout === 'string' ? result.stdout : '',
    stderr:
      (typeof result.stderr === 'string' ? result.stderr : '') ||
      (result.exitCode === undefined && result.signal === undefined ? (result.originalMessage ?? '') : ''),
  };
}

/** Runs a program that has to succeed; returns its standard output. */
export async function runCommand(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { exitCode, stdout, stderr } = await tryCommand(argv, options);
  if (exitCode === 0) return stdout;
  const said = lastLines(stderr.trim() || stdout.trim(), 3);
  throw new SandboxError({
    problem: `"${argv.join(' ')}" ended with ${exitCode}${said === '' ? '' : `: ${said}`}`,
    hint: 'the program’s own message above says what it lacked; run the command again with --verbose for all of it',
    cause: new Error(`${stdout}\n${stderr}`.trim()),
  });
}

/** The last lines of a program's output, joined to one. */
export function lastLines(text: string, count: number): string {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-count)
    .join(' | ');
}

function signalExitCode(signal: string | undefined): number {
  if (signal === undefined) return 127;
  return 128 + (SIGNAL_NUMBERS[signal] ?? 0);
}
