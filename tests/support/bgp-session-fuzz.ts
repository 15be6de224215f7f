/**
 * Throws random and mutated messages at a session in each of its states, in pieces. None may throw: the session goes on, or
 * ends with a failure in words, and connects again.
 */

import { brokenMessages } from './bgp-fuzz.ts';
import { BgpScript } from './bgp-script.ts';
import { seededDice } from './dice.ts';

const STATES = ['open-sent', 'open-confirm', 'established'] as const;

/** Of each outcome how many. */
export interface SessionFuzzCounts {
  /** The session is in the state that it was in, perhaps in the middle of a message. */
  readonly stayed: number;
  readonly advanced: number;
  readonly ended: number;
}

/** Throws at the first wrong outcome, with the message. */
export function fuzzSession({ messages, seed }: { messages: number; seed: number }): SessionFuzzCounts {
  const roll = seededDice(seed);
  const next = brokenMessages(roll);
  const counts = { stayed: 0, advanced: 0, ended: 0 };
  let script = reached(roll);
  for (let count = 0; count < messages; count++) {
    const bytes = next();
    const before = script.state;
    try {
      counts[outcomeOf(script, bytes, roll(bytes.length + 1))] += 1;
    } catch (cause) {
      throw new Error(`${Buffer.from(bytes).toString('hex')} in ${before}`, { cause });
    }
    // One that waits for the rest of a message would take all that follows for it.
    if (script.state !== 'established' || roll(4) === 0) script = reached(roll);
  }
  return counts;
}

function reached(roll: (sides: number) => number): BgpScript {
  const script = new BgpScript();
  script.reach(STATES[roll(STATES.length)] ?? 'established');
  return script;
}

function outcomeOf(script: BgpScript, bytes: Uint8Array, cutAt: number): keyof SessionFuzzCounts {
  const before = script.state;
  const lines = script.says(script.dialled, bytes.subarray(0, cutAt), bytes.subarray(cutAt));
  const { state, lastFailure, nextAttemptAt } = script.session.snapshot();
  if (state === before) return 'stayed';
  if (state !== 'idle') return 'advanced';
  const isSaid =
    lines.some((line) => line.startsWith('close ')) && lastFailure !== undefined && lastFailure.reason !== '';
  if (!isSaid || nextAttemptAt === undefined) throw new Error(lines.join(', '));
  return 'ended';
}
