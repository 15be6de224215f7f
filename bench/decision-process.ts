/**
 * Decides over a world of so many Services, again and again: the process of decision.ts, so that each size and each set
 * of the runtime's flags has a heap and compilers of its own.
 *
 *     decision-process.ts SERVICES
 *
 * Prints one JSON line, DecisionTimes.
 */
import { allocate } from '../src/runtime/decide/allocate.ts';
import type { Ip } from '../src/runtime/model/ip.ts';
import { formatKey } from '../src/runtime/model/service.ts';
import { countVerdicts, type DecisionWorld, decisionWorld } from './decision-world.ts';
import { monotonicMs } from './machine.ts';

/** A program that has just started has decided never before, so the first passes count. */
const PASSES = { least: 3, most: 15 };
const ENOUGH_MS = 4_000;

/** Milliseconds, in the order in which they were measured. */
export interface DecisionTimes {
  readonly floor: readonly number[];
  readonly fullPass: readonly number[];
}

if (import.meta.main) {
  const world = decisionWorld(Number(process.argv[2]));
  console.log(JSON.stringify(measure(world)));
}

function measure(world: DecisionWorld): DecisionTimes {
  const { config, services } = world;
  const floor = repeat(() => hashAll(world));
  const fullPass = repeat(
    () => allocate({ config, services, loadBalancerClass: undefined }),
    (allocations) => assertExpected(world, countVerdicts(allocations)),
  );
  return { floor, fullPass };
}

function repeat<T>(work: () => T, check: (result: T) => void = () => {}): number[] {
  const times: number[] = [];
  let spentMs = 0;
  while (times.length < PASSES.least || (times.length < PASSES.most && spentMs < ENOUGH_MS)) {
    const beganMs = monotonicMs();
    const result = work();
    const tookMs = monotonicMs() - beganMs;
    check(result);
    times.push(tookMs);
    spentMs += tookMs;
  }
  return times;
}

/** The least that any decision has to do: look at each Service by its key and at each address by its holder. */
function hashAll({ services }: DecisionWorld): number {
  const byKey = new Map<string, unknown>();
  const holders = new Map<Ip, string>();
  for (const service of services) {
    const key = formatKey(service);
    byKey.set(key, service);
    for (const { ip } of service.ingress) if (ip !== undefined) holders.set(ip, key);
  }
  return byKey.size + holders.size;
}

/** A fast decision that is another one is not what is measured. */
function assertExpected({ expected }: DecisionWorld, decided: DecisionWorld['expected']): void {
  const [want, have] = [JSON.stringify(expected), JSON.stringify(decided)];
  if (want !== have) throw new Error(`the pass decided ${have} instead of ${want}`);
}
