/**
 * How long the conflict detector waits, in milliseconds, and where it is quicker than the norms and why.
 *
 *     first announcement   0 ──60──▶ 60 ──60──▶ 120 ──80──▶ 200 free           probes ▲▲▲
 *     heard while held     claim ──200──▶ probe ──60──▶ probe ──60──▶ probe ──80──▶ 400 not confirmed
 *     conflict             5 s ──▶ three probes ──▶ 10 s ──▶ 20 s ──▶ 40 s ──▶ 60 s ──▶ 60 s …   (each ± a quarter)
 *
 * Deviation: RFC 5227 §1.1 spreads three probes over 4 to 7 s (PROBE_WAIT 1 s, PROBE_MIN 1 s, PROBE_MAX 2 s, ANNOUNCE_WAIT
 * 2 s), so that a whole LAN of hosts may be switched on at once and wireless hosts may sleep; RFC 4862 waits RetransTimer,
 * 1 s. A Service that waits so long for its first address is one that people think broken. A host on a wire answers within
 * a millisecond (the kernel's own reply takes some 20 µs); of three probes all must be lost for it to be missed, which at
 * 5 % loss each way is one time in a thousand. A host that sleeps through 200 ms is heard later, because every address
 * that is announced goes on being watched.
 */

/** Probes sent before an address counts as free: PROBE_NUM of RFC 5227 §1.1. */
export const PROBES = 3;
/** Between two of them. */
export const PROBE_INTERVAL_MS = 60;
/** After the last of them; in all 200 ms. */
export const ANSWER_WAIT_MS = 80;

/**
 * How long somebody unknown who claims an announced address may still turn out to be a speaker whose MAC is not known
 * yet: claims and heartbeats between speakers take milliseconds, their Leases some hundred.
 */
export const GRACE_MS = 200;

/** DEFEND_INTERVAL of RFC 5227 §1.1: at most one defence in so long. */
export const DEFEND_INTERVAL_MS = 10_000;

/** How long after a conflict the address is probed again; twice as long after each further one, up to the second. */
export const REPROBE_MS = 5000;
export const REPROBE_MAX_MS = 60_000;
/** The wait is this fraction longer or shorter, so that two who probe at the same time do not do so again. */
export const REPROBE_JITTER = 0.25;
/** Held so long without a conflict, the next one counts as the first. */
export const CALM_MS = 600_000;

/** Another speaker that claims an address of ours is told of at most once in so long. */
export const OWNER_TOLD_MS = 100;

/** A timer later than this may have frames waiting unread in the socket: a verdict waits for them, once. */
export const LATE_MS = 20;
export const SETTLE_MS = 20;

/** Probes per second over all interfaces and addresses, and how many may go at once: as the announcer's. */
export const RATE_PER_SECOND = 5000;
export const BURST = 100;

/** Places that nobody wants any more and that are remembered because somebody foreign holds them, or did. */
export const MAX_REMEMBERED = 1024;

/** How long to wait after the n-th conflict in a row; `random` is in [0, 1). */
export function reprobeDelayMs(conflicts: number, random: number): number {
  const steps = Math.min(Math.max(conflicts, 1) - 1, 10);
  const delayMs = Math.min(REPROBE_MAX_MS, REPROBE_MS * 2 ** steps);
  return delayMs * (1 + REPROBE_JITTER * (2 * random - 1));
}
