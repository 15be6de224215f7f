/** A failed call to the kernel: which, with what error number, and in words. Wrapped once, at the host's edge. */
import { getSystemErrorName } from 'node:util';

export class HostError extends Error {
  override readonly name = 'HostError';
  /** What was tried, on what: "bind packet socket to eth0". */
  readonly op: string;
  /** The kernel's error number (errno), positive; 0 where the failure has none. */
  readonly errno: number;

  /** `detail` replaces the error number's name in the message, for failures that have no number. */
  constructor(op: string, errno: number, options: { cause?: unknown; detail?: string } = {}) {
    super(
      `${op}: ${options.detail ?? errnoName(errno)}`,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.op = op;
    this.errno = errno;
  }
}

/** What Node threw or told, as a HostError; one that is one already stays as it is. */
export function toHostError(op: string, error: unknown): HostError {
  if (error instanceof HostError) return error;
  const { errno = 0, code, message } = error as NodeJS.ErrnoException;
  return new HostError(op, Math.abs(errno), { cause: error, detail: code ?? message });
}

/** "ENETDOWN"; "errno 9999" for numbers without a name. */
export function errnoName(errno: number): string {
  try {
    return getSystemErrorName(-errno);
  } catch {
    return `errno ${errno}`;
  }
}
