/** Membership on a played API server and a virtual clock: what is written, who lives, and when that is told. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import { parseSpeakerConflicts } from '../../../../src/runtime/decide/lan-facts.ts';
import type { InterfaceFacts } from '../../../../src/runtime/model/announcements.ts';
import { parseIp } from '../../../../src/runtime/model/ip.ts';
import { Membership } from '../../../../src/runtime/programs/speaker/membership.ts';
import { apiList, FakeKubeApi, kubeError } from '../../../support/fake-kube-api.ts';
import { fixedRandom, VirtualClock } from '../../../support/virtual-clock.ts';

const LEASES = '/apis/coordination.k8s.io/v1/namespaces/metallb-system/leases';
const eth0 = (...addresses: readonly string[]) => [{ name: 'eth0', index: 2, running: true, addresses }];

let clock: VirtualClock;
let api: FakeKubeApi;
let membership: Membership;
let changes: number;
/** What the last change was of. */
let lastChange: string | undefined;
let errors: number;
let reconnects: number;
/** What the API server answers to writes. */
let inReach: boolean;

beforeEach(async () => {
  clock = new VirtualClock();
  inReach = true;
  changes = 0;
  errors = 0;
  reconnects = 0;
  api = new FakeKubeApi(({ method }) => {
    if (method === undefined) return apiList([lease('a', 0), lease('b', 0), lease('c', 0)], '1');
    if (!inReach) throw kubeError(0, 'timeout');
    return {};
  });
  const address = parseIp('10.6.204.1');
  membership = new Membership({
    api,
    clock,
    random: fixedRandom(),
    settings: { nodeName: 'a', namespace: 'metallb-system', boot: '00000000000000aa' },
    node: (name) => ({
      name,
      uid: `uid-${name}`,
      labels: {},
      networkUnavailable: false,
      ready: true,
      unschedulable: false,
      taints: [],
      internalIps: address.ok ? [address.value] : [],
    }),
    onChanged: (what) => {
      changes += 1;
      lastChange = what;
    },
    onBackInReach: () => {
      reconnects += 1;
    },
    onError: () => {
      errors += 1;
    },
  });
  membership.informer.start();
  await clock.advance(0);
});

/** A speaker's Lease; it names no port, so nobody can be found missing by trying to reach it. */
function lease(node: string, renewal: number, subnet = '10.6.204.1/24'): object {
  return {
    metadata: {
      namespace: 'metallb-system',
      name: `speaker-${node}`,
      uid: `uid-lease-${node}`,
      resourceVersion: String(2 + renewal),
      annotations: { 'metallb.io/speaker-interfaces': JSON.stringify([{ name: 'eth0', subnets: [subnet] }]) },
    },
    spec: { holderIdentity: node, leaseDurationSeconds: 4, renewTime: `renewal ${renewal}` },
  };
}

/** Lets `seconds` pass while the named nodes renew every second. */
async function pass(seconds: number, nodes: readonly string[], from: number): Promise<void> {
  for (let i = 0; i < seconds; i++) {
    for (const node of nodes) api.lastWatch.send({ type: 'MODIFIED', object: lease(node, from + i) });
    await clock.advance(1000);
  }
}

const writes = () => api.requests.filter(({ method }) => method !== undefined);
const alive = () => membership.speakers().map(({ nodeName }) => nodeName);

