/**
 * The host on the sandbox's LAN that is not part of the cluster, asking for addresses by ARP. What it hears is what any
 * machine or router in front of the cluster would.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { exec, type SandboxHandle } from '../src/sandbox/sandbox.ts';
import { waitFor } from '../tests/support/wait-for.ts';

const PROGRAM = path.join(import.meta.dirname, 'arp-first-reply.ts');

/** Times of the monotonic clock in milliseconds. */
export interface FirstReply {
  readonly ip: string;
  /** When the client began to ask, every millisecond from then on. */
  readonly beganMs: number;
  readonly answeredMs: number;
}

/** The client's asking for a list of addresses, one after the other. */
export interface Asking {
  /** Resolves when the address with this index in the list was answered. */
  answered(index: number): Promise<FirstReply>;
}

export interface AskOptions {
  readonly ips: readonly string[];
  /** Longest wait for one address; then the asking ends, and the measurement fails. */
  readonly giveUpSeconds: number;
}

/** Runs `watch` while the client asks. Rejects with what went wrong first. */
export async function whileAsking<T>(
  handle: SandboxHandle,
  { ips, giveUpSeconds }: AskOptions,
  watch: (asking: Asking) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'metallb-bench-'));
  const file = path.join(folder, 'replies');
  const program = ['--disable-warning=ExperimentalWarning', PROGRAM, file, handle.client.ip, String(giveUpSeconds)];
  const client = exec(handle, 'client', [process.execPath, ...program, ...ips]).then(({ exitCode, stderr }) => {
    if (exitCode !== 0) throw new Error(`the client ended with ${exitCode}: ${stderr.trim()}`);
  });
  const failed = new Promise<never>((_, reject) => client.catch(reject));
  const answered = (index: number) =>
    waitFor(
      `an ARP reply for ${ips[index]}`,
      async () => parseReplies(await readFile(file, 'utf8').catch(() => ''))[index],
      { withinMs: (giveUpSeconds + 1) * 1000, everyMs: 10 },
    );
  try {
    return await Promise.race([watch({ answered }), failed]);
  } finally {
    // It ends by itself: with its last address, or when one is not answered in time.
    await client.catch(() => undefined);
    await rm(folder, { recursive: true, force: true });
  }
}

/** Asks for addresses that are answered already, and returns all replies. */
export function askForAll(handle: SandboxHandle, options: AskOptions): Promise<readonly FirstReply[]> {
  return whileAsking(handle, options, async ({ answered }) => {
    const replies: FirstReply[] = [];
    for (const index of options.ips.keys()) replies.push(await answered(index));
    return replies;
  });
}

/** A last line that is being written is left for the next look. */
export function parseReplies(text: string): FirstReply[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as FirstReply);
}
