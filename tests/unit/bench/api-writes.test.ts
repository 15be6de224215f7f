/** Counting what was written from the API server's metrics. */
import { describe, expect, test } from '@jest/globals';
import { formatWrites, readWriteCounts, writesBetween } from '../../../bench/api-writes.ts';

// From GET /metrics of kube-apiserver 1.34, shortened.
const series = (verb: string, resource: string, value: string, more: { group?: string; subresource?: string } = {}) =>
  `apiserver_request_total{code="200",component="apiserver",dry_run="",group="${more.group ?? ''}",resource="${resource}",scope="resource",subresource="${more.subresource ?? ''}",verb="${verb}",version="v1"} ${value}`;

const METRICS = [
  '# HELP apiserver_request_total [STABLE] Counter of apiserver requests',
  '# TYPE apiserver_request_total counter',
  series('PATCH', 'services', '1.2e+04', { subresource: 'status' }),
  series('PATCH', 'services', '3', { subresource: 'status' }).replace('code="200"', 'code="409"'),
  series('POST', 'events', '7'),
  series('LIST', 'services', '50'),
  series('WATCH', 'services', '4'),
  series('PUT', 'leases', '9', { group: 'coordination.k8s.io' }),
  series('PUT', 'endpoints', '5'),
  series('APPLY', 'ipaddresspools', '1', { group: 'metallb.io' }),
  'apiserver_request_terminations_total{code="429",component="apiserver"} 1',
].join('\n');

test('writes of every kind and outcome to what the controller may write, and nothing else', () => {
  expect(readWriteCounts(METRICS)).toEqual(
    new Map([
      ['services/status', 12_003],
      ['events', 7],
      ['ipaddresspools', 1],
    ]),
  );
});

describe('between two readings', () => {
  const before = readWriteCounts(METRICS);
  test('nothing, where nothing was written', () => {
    expect(formatWrites(writesBetween(before, before))).toBe('none');
  });
  test('what has grown, and what was not there before', () => {
    const more = [series('PATCH', 'services', '2', { subresource: 'status' }), series('POST', 'services', '1')];
    const after = readWriteCounts(`${METRICS}\n${more.join('\n')}`);
    expect(formatWrites(writesBetween(before, after))).toBe('3 (services/status 2, services 1)');
  });
});
