/** When the default routes are read, and what is told of them, on a virtual clock. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import { GatewayWatch } from '../../../../src/runtime/programs/speaker/gateway-watch.ts';
import { ip } from '../../../support/views.ts';
import { VirtualClock } from '../../../support/virtual-clock.ts';

let clock: VirtualClock;
let watch: GatewayWatch;
/** What the kernel answers; an Error: it refuses. */
let routes: readonly string[] | Error;
let reads: number;
let told: (readonly string[])[];
let errors: unknown[];
/** Resolves the reading under way, where the test holds it up. */
let release: (() => void) | undefined;
let held: boolean;

beforeEach(() => {
  clock = new VirtualClock();
  routes = ['10.6.204.254'];
  reads = 0;
  told = [];
  errors = [];
  held = false;
  watch = new GatewayWatch({
    clock,
    read: async () => {
      reads += 1;
      if (held) await new Promise<void>((resolve) => (release = resolve));
      if (routes instanceof Error) throw routes;
      return routes.map(ip);
    },
    onChange: (gateways) => told.push(gateways),
    onError: (error) => errors.push(error),
  });
});

describe('what is told', () => {
  test('the first answer, even of no gateway at all', async () => {
    routes = [];
    watch.start();
    await clock.advance(0);
    expect(told).toEqual([[]]);
  });

  test('then only others', async () => {
    watch.start();
    await clock.advance(180_000);
    expect({ reads, told }).toEqual({ reads: 4, told: [['10.6.204.254']] });
    routes = ['10.6.204.253', 'fd00::1'];
    await clock.advance(60_000);
    expect(told.at(-1)).toEqual(['10.6.204.253', 'fd00::1']);
  });

  test('a failure is said, changes nothing, and ends', async () => {
    watch.start();
    await clock.advance(0);
    routes = new Error('no');
    await clock.advance(60_000);
    routes = ['10.6.204.253'];
    await clock.advance(60_000);
    expect(errors).toHaveLength(1);
    expect(told).toEqual([['10.6.204.254'], ['10.6.204.253']]);
  });
});

describe('a change of the interfaces', () => {
  test('is followed by one reading, two seconds after the first of a burst', async () => {
    watch.start();
    await clock.advance(0);
    for (let i = 0; i < 10; i++) {
      watch.interfacesChanged();
      await clock.advance(190);
    }
    expect(reads).toBe(1);
    await clock.advance(100);
    expect(reads).toBe(2);
    await clock.advance(59_000);
    expect(reads).toBe(2);
  });

  test('during a reading brings another', async () => {
    held = true;
    watch.start();
    await clock.advance(0);
    watch.interfacesChanged();
    held = false;
    release?.();
    await clock.advance(2_000);
    expect(reads).toBe(2);
  });
});

test('after stop nothing is read or told', async () => {
  held = true;
  watch.start();
  await clock.advance(0);
  watch.stop();
  release?.();
  await clock.advance(600_000);
  expect({ reads, told }).toEqual({ reads: 1, told: [] });
});
