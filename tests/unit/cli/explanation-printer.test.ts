import { describe, expect, test } from '@jest/globals';
import { formatExplanation, formatProblems } from '../../../src/cli/explanation-printer.ts';
import type { AnnouncementSection } from '../../../src/runtime/decide/explain/announcement.ts';
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

describe('who announces, for people', () => {
  const at = (ip: string) => ({
    ip,
    reason: 'announced',
    message: 'n1 announces it',
    announcedBy: ['n1'],
    interfaces: 'in-subnet',
    nodes: [
      { node: 'n1', standing: 'announces', message: 'announces it' },
      { node: 'node2', standing: 'cannot', reason: 'speaker-not-alive', message: 'no speaker runs there' },
    ],
  });
  const told = (addresses: readonly object[], advice: readonly string[] = []): string =>
    formatExplanation({
      ...explainService(FULL, 'default/a'),
      announcement: { announced: true, addresses, advice } as unknown as AnnouncementSection,
    });

  test('addresses of which the same is to be said stand together', () => {
    expect(told([at('10.0.0.1'), at('fd00::1')])).toContain(`
who announces:
  10.0.0.1  n1  n1 announces it
  fd00::1   n1  n1 announces it

nodes, for 10.0.0.1, fd00::1:
  n1     announces          announces it
  node2  speaker-not-alive  no speaker runs there
`);
  });

  test('an address that nobody announces shows the reason, and what to do', () => {
    const silent = { ...at('10.0.0.1'), reason: 'no-serving-endpoint', announcedBy: [], message: 'no pods', nodes: [] };
    const text = told([silent], ['start pods']);
    expect(text).toContain('\nwho announces:\n  10.0.0.1  no-serving-endpoint  no pods\n');
    expect(text).toMatch(/what to do:\n(.*\n)* {2}\d\. start pods\n/);
    expect(text).not.toContain('nodes, for');
  });

  test('pods of the Service are counted where they matter', () => {
    const [first, second] = at('10.0.0.1').nodes;
    const local = {
      ...at('10.0.0.1'),
      nodes: [
        { ...first, endpoints: 1 },
        { ...second, endpoints: 0 },
      ],
    };
    const text = told([local]);
    expect(text).toContain('announces it; 1 ready pod of the Service there');
    expect(text).toContain('no speaker runs there; no ready pods of the Service there');
  });

  test('by BGP: a row for every peer of a node, and one for a node that tells none', () => {
    const peer = (name: string, given: object = {}) => ({
      peer: name,
      standing: 'told',
      message: '10.0.0.1/32; session established',
      ...given,
    });
    const bgp = [
      {
        node: 'n1',
        standing: 'advertises',
        message: 'advertises it',
        peers: [
          peer('tor-1'),
          peer('tor-6', { standing: 'not-meant', reason: 'family-not-carried', message: 'carries no IPv4 routes' }),
        ],
        endpoints: 1,
      },
      { node: 'node2', standing: 'cannot', reason: 'no-peer-for-node', message: 'no BGPPeer', peers: [] },
    ];
    expect(told([{ ...at('10.0.0.1'), nodes: [], bgp }])).toContain(`
BGP, for 10.0.0.1:
  n1     tor-1  told                10.0.0.1/32; session established; 1 ready pod of the Service there
  n1     tor-6  family-not-carried  carries no IPv4 routes; 1 ready pod of the Service there
  node2  -      no-peer-for-node    no BGPPeer
`);
    const many = Array.from({ length: 30 }, (_, i) => ({ ...bgp[0], node: `n${i}` }));
    const text = told([{ ...at('10.0.0.1'), nodes: [], bgp: many }]);
    expect(text.split('\n').filter((line) => line.includes('tor-1'))).toHaveLength(20);
    expect(text).toContain('\n  and 10 more (-o json lists all)\n');
  });

  test('of a thousand nodes the first are shown, and how to see the rest', () => {
    const nodes = Array.from({ length: 1000 }, (_, i) => ({ node: `n${i}`, standing: 'could', message: 'could' }));
    expect(told([{ ...at('10.0.0.1'), nodes }])).toContain('\n  and 980 more (-o json lists all)\n');
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