describe('this speaker’s Lease', () => {
  test('is patched with the interfaces, the port and the node as its owner, and renewed every second', async () => {
    membership.setLivenessPort(7946);
    membership.setInterfaces(eth0('10.6.204.1/24'));
    await clock.advance(0);
    expect(writes()).toHaveLength(1);
    expect(writes()[0]).toMatchObject({
      method: 'PATCH',
      path: `${LEASES}/speaker-a`,
      body: {
        metadata: {
          annotations: {
            'metallb.io/speaker-interfaces': '[{"name":"eth0","subnets":["10.6.204.1/24"]}]',
            'metallb.io/speaker-port': '7946',
          },
          ownerReferences: [{ kind: 'Node', name: 'a', uid: 'uid-a' }],
        },
        spec: { holderIdentity: 'a', leaseDurationSeconds: 4, renewTime: '2020-01-01T00:00:00.000000Z' },
      },
    });
    await clock.advance(3000);
    expect(writes()).toHaveLength(4);
  });

  test('tells a port only once there is one, and at once then', async () => {
    membership.setInterfaces(eth0('10.6.204.1/24'));
    await clock.advance(500);
    membership.setLivenessPort(7946);
    membership.setLivenessPort(7946);
    await clock.advance(0);
    const told = writes().map(({ body }) => (body as { metadata: { annotations: object } }).metadata.annotations);
    expect(told).toMatchObject([{ 'metallb.io/speaker-port': '' }, { 'metallb.io/speaker-port': '7946' }]);
  });

  test('says where the default routes go to, once that is known', async () => {
    membership.setGateways(['10.6.204.254']);
    await clock.advance(0);
    expect(writes()).toHaveLength(0);
    membership.setInterfaces(eth0('10.6.204.1/24'));
    await clock.advance(100);
    membership.setGateways(['10.6.204.253', 'fe80::1']);
    await clock.advance(0);
    const told = writes().map(({ body }) => (body as { metadata: { annotations: object } }).metadata.annotations);
    expect(told).toMatchObject([
      { 'metallb.io/speaker-gateways': '["10.6.204.254"]' },
      { 'metallb.io/speaker-gateways': '["10.6.204.253","fe80::1"]' },
    ]);
  });

  test('leaves alone what an earlier process said of the gateways while this one does not know', async () => {
    membership.setInterfaces(eth0('10.6.204.1/24'));
    await clock.advance(0);
    expect(JSON.stringify(writes()[0]?.body)).not.toContain('speaker-gateways');
  });

  test('says its MACs, and which addresses foreign hosts hold, at once and until that is over', async () => {
    membership.setInterfaces([{ ...eth0('10.6.204.1/24')[0], mac: '02:00:00:00:00:01' } as InterfaceFacts]);
    await clock.advance(100);
    const heard = '[{"ip":"10.6.204.20","mac":"52:54:00:00:00:99","interface":"eth0","sinceMs":1000}]';
    membership.setConflicts(parseSpeakerConflicts('a', heard));
    membership.setConflicts(parseSpeakerConflicts('a', heard));
    await clock.advance(100);
    membership.setConflicts([]);
    await clock.advance(0);
    const told = writes().map(({ body }) => (body as { metadata: { annotations: object } }).metadata.annotations);
    const macs = '["02:00:00:00:00:01"]';
    expect(told).toMatchObject([
      // Whatever an earlier process said of conflicts has to be found out anew.
      { 'metallb.io/speaker-macs': macs, 'metallb.io/speaker-conflicts': '[]' },
      { 'metallb.io/speaker-macs': macs, 'metallb.io/speaker-conflicts': heard },
      { 'metallb.io/speaker-macs': macs, 'metallb.io/speaker-conflicts': '[]' },
    ]);
  });

  test('is made where there is none', async () => {
    api.answerWith(({ method }) => {
      if (method === 'PATCH') throw kubeError(404, 'NotFound');
      return {};
    });
    membership.setInterfaces(eth0('10.6.204.1/24'));
    await clock.advance(0);
    expect(writes().map(({ method, path }) => `${method} ${path}`)).toEqual([
      `PATCH ${LEASES}/speaker-a`,
      `POST ${LEASES}`,
    ]);
  });

  test('says so at once when the interfaces change', async () => {
    membership.setInterfaces(eth0('10.6.204.1/24'));
    await clock.advance(100);
    membership.setInterfaces(eth0('10.6.204.1/24', '192.168.0.1/24'));
    await clock.advance(0);
    expect(writes()).toHaveLength(2);
    expect(JSON.stringify(writes()[1]?.body)).toContain('192.168.0.1/24');
  });

  test('is deleted by an orderly stop, and renewed no more', async () => {
    membership.setInterfaces(eth0('10.6.204.1/24'));
    await clock.advance(0);
    await membership.retire();
    expect(writes().at(-1)).toMatchObject({ method: 'DELETE', path: `${LEASES}/speaker-a` });
    const before = writes().length;
    await clock.advance(10_000);
    expect(writes()).toHaveLength(before);
  });
});

