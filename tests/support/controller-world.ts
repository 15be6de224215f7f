/**
 * A real API server with the resource definitions in it, and the controller beside it: what an integration test writes
 * as a user would, and asserts of what the API then holds. One for a file, a new namespace of Services for each test.
 *
 *     const world = await ControllerWorld.start({ health: 27572, metrics: 27573 }, 'dual-stack');
 *     beforeEach(() => world.begin());  afterEach(() => world.end());  afterAll(() => world.stop());
 *     await world.pool('default', ['10.6.204.20/30']);
 *     await world.service('web');
 *     await world.shows('web', '10.6.204.20 Allocated');
 */
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type ControlPlane, startControlPlaneForTests } from './control-plane.ts';
import { type ControllerProcess, startController } from './controller-process.ts';
import { waitFor } from './wait-for.ts';

const CRDS = resolve(import.meta.dirname, '../../roles/cluster-addon/files/metallb/crds');
export const NS = 'metallb-system';
const SOON = { withinMs: 15_000, everyMs: 50 };
/** Long enough for a wrong write to have happened. */
const QUIET_MS = 1_500;

// biome-ignore lint/suspicious/noExplicitAny: API objects as the server returns them.
export type ApiObject = any;

interface Ports {
  readonly health: number;
  readonly metrics: number;
}

export class ControllerWorld {
  /** The namespace of this test's Services. */
  apps = '';
  readonly #plane: ControlPlane;
  readonly #ports: Ports;
  #controller: ControllerProcess | undefined;
  #tests = 0;

  private constructor(plane: ControlPlane, ports: Ports) {
    this.#plane = plane;
    this.#ports = ports;
  }

  /** No two files may use the same ports: they may run at the same time. */
  static async start(ports: Ports, services: 'single-stack' | 'dual-stack'): Promise<ControllerWorld> {
    const world = new ControllerWorld(await startControlPlaneForTests(services), ports);
    await world.kubectl('apply', '--server-side', '-f', CRDS);
    await world.kubectl('wait', '--for=condition=Established', '--timeout=30s', 'crd', '--all');
    await world.kubectl('create', 'namespace', NS);
    return world;
  }

  async stop(): Promise<void> {
    await this.#plane.stop();
  }

  /** A namespace and a controller for a test. */
  async begin(): Promise<void> {
    this.#tests += 1;
    this.apps = `apps-${this.#tests}`;
    await this.kubectl('create', 'namespace', this.apps);
    await this.startController();
  }

  /** Clears what a test left; throws when the controller does not end in good order. */
  async end(): Promise<void> {
    await this.kubectl('delete', 'services', '-n', this.apps, '--all');
    await this.kubectl('delete', 'ipaddresspools,configurationstates', '-n', NS, '--all');
    await this.stopController();
  }

  async startController(...args: readonly string[]): Promise<void> {
    this.#controller = await startController(this.#plane.kubeconfig, this.#ports, { args });
  }

  async stopController(): Promise<void> {
    const controller = this.#controller;
    this.#controller = undefined;
    if (controller === undefined) return;
    const log = controller.log();
    const code = await controller.stop();
    if (code !== 0) throw new Error(`the controller ended with ${code}:\n${log}`);
  }

  async restartController(...args: readonly string[]): Promise<void> {
    await this.stopController();
    await this.startController(...args);
  }

  async metrics(): Promise<string> {
    return (await this.#controller?.get('metrics', '/metrics'))?.body ?? '';
  }

  async kubectl(...args: readonly string[]): Promise<string> {
    const done = await this.#plane.kubectl(args);
    if (done.exitCode !== 0) throw new Error(`kubectl ${args.join(' ')}: ${done.stderr}`);
    return done.stdout;
  }

  async get(...args: readonly string[]): Promise<ApiObject> {
    return JSON.parse(await this.kubectl('get', '-o', 'json', ...args));
  }

  async pool(name: string, addresses: readonly string[], spec: object = {}): Promise<void> {
    const metadata = { namespace: NS, name };
    // Replaced, not merged: a pool loses what a later edit leaves out.
    await this.apply({
      apiVersion: 'metallb.io/v1beta1',
      kind: 'IPAddressPool',
      metadata,
      spec: { addresses, ...spec },
    });
  }

  async service(name: string, spec: object = {}, annotations: object = {}): Promise<void> {
    await this.apply({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace: this.apps, name, annotations },
      spec: { type: 'LoadBalancer', ports: [{ port: 80 }], ...spec },
    });
  }

  /** Edits a Service by a merge patch. */
  async patch(name: string, patch: object, ...flags: readonly string[]): Promise<void> {
    await this.kubectl(
      'patch',
      'service',
      '-n',
      this.apps,
      name,
      '--type=merge',
      '-p',
      JSON.stringify(patch),
      ...flags,
    );
  }

  /** Writes a Service's status as some other program would. */
  async patchIngress(name: string, ingress: readonly object[]): Promise<void> {
    await this.patch(name, { status: { loadBalancer: { ingress } } }, '--subresource=status');
  }

  async annotate(name: string, ...changes: readonly string[]): Promise<void> {
    await this.kubectl('annotate', 'service', '-n', this.apps, name, '--overwrite', ...changes);
  }

  /** "10.0.0.1 fd00::1 Allocated": what the status shows, and the reason in our condition. */
  async shown(name: string): Promise<string> {
    const { status } = await this.get('service', '-n', this.apps, name);
    const condition = status.conditions?.find(({ type }: ApiObject) => type === 'metallb.io/Allocated');
    const ingress = (status.loadBalancer?.ingress ?? []).map((entry: ApiObject) => entry.ip ?? entry.hostname);
    return [...ingress, condition?.reason ?? ''].join(' ').trim();
  }

  /** Waits until it does. */
  shows(name: string, want: string): Promise<unknown> {
    return waitFor(
      `${name} shows ${want === '' ? 'nothing' : want}`,
      async () => {
        const shown = await this.shown(name);
        if (shown === want) return true;
        throw new Error(`it shows ${shown}`);
      },
      SOON,
    );
  }

  /** Waits for an Event of the reason on the Service, and returns it. */
  event(name: string, reason: string): Promise<ApiObject> {
    return waitFor(
      `an Event ${reason} on ${name}`,
      async () => (await this.events(name)).find((event: ApiObject) => event.reason === reason),
      SOON,
    );
  }

  async events(name: string): Promise<ApiObject[]> {
    const { items } = await this.get('events', '-n', this.apps, '--field-selector', `involvedObject.name=${name}`);
    return items;
  }

  /** Waits until the pool's counters are these. */
  counts(name: string, want: object): Promise<unknown> {
    const wanted = JSON.stringify(want);
    return waitFor(
      `pool ${name} counts ${wanted}`,
      async () => {
        const { status } = await this.get('ipaddresspool', '-n', NS, name);
        const has = JSON.stringify(Object.fromEntries(Object.keys(want).map((key) => [key, status?.[key]])));
        if (has === wanted) return true;
        throw new Error(`it counts ${has}`);
      },
      SOON,
    );
  }

  /** Resource versions of this test's Services: equal twice means that nothing was written. */
  async versions(): Promise<string[]> {
    const { items } = await this.get('services', '-n', this.apps);
    return items.map(({ metadata }: ApiObject) => `${metadata.name} ${metadata.resourceVersion}`);
  }

  quiet(): Promise<void> {
    return delay(QUIET_MS);
  }

  async apply(object: object): Promise<void> {
    const done = await this.#plane.kubectl(['apply', '-f', '-'], { input: JSON.stringify(object) });
    if (done.exitCode !== 0) throw new Error(done.stderr);
  }
}
