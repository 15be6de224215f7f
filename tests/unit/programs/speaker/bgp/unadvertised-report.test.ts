/** What is said of addresses that no node may advertise by BGP, by whom, and how often. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { ClusterEvent } from '../../../../../src/runtime/adapters/kube/events.ts';
import type { UnadvertisedAddress } from '../../../../../src/runtime/decide/bgp/advertiser-search.ts';
import { UnadvertisedReport } from '../../../../../src/runtime/programs/speaker/bgp/unadvertised-report.ts';
import { ip, service } from '../../../../support/views.ts';

const VIP = ip('198.51.100.20');

let events: string[];
let lines: number;
let report: UnadvertisedReport;

function reportOf(nodeName: string): UnadvertisedReport {
  return new UnadvertisedReport({
    nodeName,
    log: {
      warn: () => {
        lines += 1;
      },
    },
    events: {
      emit: ({ type, reason, object, message }: ClusterEvent) =>
        void events.push(`${type} ${reason} ${object.name}: ${message}`),
    },
    service: (key) => service(key.replace('default/', '')),
  });
}

beforeEach(() => {
  events = [];
  lines = 0;
  report = reportOf('n1');
});

/** `reason`: why nobody may. Undefined: somebody may. */
function tell(
  reason: UnadvertisedAddress['reason'] | undefined,
  { services = ['default/a'], alive = ['n2', 'n1'] }: { services?: readonly string[]; alive?: readonly string[] } = {},
): void {
  const refused = () => [{ node: 'n1', reason: 'node-excluded-by-label' as const }];
  const unadvertised = reason === undefined ? [] : [{ ip: VIP, services, reason, refused }];
  report.tell({ covered: new Set([VIP]), unadvertised }, alive);
}

const FAILED =
  'Warning announceFailed a: no node announces "198.51.100.20" with protocol "bgp": no-candidate-node (node-excluded-by-label: n1)';
const UNSERVED = 'Warning announceFailed a: no node announces "198.51.100.20" with protocol "bgp": no-serving-endpoint';

describe('an address that no node may advertise', () => {
  test('an Event with what keeps each node from it, once, and again when it comes back', () => {
    tell(undefined);
    tell('no-candidate-node');
    tell('no-candidate-node');
    expect([events, lines]).toEqual([[FAILED], 1]);
    tell(undefined);
    tell('no-candidate-node');
    expect([events, lines]).toEqual([[FAILED, FAILED], 2]);
  });

  test('told of when it was so from the beginning', () => {
    tell('no-candidate-node');
    expect(events).toEqual([FAILED]);
  });

  test('one Event a Service that shares it', () => {
    tell('no-candidate-node', { services: ['default/a', 'default/b'] });
    expect(events).toHaveLength(2);
  });

  test('of thousands at once, every one has its Event, and the nodes’ reasons are looked for of some only', () => {
    const many = Array.from({ length: 3000 }, (_, i) => ip(`198.51.${100 + (i >> 8)}.${i & 255}`));
    let asked = 0;
    const refused = () => {
      asked += 1;
      return [];
    };
    const unadvertised = many.map((own) => {
      return { ip: own, services: ['default/a'], reason: 'no-candidate-node' as const, refused };
    });
    report.tell({ covered: new Set(many), unadvertised }, ['n1']);
    expect([events.length, lines]).toEqual([3000, 3000]);
    expect(asked).toBeLessThanOrEqual(200);
    expect(asked).toBeGreaterThan(0);
  });

  test('told by one speaker of those that live; the others log it', () => {
    report = reportOf('n2');
    tell('no-candidate-node');
    expect([events, lines]).toEqual([[], 1]);
    // It was told already: who speaks next has nothing to add.
    tell('no-candidate-node', { alive: ['n2'] });
    expect([events, lines]).toEqual([[], 1]);
  });

  test('a Service that never had an endpoint is not in trouble yet; one that lost its last is', () => {
    tell('no-serving-endpoint');
    expect(events).toEqual([]);
    tell(undefined);
    tell('no-serving-endpoint');
    expect(events).toEqual([UNSERVED]);
    // It had none before, either.
    tell('no-candidate-node');
    tell('no-serving-endpoint');
    expect(events).toEqual([UNSERVED, FAILED]);
  });
});
