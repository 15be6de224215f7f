import { describe, expect, test } from '@jest/globals';
import { toSecretView } from '../../../src/runtime/adapters/kube/read-model.ts';
import type { ApiRequest } from '../../../src/runtime/engine/ports.ts';
import { err, ok } from '../../../src/runtime/model/result.ts';
import { Configuration } from '../../../src/runtime/programs/configuration.ts';
import { apiList, FakeKubeApi, kubeError } from '../../support/fake-kube-api.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const base64 = (text: string | Uint8Array): string => Buffer.from(text).toString('base64');

function secret(name: string, data: Readonly<Record<string, string>>, type = 'kubernetes.io/basic-auth'): object {
  return { metadata: { namespace: 'ns', name, uid: `uid-${name}`, resourceVersion: '2' }, type, data };
}

function peer(name: string, spec: object): object {
  return {
    metadata: { namespace: 'ns', name, uid: `uid-${name}`, resourceVersion: '1' },
    spec: { myASN: 64500, peerASN: 64501, peerAddress: '192.0.2.1', ...spec },
  };
}

const WITH_SECRET = peer('tor', { passwordSecret: { name: 'tor' } });

/** A configuration read from a server that has these peers, and answers about Secrets as told. */
function setUp(
  peers: readonly object[],
  secrets: () => readonly object[],
  own: { secrets?: 'read' } = { secrets: 'read' },
) {
  const answer = ({ path }: ApiRequest): unknown => {
    if (path.endsWith('/secrets')) return apiList(secrets(), '2');
    return apiList(path.endsWith('/bgppeers') ? peers : [], '1');
  };
  const api = new FakeKubeApi(answer);
  const clock = new VirtualClock();
  const complaints: string[] = [];
  let changes = 0;
  const configuration = new Configuration({
    api,
    clock,
    random: { next: () => 0.5 },
    namespace: 'ns',
    nodeName: 'n1',
    ...own,
    onChange: () => changes++,
    onError: ({ message }) => complaints.push(message),
  });
  configuration.start();
  const password = () => configuration.decide().config?.bgpPeers[0]?.password;
  const faults = () => configuration.decide().errors.map(({ kind, message }) => `${kind}: ${message}`);
  const secretRequests = () => api.requests.filter(({ path }) => path.endsWith('/secrets'));
  const secretWatch = () => api.watches.findLast(({ request }) => request.path.endsWith('/secrets'));
  return {
    configuration,
    clock,
    complaints,
    password,
    faults,
    secretRequests,
    secretWatch,
    changes: () => changes,
    settle: () => clock.advance(50),
  };
}

describe('the password of a BGPPeer in a Secret', () => {
  test('is read from Secrets of type basic-auth in the namespace of the peers', async () => {
    const { settle, password, faults, secretRequests } = setUp([WITH_SECRET], () => [
      secret('tor', { password: base64('open sesame') }),
    ]);
    await settle();
    expect([password(), faults()]).toEqual(['open sesame', []]);
    expect(secretRequests()).toMatchObject([
      { path: '/api/v1/namespaces/ns/secrets', query: { fieldSelector: 'type=kubernetes.io/basic-auth' } },
    ]);
  });

  test('takes effect when the Secret changes', async () => {
    const { settle, password, secretWatch, changes } = setUp([WITH_SECRET], () => [
      secret('tor', { password: base64('old') }),
    ]);
    await settle();
    expect(password()).toBe('old');
    const before = changes();
    const rotated = { ...secret('tor', { password: base64('new') }) } as { metadata: Record<string, string> };
    rotated.metadata['resourceVersion'] = '3';
    secretWatch()?.send({ type: 'MODIFIED', object: rotated });
    expect([password(), changes() > before]).toEqual(['new', true]);
  });

  test('keeps its last good value when the Secret goes, and says so', async () => {
    const { settle, password, faults, secretWatch } = setUp([WITH_SECRET], () => [
      secret('tor', { password: base64('old') }),
    ]);
    await settle();
    expect(password()).toBe('old');
    secretWatch()?.send({ type: 'DELETED', object: secret('tor', {}) });
    expect([password(), faults()]).toEqual(['old', [expect.stringMatching(/^unresolved: there is no Secret "tor"/)]]);
  });

  test('a Secret that is made later is found', async () => {
    const { settle, password, faults, secretWatch } = setUp([WITH_SECRET], () => []);
    await settle();
    expect([password(), faults()]).toEqual([undefined, [expect.stringMatching(/^unresolved: there is no Secret/)]]);
    secretWatch()?.send({ type: 'ADDED', object: secret('tor', { password: base64('late') }) });
    expect([password(), faults()]).toEqual(['late', []]);
  });

  test('Secrets are not read where no peer names one', async () => {
    const { settle, configuration, secretRequests } = setUp([peer('tor', { password: 'x' })], () => []);
    await settle();
    expect([configuration.synced, secretRequests()]).toEqual([true, []]);
  });

  test('Secrets are not read by who does not ask for them, and not spoken of', async () => {
    const { settle, configuration, faults, secretRequests } = setUp([WITH_SECRET], () => [], {});
    await settle();
    expect([configuration.synced, faults(), secretRequests()]).toEqual([true, [], []]);
  });

  test('nothing is decided before they were read or refused', async () => {
    let isAnswering = false;
    const { settle, configuration, clock, faults, password, complaints } = setUp([WITH_SECRET], () => {
      if (!isAnswering) throw kubeError(403, 'Forbidden');
      return [secret('tor', { password: base64('x') })];
    });
    await settle();
    expect([configuration.synced, complaints]).toEqual([true, [expect.stringContaining('Forbidden')]]);
    expect(faults()).toEqual([expect.stringMatching(/^unresolved: the Secret "tor" cannot be read: .*Forbidden/)]);
    isAnswering = true;
    await clock.advance(60_000);
    expect([password(), faults()]).toEqual(['x', []]);
  });
});

test.each([
  { name: 'a password', data: { password: base64('pässword') }, want: ok('pässword') },
  { name: 'the line break of a file is no part of it', data: { password: base64('x y\n') }, want: ok('x y') },
  { name: 'nor is one of Windows', data: { password: base64('x\r\n') }, want: ok('x') },
  { name: 'nothing', data: { password: '' }, want: ok('') },
  { name: 'another key', data: { pass: base64('x') }, want: err('has no key "password"') },
  {
    name: 'bytes that are no text',
    data: { password: base64(Uint8Array.of(0xff, 0xfe)) },
    want: err('has a password that is not text in UTF-8'),
  },
])('what a Secret holds: $name', ({ data, want }) => {
  expect(toSecretView(secret('s', data) as never)).toEqual({ namespace: 'ns', name: 's', password: want });
});

test('a Secret of another type is none', () => {
  expect(toSecretView(secret('s', { password: base64('x') }, 'Opaque') as never)).toBeUndefined();
});
