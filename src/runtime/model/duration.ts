/**
 * Durations as Kubernetes objects write them, which is as Go does: "90s", "1h30m", "1.5h", "250ms", "-5m", "0". Whether a
 * negative one or one of a fraction of a millisecond makes sense is the field's business, not the grammar's.
 */
import { err, ok, type Result } from './result.ts';

/** Milliseconds of each unit. Both letters that look like "µ" are in use: U+00B5 and U+03BC. */
const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
/** Go counts nanoseconds in a signed 64-bit number: some 292 years. */
const MAX_MS = 2 ** 63 / 1e6;

/** Milliseconds, with a fraction where the text says so. The error is a sentence that shows how to write it. */
export function parseDuration(text: string): Result<number> {
  const [, sign = '', amount = ''] = /^([-+]?)(.*)$/.exec(text) ?? [];
  if (amount === '0') return ok(0);
  if (/^\d+(\.\d+)?$/.test(amount)) return err(`"${text}" has no unit: write "${text}s" for seconds`);
  if (!/^((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+$/.test(amount)) {
    return err(`"${text}" is not a duration: write a number and a unit, like 90s, 10m or 1h30m`);
  }
  let milliseconds = 0;
  for (const [, count = '', unit = ''] of amount.matchAll(/([\d.]+)([^\d.]+)/g)) {
    milliseconds += Number(count) * (UNIT_MS[unit] ?? 0);
  }
  if (milliseconds >= MAX_MS) return err(`"${text}" is too long: a duration is less than 292 years`);
  return ok(sign === '-' && milliseconds > 0 ? -milliseconds : milliseconds);
}
