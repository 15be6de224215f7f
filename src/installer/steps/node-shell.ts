/**
 * Runs a shell script on a node of the inventory: over OpenSSH without questions, or on this machine where the inventory
 * says ansible_connection=local. Scripts are passed as one quoted word, so that a value in them stays a value.
 */
import { createReadStream } from 'node:fs';
import { execa } from 'execa';
import { errorText } from '../errors.ts';
import type { PlannedNode } from '../plan/addon-plan.ts';

export interface ShellResult {
  /** undefined: the node could not be reached, or the time ran out. */
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ShellOptions {
  /** A file to feed to the script's standard input. */
  readonly inputFile?: string;
  /** Absent: as long as it takes; a connection that went dead ends after 30 seconds. */
  readonly timeoutMs?: number;
}

/** What load-image and the preflight need of a node's shell; tests have another. */
export type NodeShell = (node: PlannedNode, script: string, options?: ShellOptions) => Promise<ShellResult>;

/** ssh's own exit code for "could not connect". */
const SSH_FAILED = 255;

export const runOnNode: NodeShell = async (node, script, options = {}) => {
  const [program, ...args] = nodeCommand(node, script);
  if (program === undefined) throw new Error('a command has at least a program');
  try {
    const result = await execa(program, args, {
      reject: false,
      ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
      ...(options.inputFile === undefined
        ? { stdin: 'ignore' as const }
        : { input: createReadStream(options.inputFile) }),
    });
    const isUnreachable = result.timedOut || (node.connection === 'ssh' && result.exitCode === SSH_FAILED);
    const stderr = result.timedOut ? `no answer within ${(options.timeoutMs ?? 0) / 1000} s` : result.stderr;
    return {
      exitCode: isUnreachable ? undefined : result.exitCode,
      stdout: result.stdout,
      // No exit code and no output: ssh itself could not be started.
      stderr: result.exitCode === undefined && stderr === '' ? (result.shortMessage ?? '') : stderr,
    };
  } catch (error) {
    return { exitCode: undefined, stdout: '', stderr: errorText(error) };
  }
};

/** The command line that runs the script on the node. */
export function nodeCommand(node: PlannedNode, script: string): readonly string[] {
  const shell = node.usesSudo ? ['sudo', '-n', 'sh', '-c', script] : ['sh', '-c', script];
  if (node.connection === 'local') return shell;
  return [
    'ssh',
    // ssh takes the first value of an option that it sees: what the inventory says comes before what is said here.
    ...node.sshArguments,
    ...['-o', 'BatchMode=yes', '-o', 'ConnectTimeout=5', '-o', 'StrictHostKeyChecking=accept-new'],
    ...['-o', 'ServerAliveInterval=10', '-o', 'ServerAliveCountMax=3'],
    ...(node.port === undefined ? [] : ['-p', String(node.port)]),
    ...(node.privateKeyFile === undefined ? [] : ['-i', node.privateKeyFile]),
    ...(node.user === undefined ? [] : ['-l', node.user]),
    '--',
    node.address,
    shell.map(quoteWord).join(' '),
  ];
}

/** One word for a POSIX shell, whatever it holds. */
export function quoteWord(word: string): string {
  return /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Of what a program complained: what it ended with. */
export function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.trim() ?? '';
}
