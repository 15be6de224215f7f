import { describe, expect, test } from '@jest/globals';
import { allocate } from '../../../../src/runtime/decide/allocation/allocate.ts';
import type { Allocation } from '../../../../src/runtime/decide/allocation/allocation.ts';
import type { Exclusion } from '../../../../src/runtime/model/exclusion.ts';
import type { ServiceView } from '../../../../src/runtime/model/service.ts';
import { farewell, serviceEvents, serviceWrite } from '../../../../src/runtime/programs/controller/service-diff.ts';
import { config, ip, pool, range, service } from '../../../support/views.ts';

const NOW = '2026-01-02T03:04:05Z';
const THEN = '2020-01-01T00:00:00Z';
const POOLS = [pool('default', ['10.0.0.1-10.0.0.2'])];
const OTHER_POOLS = [pool('other', ['10.0.9.1/32'], { autoAssign: false })];
const FROM = 'metallb.io/ip-allocated-from-pool';

/** Somebody foreign holds 10.0.0.1. */
const FOREIGN: readonly Exclusion[] = [
  { range: range('10.0.0.1/32'), reason: 'InUseOnLan', detail: 'host 52:54:00:00:00:99, seen by node n1' },
];

function decide(given: Partial<ServiceView>, pools = POOLS, exclusions: readonly Exclusion[] = []): Allocation {
  const [allocation] = allocate({
    config: config({ pools }),
    exclusions,
    services: [service('s', given)],
    loadBalancerClass: undefined,
  });
  if (allocation === undefined) throw new Error('the Service is not ours');
  return allocation;
}

function condition(status: 'True' | 'False', reason: string, message: string) {
  return { type: 'metallb.io/Allocated', status, reason, message, lastTransitionTime: THEN };
}

const SETTLED: Partial<ServiceView> = {
  ingress: [{ ip: ip('10.0.0.1'), ipMode: 'VIP' }],
  annotations: { [FROM]: 'default' },
  conditions: [condition('True', 'Allocated', '10.0.0.1 from pool "default"')],
};

describe('what is written', () => {
  test('addresses, annotation and condition at once', () => {
    expect(serviceWrite(decide({}), NOW)).toMatchObject({
      ips: ['10.0.0.1'],
      annotations: { [FROM]: 'default' },
      condition: {
        status: 'True',
        reason: 'Allocated',
        message: '10.0.0.1 from pool "default"',
        lastTransitionTime: NOW,
      },
    });
  });

  test.each([
    { name: 'all is said already; ipMode is the server’s', given: {} },
    {
      name: 'a condition of somebody else',
      given: { conditions: [...(SETTLED.conditions ?? []), { ...condition('True', 'X', ''), type: 'x' }] },
    },
  ])('nothing when $name', ({ given }) => {
    expect(serviceWrite(decide({ ...SETTLED, ...given }), NOW)).toBeUndefined();
  });

  test.each([
    {
      name: 'the old annotation for the new one',
      given: { annotations: { 'metallb.universe.tf/ip-allocated-from-pool': 'default' } },
      want: { annotations: { [FROM]: 'default', 'metallb.universe.tf/ip-allocated-from-pool': null } },
    },
    {
      name: 'a host name beside the address is removed',
      given: { ingress: [...(SETTLED.ingress ?? []), { hostname: 'x' }] },
      want: { ips: ['10.0.0.1'], annotations: {} },
    },
    {
      name: 'the condition keeps its time while its status stays',
      given: { conditions: [condition('True', 'RequestMalformed', '')] },
      want: { annotations: {}, condition: condition('True', 'Allocated', '10.0.0.1 from pool "default"') },
    },
  ])('only what differs: $name', ({ given, want }) => {
    const view = service('s', { ...SETTLED, ...given });
    expect(serviceWrite(decide({ ...SETTLED, ...given }), NOW)).toEqual({ service: view, ...want });
  });

  test('a release takes everything of ours away', () => {
    expect(serviceWrite(decide(SETTLED, OTHER_POOLS), NOW)).toMatchObject({
      ips: [],
      annotations: { [FROM]: null },
      condition: { status: 'False', reason: 'NoPoolAllowed', lastTransitionTime: NOW },
    });
    expect(serviceWrite(decide({ ...SETTLED, type: 'ClusterIP', ingress: [] }), NOW)).toMatchObject({
      annotations: { [FROM]: null },
      condition: { type: 'metallb.io/Allocated' },
    });
  });

  test('with no pool at all nothing is taken away, and the condition says what is missing', () => {
    const { ips, annotations, condition: said } = serviceWrite(decide(SETTLED, []), NOW) ?? {};
    expect([ips, annotations]).toEqual([undefined, {}]);
    expect(said).toMatchObject({ status: 'True', reason: 'NoPools', lastTransitionTime: THEN });
  });

  test('a Service that left us loses our condition and nothing else', () => {
    expect(farewell(service('s'))).toBeUndefined();
    const view = service('s', SETTLED);
    expect(farewell(view)).toEqual({ service: view, annotations: {}, condition: { type: 'metallb.io/Allocated' } });
  });
});

