/**
 * An address that a Service gave up and that is still remembered for its sake: kept for its return (retention), or kept
 * from others (quarantine). Stored in IPAddressPool status.released, so that every controller knows the same.
 */
import type { Ip } from './ip.ts';

export interface Release {
  readonly ip: Ip;
  /** The pool it is of. */
  readonly pool: string;
  /** "namespace/name" of the Service that held it. */
  readonly owner: string;
  /** Wall clock, milliseconds since the Unix epoch. */
  readonly releasedAtMs: number;
  /** Deleted: the Service went, and may come back. Moved: it went to other addresses, or is of another type now. */
  readonly cause: 'Deleted' | 'Moved';
}
