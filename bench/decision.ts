/**
 * The time of the pure decision, without a cluster: a full pass over 1,000, 10,000 and 100,000 Services with a hundred
 * pools (decision-world.ts), and what one change costs in such a world, under the runtime's flags that the chart sets and
 * under none. The floor of the pass is a plain loop over the same Services that puts each key and each address into a Map.
 */
import path from 'node:path';
import { execa } from 'execa';
import { runtimeFlags } from '../tests/support/runtime-flags.ts';
import type { DecisionTimes } from './decision-process.ts';
import { formatRatio, formatRow, type Percentiles, percentiles, type Unit } from './percentiles.ts';
import { growthExponent } from './rates.ts';

const SIZES = [1_000, 10_000, 100_000];
const PROGRAM = path.join(import.meta.dirname, 'decision-process.ts');
const UNIT: Unit = { name: 'ms', digits: 2 };

interface Measured {
  readonly size: number;
  readonly times: Readonly<Record<keyof DecisionTimes, Percentiles>>;
}

export async function measureDecision(): Promise<string[]> {
  const chart = runtimeFlags('controller');
  return [
    `${chart.filter((flag) => !flag.startsWith('--disable-warning')).join(' ')} (the chart’s flags):`,
    ...(await measureUnder(chart)),
    'no flags:',
    ...(await measureUnder(['--disable-warning=ExperimentalWarning'])),
  ];
}

async function measureUnder(flags: readonly string[]): Promise<string[]> {
  const measured: Measured[] = [];
  for (const size of SIZES) measured.push({ size, times: await decide(size, flags) });
  return [...measured.flatMap(describe), describeGrowth(measured)].map((line) => `  ${line}`);
}

async function decide(size: number, flags: readonly string[]): Promise<Measured['times']> {
  const { stdout } = await execa(process.execPath, [...flags, PROGRAM, String(size)]);
  const times = JSON.parse(stdout) as DecisionTimes;
  return {
    floor: percentiles(times.floor),
    fullPass: percentiles(times.fullPass),
    oneMore: percentiles(times.oneMore),
    writtenBack: percentiles(times.writtenBack),
    deletion: percentiles(times.deletion),
    wantedDeletion: percentiles(times.wantedDeletion),
  };
}

function describe({ size, times }: Measured): string[] {
  const { floor, fullPass } = times;
  const count = size.toLocaleString('en');
  return [
    formatRow(`${count} into a Map (the floor)`, floor, UNIT),
    formatRow(`${count}, a full pass`, fullPass, UNIT),
    formatRatio(fullPass, floor),
    formatRow(`${count}, one more`, times.oneMore, UNIT),
    formatRow(`${count}, its status written`, times.writtenBack, UNIT),
    formatRow(`${count}, one deleted`, times.deletion, UNIT),
    formatRow(`${count}, one deleted, others wait`, times.wantedDeletion, UNIT),
  ];
}

/** By the medians. */
function describeGrowth(measured: readonly Measured[]): string {
  const steps = measured.slice(1).map((large, index) => {
    const small = measured[index] ?? large;
    const sized = ({ size, times }: Measured) => ({ size, cost: times.fullPass.p50 });
    const exponent = growthExponent(sized(small), sized(large)).toFixed(2);
    return `${exponent} from ${small.size.toLocaleString('en')} to ${large.size.toLocaleString('en')}`;
  });
  return `growth of the full pass (exponent; 1 is linear): ${steps.join(', ')}`;
}
