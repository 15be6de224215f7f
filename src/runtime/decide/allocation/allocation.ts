/** The values allocation is about: what a Service holds, what it was granted, and what follows for it. */
import type { Pool } from '../../model/config.ts';
import type { Ip } from '../../model/ip.ts';
import type { ServiceView } from '../../model/service.ts';
import type { AllocationReason, PoolRefusal, Refusal } from './allocation-reason.ts';

/** Addresses of one pool. */
export interface Holding {
  readonly pool: Pool;
  readonly ips: readonly Ip[];
}

export interface Grant {
  readonly ips: readonly Ip[];
  readonly pool?: Pool;
  /** Why this is not all that the Service asks for. */
  readonly refusal?: Refusal;
}

/** What one Service should have, and why: the result of allocation that everything else reads. */
export interface Allocation {
  readonly service: ServiceView;
  /** As they were asked for, else IPv4 before IPv6; empty: none. */
  readonly ips: readonly Ip[];
  /** The pool they are of; undefined exactly when there are none. */
  readonly pool: string | undefined;
  /**
   * keep: what it has, in the same pool · assign: other addresses than it has, or of another pool · release: it has
   * some and shall have none · refuse: it has none and gets none.
   */
  readonly verdict: 'keep' | 'assign' | 'release' | 'refuse';
  /** 'Allocated' when all is well; else why it has less than it asks for. */
  readonly reason: AllocationReason;
  /** For people; says what to do where there is something. */
  readonly message: string;
  /** Why it lost what it held, where it did. */
  readonly lost?: Refusal;
  /** Why pools did not serve it, where that was the question. */
  readonly pools: readonly PoolRefusal[];
}
