/**
 * Time in the pure core: a monotonic instant in milliseconds that the edge reads and passes in. Never a wall clock;
 * only differences mean anything.
 */
declare const instantBrand: unique symbol;
/** Milliseconds on a monotonic clock with an arbitrary zero; fractions allowed. */
export type Instant = number & { readonly [instantBrand]: true };

export function instant(milliseconds: number): Instant {
  return milliseconds as Instant;
}

/** The instant that lies the given number of milliseconds after another. */
export function after(start: Instant, milliseconds: number): Instant {
  return (start + milliseconds) as Instant;
}
