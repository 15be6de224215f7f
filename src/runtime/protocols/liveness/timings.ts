/**
 * All times of the protocol, in milliseconds, and what follows from them. docs/liveness-protocol.md §5 has the picture.
 */

/** Between two heartbeats, give or take a tenth. */
export const HEARTBEAT_MS = 40;
export const HEARTBEAT_SPREAD = 0.1;

/** Watchers of one speaker. */
export const WATCHERS = 3;

/** The shortest silence that is taken for death: four heartbeats lost in a row are not enough. */
export const FLOOR_MS = 170;
/** The longest that is waited for whatever happens. */
export const CEILING_MS = 1200;
/** Lateness that the floor has room for already. */
const ALLOWED_LATENESS_MS = 10;
/** What a speaker is granted when it is heard for the first time, for the seconds until its real lateness is known. */
export const NEWCOMER_LATENESS_MS = 500;

/** A timer that comes later than this counts as late. */
export const LATE_MS = 10;
/** A speaker that was late for so long may have been given up, and asks before it goes on. */
export const DOUBT_MS = 120;
/** For how long it asks. */
export const DOUBT_ENDS_MS = 300;

/** The shortest silence that makes a watcher try directly: one heartbeat is missing. */
export const PROBE_MS = 68;

/** How long a watcher must have been awake in the silence that it judges. */
export const AWAKE_MS = 80;
/** What a new watcher grants for others to notice that it watches now. */
export const TAKEOVER_MS = 200;
/** What is added where there is nobody to ask. */
export const ALONE_MS = 50;

/** How long a witness counts: it says so again and again while the silence lasts. */
export const WITNESS_MS = 1000;
export const WITNESS_AGAIN_MS = 400;
/** How long somebody who was asked keeps watching a speaker that it does not watch by itself. */
export const ASSIST_MS = 3000;
/** Its share of the usual timeout: whoever asked has waited already. */
export const ASSIST_SHARE = 0.7;

/** When a message to all is sent again, counted from the first time. */
export const REPEATS_MS: readonly number[] = [40, 120];

/** Between two tries to reach somebody who was never heard: doubled each time. */
export const HELLO_MS = 100;
export const HELLO_CEILING_MS = 10_000;
/** Between two tries to reach one of the dead, in turn. */
export const REVIVE_MS = 80;
/** Between two times that one of them is told that it counts as dead. */
export const PRONOUNCE_MS = 60;
/** For how long after that it is told again and again who has its addresses, until it has given them up. */
export const REMIND_MS = 1000;
/** Between two measurements of the round trip, to one neighbour in turn. */
export const ROUND_TRIP_MS = 1000;

/** For how long digests must differ before anything is done: what is new is under way to all at the same time. */
export const MISMATCH_MS = 90;
/** Between two summaries to the same speaker: doubled while they bring nothing. */
export const SUMMARY_MS = 150;
export const SUMMARY_CEILING_MS = 10_000;
/** Between two pulls of the same list, and how often. */
export const PULL_MS = 70;
export const PULLS = 8;

/** A silence that lasts so much longer than the timeout and is confirmed by nobody is left to the Lease. */
export const UNCONFIRMED_MS = 400;
/** Who hears nobody for this long is cut off. */
export const CUT_OFF_MS = CEILING_MS + UNCONFIRMED_MS;

/** Datagrams of messages to all that may go at once, and the pause between. Heartbeats and answers do not wait. */
export const BURST = 100;
export const BURST_PAUSE_MS = 2;

/**
 * How lateness and round trip stretch the timeout: what the subject is late more than what the watcher is, which knows of
 * its own and waits for itself.
 */
export function timeoutMs(lateness: { subjectMs: number; ownMs: number; roundTripMs: number }): number {
  const { subjectMs, ownMs, roundTripMs } = lateness;
  const beyond = (ms: number): number => Math.max(0, ms - ALLOWED_LATENESS_MS);
  return Math.min(CEILING_MS, FLOOR_MS + 1.2 * beyond(subjectMs) + 0.4 * beyond(ownMs) + 2 * beyond(roundTripMs));
}
