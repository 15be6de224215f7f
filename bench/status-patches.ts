/**
 * The floor of throughput: Services of a class that nobody serves, and a bare loop that writes into their statuses what
 * the controller would write, by the controller's own request (address, condition, annotation and resource version in one
 * strategic merge patch), as many at once as the controller sends.
 */
import { toServiceView } from '../src/runtime/adapters/kube/read-service.ts';
import { asObject } from '../src/runtime/adapters/kube/untyped.ts';
import { writeServiceStatus } from '../src/runtime/adapters/kube/write-service.ts';
import { type Ip, ipFromValue } from '../src/runtime/model/ip.ts';
import type { ServiceView } from '../src/runtime/model/service.ts';
import { monotonicMs } from './machine.ts';
import { type BenchServices, inParallel } from './services.ts';

/** As in programs/controller/controller.ts. */
export const WRITE_CONCURRENCY = 8;
/** Patched before the clock starts: they warm up connections and compilers. */
const WARM_UP = 50;
const NOBODYS_CLASS = 'bench.invalid/nobody';
/** 198.18.0.0/15, which RFC 2544 sets aside for benchmarks: routed nowhere. */
const FIRST_ADDRESS = 0xc6120000n;

export class PatchedServices {
  readonly #services: BenchServices;
  readonly #views: ServiceView[];
  #given = 0n;

  private constructor(services: BenchServices, views: ServiceView[]) {
    this.#services = services;
    this.#views = views;
  }

  /** Makes so many Services to write into. */
  static async create(services: BenchServices, count: number): Promise<PatchedServices> {
    const views: ServiceView[] = [];
    const names = Array.from({ length: count }, (_, index) => `nobodys-${index}`);
    await inParallel(
      names,
      async (name) => {
        const made = await services.create({ name, endpoints: 'none', loadBalancerClass: NOBODYS_CLASS });
        views.push(toServiceView(asObject(made)));
      },
      WRITE_CONCURRENCY,
    );
    return new PatchedServices(services, views);
  }

  /** Writes another address into each, and gives the time at which each was answered. */
  async patchAll(): Promise<readonly number[]> {
    await this.#patch([...this.#views.keys()].slice(0, WARM_UP));
    return this.#patch([...this.#views.keys()]);
  }

  async #patch(indexes: readonly number[]): Promise<readonly number[]> {
    const answeredMs: number[] = [];
    await inParallel(
      indexes,
      async (index) => {
        await this.#patchOne(index);
        answeredMs.push(monotonicMs());
      },
      WRITE_CONCURRENCY,
    );
    return answeredMs;
  }

  async #patchOne(index: number): Promise<void> {
    const service = this.#views[index];
    if (service === undefined) throw new Error(`there is no Service ${index}`);
    const ip = ipFromValue('ipv4', FIRST_ADDRESS + this.#given++);
    const answer = await writeServiceStatus(this.#services.api, { service, ...contentFor(ip) });
    // The next patch has to name the version that this one made.
    this.#views[index] = toServiceView(asObject(answer));
  }
}

function contentFor(ip: Ip): Omit<Parameters<typeof writeServiceStatus>[1], 'service'> {
  return {
    ips: [ip],
    annotations: { 'metallb.io/ip-allocated-from-pool': 'default' },
    condition: {
      type: 'metallb.io/Allocated',
      status: 'True',
      reason: 'Allocated',
      message: `${ip} from pool "default"`,
      lastTransitionTime: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
    },
  };
}
