/** Creates and deletes Services without a break, as fast as the API server takes them, around a number that lives. */
import { hostClock } from '../../src/runtime/adapters/host/clock.ts';
import { KubeConnection } from '../../src/runtime/adapters/kube/connection.ts';
import { loadKubeConfig } from '../../src/runtime/adapters/kube/credentials.ts';

export interface ChurnOptions {
  readonly kubeconfig: string;
  readonly namespace: string;
  /** About so many live at any time. */
  readonly living: number;
  /** Milliseconds between two changes, on average. */
  readonly everyMs: number;
  /** Gives 0 … sides − 1. */
  readonly dice: (sides: number) => number;
}

export class ServiceChurn {
  readonly #options: ChurnOptions;
  readonly #connection: KubeConnection;
  readonly #names: string[] = [];
  #created = 0;
  #isOver = false;
  #running: Promise<void> = Promise.resolve();

  constructor(options: ChurnOptions) {
    this.#options = options;
    this.#connection = new KubeConnection(loadKubeConfig(options.kubeconfig), hostClock);
  }

  start(): void {
    this.#isOver = false;
    this.#running = this.#run();
  }

  /** Ends the churn; what lives stays. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  close(): void {
    this.#connection.close();
  }

  get created(): number {
    return this.#created;
  }

  /** Names of the Services that live. */
  get names(): readonly string[] {
    return this.#names;
  }

  async #run(): Promise<void> {
    const { dice, living, everyMs } = this.#options;
    while (!this.#isOver) {
      // Around the wanted number: the further above it, the likelier a deletion.
      if (dice(2 * living) < this.#names.length) await this.#delete();
      else await this.#create();
      await new Promise((resolve) => setTimeout(resolve, dice(2 * everyMs)));
    }
  }

  async #create(): Promise<void> {
    this.#created += 1;
    const name = `churn-${this.#created}`;
    await this.#connection.request({
      op: 'create service',
      method: 'POST',
      path: this.#path,
      body: { metadata: { name }, spec: { type: 'LoadBalancer', ports: [{ port: 80 }] } },
    });
    this.#names.push(name);
  }

  async #delete(): Promise<void> {
    const [name] = this.#names.splice(this.#options.dice(this.#names.length), 1);
    await this.#connection.request({ op: 'delete service', method: 'DELETE', path: `${this.#path}/${name}` });
  }

  get #path(): string {
    return `/api/v1/namespaces/${this.#options.namespace}/services`;
  }
}
