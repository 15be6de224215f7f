/**
 * The times of a leader election, all from one: how long the lease is. `t` is when the leader sent the last renewal that
 * was answered; a follower sees that renewal at t or later, so its lease runs out at t + lease or later.
 *
 *     t ──── renew 1/5 ──────────── leads until 3/5 ──── its writes end by 9/10 ── 1 lease ── earliest take-over
 *                                    │◀ no new write ────▶│◀ clocks may differ ──▶│
 */
export interface LeaderTimings {
  /** How long a record must stay unchanged before somebody else's may be taken. */
  readonly leaseMs: number;
  /** From one renewal to the next. */
  readonly renewMs: number;
  /** How long after `t` the leader counts itself one. */
  readonly leadMs: number;
  /** How long after `t` the last write that it let out must have ended. */
  readonly writesEndMs: number;
  /** For one request about the lease: two fit between a renewal that is due and the end of leading. */
  readonly requestTimeoutMs: number;
  /** Wait before a failed request is tried again. */
  readonly retryMs: number;
  /** The longest random wait before a free lease is taken, so that several followers do not all run into each other. */
  readonly jitterMs: number;
}

/** `leaseMs` is at least some 500: everything below it is a fraction of it. */
export function leaderTimings(leaseMs: number): LeaderTimings {
  return {
    leaseMs,
    renewMs: leaseMs / 5,
    leadMs: (leaseMs * 3) / 5,
    writesEndMs: (leaseMs * 9) / 10,
    requestTimeoutMs: leaseMs / 5,
    retryMs: leaseMs / 20,
    jitterMs: leaseMs / 50,
  };
}
