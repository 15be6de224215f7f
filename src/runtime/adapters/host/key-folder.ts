/**
 * The secret that speakers share, as files of a mounted folder: `key`, and while it is being replaced `previous-key`. They
 * are read again and again, because the kubelet replaces them under a running process. A secret that is gone stays in
 * force: a folder emptied by mistake must not part the speakers. Contents are never logged.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Log } from '../../engine/log.ts';
import type { Clock } from '../../engine/ports.ts';
import type { SealKeys } from './datagram-seal.ts';

const READ_EVERY_MS = 5000;
/** Shorter ones can be guessed. */
const SHORTEST_BYTES = 16;
/** After a speaker that ran without a secret gets one, so long it also takes what others send without. */
export const PLAIN_GRACE_MS = 300_000;

export interface KeyFolderOptions {
  /** Undefined: there is none, everything is plain. */
  readonly folder: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly onChange: (keys: SealKeys) => void;
}

export class KeyFolder {
  readonly #options: KeyFolderOptions;
  #secrets: readonly Uint8Array[] = [];
  #plainUntil: number | undefined;
  #hasRead = false;
  #trouble: string | undefined;
  #told = '';
  #cancel: (() => void) | undefined;
  #stopped = false;

  constructor(options: KeyFolderOptions) {
    this.#options = options;
  }

  /** Resolves when the folder was read once. Never rejects: without a secret the speakers run, and say so. */
  async start(): Promise<void> {
    await this.#read();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  /** For people: whether datagrams are proven, and what is wrong with the folder if anything is. */
  status(): { readonly mode: 'sealed' | 'plain'; readonly secrets: number; readonly trouble: string | undefined } {
    return {
      mode: this.#secrets.length === 0 ? 'plain' : 'sealed',
      secrets: this.#secrets.length,
      trouble: this.#trouble,
    };
  }

  async #read(): Promise<void> {
    const { folder, clock } = this.#options;
    if (folder !== undefined) {
      try {
        const [key, previous] = [await readSecret(folder, 'key'), await readSecret(folder, 'previous-key')];
        if (this.#stopped) return;
        this.#take(key, previous);
      } catch (error) {
        this.#complain((error as Error).message);
      }
      this.#cancel = clock.schedule(READ_EVERY_MS, () => void this.#read());
    }
    this.#tell();
    this.#hasRead = true;
  }

  #take(key: Uint8Array | undefined, previous: Uint8Array | undefined): void {
    if (key === undefined) {
      if (this.#secrets.length > 0) this.#complain(`there is no file "key" any more; the last one stays in force`);
      return;
    }
    if (this.#hasRead && this.#secrets.length === 0) this.#plainUntil = this.#options.clock.now() + PLAIN_GRACE_MS;
    this.#secrets = previous === undefined ? [key] : [key, previous];
    this.#trouble = undefined;
  }

  #tell(): void {
    const { clock, log, onChange } = this.#options;
    const isPlainTaken =
      this.#secrets.length === 0 || (this.#plainUntil !== undefined && clock.now() < this.#plainUntil);
    const plain = isPlainTaken ? 'accepted' : 'refused';
    const now = JSON.stringify([plain, this.#secrets.map((secret) => Buffer.from(secret).toString('base64'))]);
    if (now === this.#told) return;
    const isFirst = this.#told === '';
    this.#told = now;
    const { mode, secrets } = this.status();
    if (mode === 'plain') {
      log.warn({}, 'speakers have no shared secret: what they tell each other is neither proven nor hidden');
    } else if (!isFirst) log.info({ secrets, plain }, 'the shared secret of the speakers has changed');
    onChange({ secrets: this.#secrets, plain });
  }

  #complain(trouble: string): void {
    if (trouble === this.#trouble) return;
    this.#trouble = trouble;
    this.#options.log.warn(
      { folder: this.#options.folder, trouble },
      'the shared secret of the speakers cannot be read',
    );
  }
}

/** Without the line's end that editors leave. Undefined: there is no such file. */
async function readSecret(folder: string, name: string): Promise<Uint8Array | undefined> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path.join(folder, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  while (bytes.length > 0 && (bytes.at(-1) === 0x0a || bytes.at(-1) === 0x0d)) bytes = bytes.subarray(0, -1);
  if (bytes.length === 0 && name === 'previous-key') return undefined;
  if (bytes.length < SHORTEST_BYTES) {
    throw new Error(`${name} has ${bytes.length} bytes; at least ${SHORTEST_BYTES} are needed`);
  }
  return bytes;
}
