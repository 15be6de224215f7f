import { describe, expect, test } from '@jest/globals';
import { formatExplanation, formatProblems } from '../../../src/cli/explanation-printer.ts';
import { explainProblems, explainService } from '../../../src/runtime/decide/explain/explain.ts';
import { ip, pool, service } from '../../support/views.ts';
import { explainWorld, worldOf } from '../decide/explain/explain-world.ts';

const FULL = explainWorld(
  [pool('public', ['10.0.0.1-10.0.0.2']), pool('vip', ['10.0.1.0/24'], { autoAssign: false })],
  [
    service('a', { ingress: [{ ip: ip('10.0.0.1') }] }),
    service('b', { ingress: [{ ip: ip('10.0.0.2') }] }),
    service('nginx', { createdAtMs: 9 }),
  ],
);

describe('an explanation for people', () => {
  test('of a Service without an address', () => {
    expect(formatExplanation(explainService(FULL, 'default/nginx'))).toBe(
      `service/nginx in default gets nothing: PoolsExhausted, no available IPs: no pool that may serve this Service has an address left (public: Exhausted, vip: AutoAssignOff)
  asks for an IPv4 address, of any pool
  has      nothing
  but      the controller has not said this yet; is it running? 1 of 1 pods are ready.

pools:
  public  Exhausted      no address is left: 2 of 2 IPv4 in use (by default/a, default/b)
  vip     AutoAssignOff  gives addresses only to Services that ask for it or for one of them (spec.autoAssign is false)

what to do:
  1. set annotation metallb.io/address-pool=vip to get an address of pool "vip", which is not given out automatically
  2. free an address of pool "public" or add a range to it: 2 of 2 IPv4 in use by default/a, default/b
`,
    );
  });

  test('of one that there is not', () => {
    expect(formatExplanation(explainService(FULL, 'web/nginx'))).toBe(
      `service/nginx in web: NoSuchService, there is no Service web/nginx

what to do:
  1. check the name and the namespace (-n); there is default/nginx
`,
    );
  });

  test('with the addresses it asks for, and the configuration’s faults', () => {
    const world = worldOf(FULL.decided.config, [...FULL.services, service('x', { loadBalancerIp: '10.0.0.1' })], {
      decided: {
        ...FULL.decided,
        errors: [{ path: 'L2Advertisement metallb-system/l2 spec.nodes', message: 'no', kind: 'invalid' }],
      },
    });
    const text = formatExplanation(explainService(world, 'default/x'));
    expect(text).toContain('  asks for an IPv4 address, namely 10.0.0.1, of any pool\n');
    expect(text).toContain('\nrequested addresses:\n  10.0.0.1  in-use  held by default/a (');
    expect(text).toMatch(
      /\nfaults of the configuration \(resources\):\n {2}L2Advertisement metallb-system\/l2 spec\.nodes: no\n$/,
    );
  });
});

test('problems are a line each, in columns', () => {
  const lines = formatProblems(explainProblems(FULL)).split('\n');
  // Who has what it asks for is no problem.
  expect(lines.map((line) => line.slice(0, 60).trimEnd())).toEqual([
    'SERVICE        REASON          HAS     WHY',
    'default/nginx  PoolsExhausted  <none>  no available IPs: no',
    '',
  ]);
});
