/**
 * When an address is announced without being asked for, in milliseconds, and how fast that may go.
 *
 *     taken   0 ─▶ 0.1 s ─▶ 1.1 s ─▶ 2.2 s ─▶ 3.3 s ─▶ 4.4 s ─▶ … every 60 to 90 s, for as long as it is held
 *
 * Why for ever: a switch forgets a MAC address that is silent for its ageing time, 300 s by IEEE 802.1Q §8.8.3, but a
 * router goes on using its ARP entry (4 h on Cisco's) and a host its neighbour entry for as long as there is traffic. This
 * node's MAC need not be silent then, but its frames may leave by other ports or through other switches than the address's
 * clients see; the traffic is flooded at best, and lost where unknown unicast is not flooded. Within 300 s an address is
 * announced three times at least, so that two in a row may be lost. Faster would only add broadcasts that every host of
 * the link must look at. After topology changes switches age faster (15 s), but then the ports have changed and hosts are
 * asked anew anyway.
 */

/**
 * The first rounds, after the address was taken. The rounds 1.1 s apart over 4.4 s are MetalLB's; the one at 0.1 s
 * bridges a first frame lost while queues or switch ports are not ready.
 */
export const ROUNDS_MS: readonly number[] = [0, 100, 1100, 2200, 3300, 4400];

/** Announcements per second, over all interfaces: 1,000 addresses move in a fifth of a second. */
export const RATE_PER_SECOND = 5000;
/** How many may go at once; bounds how long one call keeps the thread from answering requests. */
export const BURST = 100;

/** The mean time between two refreshes of an address; each turn on the way is this fraction shorter or longer. */
export const REFRESH_MS = 75_000;
export const REFRESH_JITTER = 0.2;
/**
 * Refreshes per second, over all interfaces: with more than 3,750 pairs of address and interface each comes round more
 * slowly, 5,000 every 100 s and 15,000 every 300 s.
 */
export const REFRESH_RATE_PER_SECOND = 50;

/** Turns are no closer than this; then several go in one. Waking a thread costs more than sending a frame. */
const TURN_MS = 200;

/** When the next refreshes go, and how many, when so many addresses take turns; `random` is in [0, 1). */
export function refreshTurn(announced: number, random: number): { readonly afterMs: number; readonly count: number } {
  const meanMs = Math.max(REFRESH_MS / Math.max(1, announced), 1000 / REFRESH_RATE_PER_SECOND);
  const count = Math.max(1, Math.round(TURN_MS / meanMs));
  return { afterMs: meanMs * count * (1 + REFRESH_JITTER * (2 * random - 1)), count };
}
