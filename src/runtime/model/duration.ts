/**
 * Durations as Go writes them and as Kubernetes objects carry them: "90s", "1m30s", "1.5h". Source: Go's
 * time.ParseDuration. A number without a unit is none, but for "0".
 */
import { err, ok, type Result } from './result.ts';

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  // The other letter mu, which Go takes as well.
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g;
const WHOLE = /^[+-]?((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+$/;

/** Milliseconds, with fractions down to a nanosecond; may be negative. */
export function parseDuration(text: string): Result<number> {
  if (/^[+-]?0$/.test(text)) return ok(0);
  if (/^[+-]?\d+(\.\d+)?$/.test(text)) return err(`"${text}" has no unit: write "${text}s" for seconds`);
  if (!WHOLE.test(text)) return err(`"${text}" is not a duration: write a number and a unit, like 90s or 1m30s`);
  let sum = 0;
  for (const [, count, unit] of text.matchAll(PART)) sum += Number(count) * (UNIT_MS[unit ?? ''] ?? 0);
  const rounded = Math.round(sum * 1e6) / 1e6;
  return ok(text.startsWith('-') ? -rounded : rounded);
}
