/**
 * Decides over a world of so many Services, again and again: the process of decision.ts, so that each size and each set
 * of the runtime's flags has a heap and compilers of its own.
 *
 *     decision-process.ts SERVICES
 *
 * Prints one JSON line, DecisionTimes.
 */
import { allocate } from '../src/runtime/decide/allocation/allocate.ts';
import { type AllocationRules, Allocator } from '../src/runtime/decide/allocation/allocator.ts';
import type { Ip } from '../src/runtime/model/ip.ts';
import { formatKey, type ServiceView } from '../src/runtime/model/service.ts';
import { countVerdicts, type DecisionWorld, decisionWorld, written } from './decision-world.ts';
import { monotonicMs } from './machine.ts';

/** A program that has just started has decided never before, so the first passes count. */
const PASSES = { least: 2, most: 15 };
const ENOUGH_MS = 4_000;
const CHANGES = 200;
/** No world has more that wait. */
const WANTED_DELETIONS = 10;

/** Milliseconds, in the order in which they were measured. */
export interface DecisionTimes {
  readonly floor: readonly number[];
  readonly fullPass: readonly number[];
  /** A Service appears that is given an address at once. */
  readonly oneMore: readonly number[];
  /** Its status comes back from the API as it was decided. */
  readonly writtenBack: readonly number[];
  /** A Service goes whose address nobody waits for. */
  readonly deletion: readonly number[];
  /** A Service goes whose address one of all those that wait for its pool is given. */
  readonly wantedDeletion: readonly number[];
}

if (import.meta.main) {
  const world = decisionWorld(Number(process.argv[2]));
  console.log(JSON.stringify(measure(world)));
}

function measure(world: DecisionWorld): DecisionTimes {
  const rules: AllocationRules = { config: world.config, loadBalancerClass: undefined };
  const { services } = world;
  const floor = repeat(() => hashAll(world));
  const fullPass = repeat(
    () => allocate({ ...rules, services }),
    (allocations) => assertExpected(world, countVerdicts(allocations)),
  );
  return { floor, fullPass, ...measureChanges(world, rules) };
}

/** One at a time, in a world where everything that was decided is written. */
function measureChanges(world: DecisionWorld, rules: AllocationRules): Omit<DecisionTimes, 'floor' | 'fullPass'> {
  const settled = allocate({ ...rules, services: world.services }).map(written);
  const allocator = new Allocator(rules, settled);
  const [oneMore, writtenBack, deletion, wantedDeletion]: [number[], number[], number[], number[]] = [[], [], [], []];
  for (let index = 0; index < CHANGES; index++) {
    const more = world.oneMore(index);
    const key = formatKey(more);
    oneMore.push(timeChange(allocator, key, more, 1));
    const allocation = allocator.get(key);
    if (allocation?.verdict !== 'assign') throw new Error(`${key} is not given an address: ${allocation?.message}`);
    writtenBack.push(timeChange(allocator, key, written(allocation), 1));
    deletion.push(timeChange(allocator, formatKey(world.unwanted(index)), undefined, 1));
  }
  for (let index = 0; index < WANTED_DELETIONS; index++) {
    wantedDeletion.push(timeChange(allocator, formatKey(world.wanted(index)), undefined, 2));
  }
  return { oneMore, writtenBack, deletion, wantedDeletion };
}

/** `touches` is how many allocations the change may make other ones, its own among them. */
function timeChange(allocator: Allocator, key: string, service: ServiceView | undefined, touches: number): number {
  const changes = new Map([[key, service]]);
  const beganMs = monotonicMs();
  const touched = allocator.update(changes);
  const tookMs = monotonicMs() - beganMs;
  if (touched.size !== touches) throw new Error(`${key} touched ${[...touched].join(', ')}`);
  return tookMs;
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