describe('what the others say of the LAN', () => {
  const heard = '[{"ip":"10.6.204.20","mac":"52:54:00:00:00:99","interface":"eth0","sinceMs":1000}]';
  function telling(node: string, annotations: object, renewal = 1): object {
    const plain = lease(node, renewal) as { metadata: { annotations: object } };
    return {
      ...plain,
      metadata: { ...plain.metadata, annotations: { ...plain.metadata.annotations, ...annotations } },
    };
  }

  test('conflicts and MACs are told when they change, a renewal is no change', async () => {
    membership.setInterfaces(eth0('10.6.204.1/24'));
    await clock.advance(0);
    const before = changes;
    const both = { 'metallb.io/speaker-conflicts': heard, 'metallb.io/speaker-macs': '["02:00:00:00:00:02"]' };
    api.lastWatch.send({ type: 'MODIFIED', object: telling('b', both) });
    expect(changes).toBe(before + 1);
    expect(membership.conflicts()).toMatchObject([{ ip: '10.6.204.20', mac: '52:54:00:00:00:99', node: 'b' }]);
    expect(membership.speakerMacs()).toEqual(['02:00:00:00:00:02']);
    api.lastWatch.send({ type: 'MODIFIED', object: telling('b', both) });
    expect(changes).toBe(before + 1);
    api.lastWatch.send({ type: 'MODIFIED', object: lease('b', 2) });
    expect(changes).toBe(before + 2);
    expect(membership.conflicts()).toEqual([]);
  });

  test('a foreign host that comes and goes is no change among the speakers', async () => {
    membership.setInterfaces(eth0('10.6.204.1/24'));
    await clock.advance(0);
    const before = changes;
    for (const [i, held] of [heard, '[]', heard].entries()) {
      lastChange = undefined;
      const object = telling('b', { 'metallb.io/speaker-conflicts': held }, i + 1);
      api.lastWatch.send({ type: 'MODIFIED', object });
      expect(lastChange).toBe('conflicts');
    }
    expect(changes).toBe(before + 3);
    const both = { 'metallb.io/speaker-conflicts': '[]', 'metallb.io/speaker-macs': '["02:00:00:00:00:02"]' };
    api.lastWatch.send({ type: 'MODIFIED', object: telling('b', both, 4) });
    expect(lastChange).toBe('speakers');
  });

  test('of a speaker that is dead the conflicts count no more, its MACs do', async () => {
    membership.setInterfaces(eth0('10.6.204.1/24'));
    await clock.advance(0);
    const both = { 'metallb.io/speaker-conflicts': heard, 'metallb.io/speaker-macs': '["02:00:00:00:00:02"]' };
    api.lastWatch.send({ type: 'MODIFIED', object: telling('b', both) });
    await pass(6, ['a', 'c'], 2);
    expect(alive()).toEqual(['a', 'c']);
    expect(membership.conflicts()).toEqual([]);
    expect(membership.speakerMacs()).toEqual(['02:00:00:00:00:02']);
  });
});

describe('who lives', () => {
  beforeEach(async () => {
    membership.setInterfaces(eth0('10.6.204.1/24'));
    await clock.advance(0);
  });

  test('a speaker that counts as dead and was started again is told of at once, by its new boot', async () => {
    const restarted = (renewal: number, boot: string) => ({
      ...lease('b', renewal),
      metadata: {
        ...(lease('b', renewal) as { metadata: { annotations: object } }).metadata,
        annotations: {
          'metallb.io/speaker-interfaces': JSON.stringify([{ name: 'eth0', subnets: ['10.6.204.1/24'] }]),
          'metallb.io/speaker-port': '7946',
          'metallb.io/speaker-boot': boot,
        },
      },
    });
    api.lastWatch.send({ type: 'MODIFIED', object: restarted(1, '00000000000000b1') });
    await clock.advance(0);
    membership.setStates({ b: 'dead' });
    const before = changes;
    api.lastWatch.send({ type: 'MODIFIED', object: restarted(2, '00000000000000b2') });
    await clock.advance(0);
    expect(changes).toBe(before + 1);
    expect(membership.peers()).toMatchObject([{ node: 'b', boot: '00000000000000b2' }]);
  });

  test('renewals change nothing and are not told', async () => {
    const before = changes;
    await pass(20, ['a', 'b', 'c'], 1);
    expect(alive()).toEqual(['a', 'b', 'c']);
    expect(changes).toBe(before);
  });

  test('one that stops renewing is given up once, four seconds later', async () => {
    await pass(2, ['a', 'b', 'c'], 1);
    const before = changes;
    await pass(2, ['a', 'b'], 3);
    expect(alive()).toEqual(['a', 'b', 'c']);
    await pass(2, ['a', 'b'], 5);
    expect(alive()).toEqual(['a', 'b']);
    expect(changes).toBe(before + 1);
  });

  test('a goodbye and a change of interfaces are told at once', async () => {
    const before = changes;
    api.lastWatch.send({ type: 'DELETED', object: lease('c', 1) });
    expect(alive()).toEqual(['a', 'b']);
    api.lastWatch.send({ type: 'MODIFIED', object: lease('b', 1, '192.168.0.1/24') });
    expect(changes).toBe(before + 2);
  });

  test('the API server is out of reach: nobody is given up; back in reach the watches begin anew', async () => {
    await pass(2, ['a', 'b', 'c'], 1);
    inReach = false;
    await clock.advance(120_000);
    expect(alive()).toEqual(['a', 'b', 'c']);
    expect(errors).toBeGreaterThan(10);
    expect(reconnects).toBe(0);
    inReach = true;
    await clock.advance(1000);
    expect(reconnects).toBe(1);
    await pass(3, ['a', 'b'], 200);
    expect(alive()).toEqual(['a', 'b', 'c']);
    await pass(2, ['a', 'b'], 203);
    expect(alive()).toEqual(['a', 'b']);
  });
});
