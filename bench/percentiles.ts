/**
 * Sums up samples, and prints a measurement's row beside its floor's. Nearest rank: every figure is a time that was
 * really measured, none is interpolated.
 */
export interface Percentiles {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** NaN throughout when there are no samples. */
export function percentiles(samples: readonly number[]): Percentiles {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** "name   p50  12.3 ms   p99  45.6 ms   max  78.9 ms"; `unit` with as many digits after the point as make sense. */
export function formatRow(name: string, { p50, p99, max }: Percentiles, unit: Unit): string {
  const cell = (title: string, value: number) =>
    `${title} ${value.toFixed(unit.digits).padStart(8)} ${unit.name.padEnd(2)}`;
  return `${name.padEnd(34)} ${[cell('p50', p50), cell('p99', p99), cell('max', max)].join('   ')}`.trimEnd();
}

export interface Unit {
  readonly name: string;
  readonly digits: number;
}

export const MILLISECONDS: Unit = { name: 'ms', digits: 1 };
export const MICROSECONDS: Unit = { name: 'µs', digits: 0 };

/** How many times the floor each figure is. */
export function formatRatio(ours: Percentiles, floor: Percentiles): string {
  const ratio = { count: ours.count, p50: ours.p50 / floor.p50, p99: ours.p99 / floor.p99, max: ours.max / floor.max };
  return formatRow('ratio', ratio, { name: '×', digits: 1 });
}
