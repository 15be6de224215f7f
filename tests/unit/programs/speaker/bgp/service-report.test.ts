/** Which Services are said to be advertised by BGP from now on, and how fast. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { ClusterEvent } from '../../../../../src/runtime/adapters/kube/events.ts';
import { ServiceReport } from '../../../../../src/runtime/programs/speaker/bgp/service-report.ts';
import { ip, service } from '../../../../support/views.ts';
import { VirtualClock } from '../../../../support/virtual-clock.ts';

let clock: VirtualClock;
let events: ClusterEvent[];
let lines: string[];
let report: ServiceReport;

beforeEach(() => {
  clock = new VirtualClock();
  events = [];
  lines = [];
  report = new ServiceReport({
    nodeName: 'n1',
    clock,
    log: { info: ({ service: key }: Record<string, unknown>, line: string) => void lines.push(`${key}: ${line}`) },
    events: { emit: (event) => events.push(event) },
    service: (key) => (key === 'default/gone' ? undefined : service(key.replace('default/', ''))),
  });
});

interface Given {
  readonly told: readonly string[];
  /** Absent: those that are told. */
  readonly planned?: readonly string[];
  readonly alive?: number;
}

async function tell({ told, planned = told, alive = 1 }: Given): Promise<void> {
  const advertised = { peers: ['tor'], addresses: [ip('198.51.100.1')] };
  report.tell(
    {
      services: new Map(told.map((name) => [`default/${name}`, advertised])),
      isPlanned: (key) => planned.includes(key.replace('default/', '')),
    },
    Array.from({ length: alive }, (_, i) => `n${i}`),
  );
  await clock.advance(0);
}

const many = (count: number): readonly string[] => Array.from({ length: count }, (_, i) => `s${i}`);

describe('a Service that a router was told of', () => {
  test('an Event in MetalLB’s words and a log line, once', async () => {
    await tell({ told: ['a'] });
    await tell({ told: ['a'] });
    expect(events).toEqual([
      {
        type: 'Normal',
        reason: 'nodeAssigned',
        message: 'announcing from node "n1" with protocol "bgp"',
        object: {
          apiVersion: 'v1',
          kind: 'Service',
          namespace: 'default',
          name: 'a',
          uid: 'uid-a',
          resourceVersion: '1',
        },
      },
    ]);
    expect(lines).toEqual(['default/a: advertising the Service by BGP']);
  });

  test('a session that goes down and comes back is no news of the Service', async () => {
    await tell({ told: ['a'] });
    for (let flap = 0; flap < 3; flap++) {
      await tell({ told: [], planned: ['a'] });
      await tell({ told: ['a'] });
    }
    expect([events.length, lines.length]).toEqual([1, 1]);
  });

  test('one that this node was not to advertise for a while is news again', async () => {
    await tell({ told: ['a'] });
    await tell({ told: [], planned: [] });
    await tell({ told: ['a'] });
    expect(events).toHaveLength(2);
    expect(lines).toEqual([
      'default/a: advertising the Service by BGP',
      'default/a: no longer advertising the Service by BGP',
      'default/a: advertising the Service by BGP',
    ]);
  });

  test('one that is gone from the cluster gets no Event', async () => {
    await tell({ told: ['gone'] });
    expect(events).toEqual([]);
  });
});

describe('very many at once', () => {
  test('are told at a pace that the speakers have together', async () => {
    await tell({ told: many(100), alive: 10 });
    expect(events).toHaveLength(20);
    await clock.advance(1000);
    expect(events).toHaveLength(30);
    await clock.advance(10_000);
    expect(new Set(events.map(({ object }) => object.name))).toEqual(new Set(many(100)));
  });

  test('those that have ceased before it was their turn are left out', async () => {
    await tell({ told: many(100), alive: 10 });
    await tell({ told: [], planned: [] });
    await clock.advance(60_000);
    expect(events.length).toBeLessThanOrEqual(20);
  });
});