describe('what is told', () => {
  const told = (allocation: Allocation) =>
    serviceEvents(allocation).map(({ type, reason, message }) => `${type} ${reason}: ${message}`);
  const two = { clusterIps: [ip('10.68.0.1'), ip('fd68::1')], ipFamilyPolicy: 'PreferDualStack' as const };
  test.each([
    { name: 'a new address', given: {}, want: ['Normal IPAllocated: Assigned IP ["10.0.0.1"]'] },
    { name: 'nothing on adoption', given: { ingress: [{ ip: ip('10.0.0.2') }] }, want: [] },
    {
      name: 'an old annotation, the first time',
      given: { annotations: { 'metallb.universe.tf/address-pool': 'default' } },
      want: [
        'Warning deprecatedAnnotation: Service uses deprecated annotation metallb.universe.tf/address-pool',
        'Normal IPAllocated: Assigned IP ["10.0.0.1"]',
      ],
    },
    {
      name: 'a second address',
      pools: [pool('default', ['10.0.0.1/32', 'fd00::1/128'])],
      given: { ...two, ...SETTLED },
      want: ['Normal IPAllocated: Assigned additional IP ["fd00::1"]'],
    },
    {
      name: 'no second address',
      given: { ...two, ...SETTLED },
      want: ['Normal AdditionalAssignFailed: no ipv6 address beside 10.0.0.1: pool "default": FamilyMissing'],
    },
    {
      name: 'the same reason is not told twice',
      given: { ...two, ...SETTLED, conditions: [condition('True', 'AllocatedOneFamily', 'x')] },
      want: [],
    },
    {
      name: 'another address in place of one that a foreign host holds',
      pools: [pool('default', ['10.0.0.1-10.0.0.2'], { onConflict: 'Reallocate' })],
      exclusions: FOREIGN,
      given: SETTLED,
      want: [
        'Warning AddressConflict: 10.0.0.1 is in use on the LAN (host 52:54:00:00:00:99, seen by node n1): the Service leaves it',
        'Normal IPAllocated: Assigned IP ["10.0.0.2"]',
      ],
    },
    {
      name: 'an address kept that a foreign host holds',
      exclusions: FOREIGN,
      given: SETTLED,
      want: [
        'Warning AddressConflict: 10.0.0.1 is not announced until that ends: it is in use on the LAN (host 52:54:00:00:00:99, seen by node n1); ask for another address',
      ],
    },
    {
      name: 'a loss',
      pools: OTHER_POOLS,
      given: SETTLED,
      want: [
        'Normal ClearAssignment: current IP for "default/s" not allowed by config, will attempt for new IP assignment: ["10.0.0.1"] is not allowed in config: no pool contains it',
        'Warning AllocationFailed: Failed to allocate IP for "default/s": no available IPs: no pool may serve this Service (other: AutoAssignOff)',
      ],
    },
    {
      name: 'a request in vain',
      given: { ...SETTLED, loadBalancerIp: 'ten' },
      want: [
        'Warning LoadBalancerFailed: invalid requested loadbalancer IPs: spec.loadBalancerIP: "ten" is not an IP address (keeps 10.0.0.1)',
      ],
    },
    { name: 'nothing of another type', given: { ...SETTLED, type: 'ClusterIP' }, want: [] },
  ])('$name', ({ given, pools, exclusions, want }) => {
    const decided = decide(given as Partial<ServiceView>, pools as typeof POOLS | undefined, exclusions);
    expect(told(decided)).toEqual(want);
  });
});
