import { describe, expect, test } from '@jest/globals';
import type { DecidedConfig } from '../../../../src/runtime/decide/configuration/config-source.ts';
import type { ApiRequest } from '../../../../src/runtime/engine/ports.ts';
import type { ConfigError } from '../../../../src/runtime/model/config.ts';
import { ConfigurationReport } from '../../../../src/runtime/programs/speaker/configuration-report.ts';
import { apiList, FakeKubeApi, kubeError } from '../../../support/fake-kube-api.ts';
import { VirtualClock } from '../../../support/virtual-clock.ts';

const FAULT: ConfigError = { path: 'BGPPeer metallb-system/a spec.myASN', message: 'is wrong', kind: 'invalid' };
const decided = (errors: readonly ConfigError[]) => ({ errors }) as unknown as DecidedConfig;

/** One ConfigurationState, as a server would hold it. */
class StateServer {
  object: { metadata: Record<string, unknown>; status?: unknown } | undefined;
  readonly writes: string[] = [];
  #version = 1;

  answer(request: ApiRequest): unknown {
    const { method = 'GET', path, body } = request;
    if (method === 'GET') return apiList(this.object === undefined ? [] : [this.object], String(this.#version));
    if (method === 'PATCH' && this.object === undefined) throw kubeError(404, 'NotFound');
    this.writes.push(`${method} ${path.replace(/.*configurationstates/, '')}`);
    const { metadata, status } = body as { metadata?: Record<string, unknown>; status?: unknown };
    this.object = {
      ...this.object,
      metadata: { ...this.object?.metadata, ...metadata, uid: 'u', resourceVersion: String(++this.#version) },
      ...(status === undefined ? {} : { status }),
    };
    return this.object;
  }
}

function setUp(server = new StateServer(), podUid = 'pod-1') {
  const api = new FakeKubeApi((request) => server.answer(request));
  const settings = { nodeName: 'n1', namespace: 'metallb-system', pod: { name: 'speaker-x', uid: podUid } };
  const clock = new VirtualClock();
  const report = new ConfigurationReport({
    api,
    clock,
    random: { next: () => 0.5 },
    settings,
    onError: () => {},
  });
  report.start();
  return { api, server, report, settle: () => clock.advance(100) };
}

const CREATED = ['POST ', 'PATCH /speaker-n1/status'];

describe('the ConfigurationState of a speaker', () => {
  test('is made with its name, labels and owner', async () => {
    const { server, report, settle } = setUp();
    report.tell(decided([]));
    await settle();
    expect(server.writes).toEqual(CREATED);
    expect(server.object).toMatchObject({
      metadata: {
        name: 'speaker-n1',
        labels: { 'metallb.io/component-type': 'speaker', 'metallb.io/node-name': 'n1' },
        ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'speaker-x', uid: 'pod-1' }],
      },
      status: { result: 'Valid', errorSummary: '', conditions: [{ type: 'configReconcilerValid', status: 'True' }] },
    });
  });

  test('is not written again when it says already what it should, a restart included', async () => {
    const first = setUp();
    first.report.tell(decided([FAULT]));
    await first.settle();
    first.server.writes.length = 0;
    const second = setUp(first.server);
    second.report.tell(decided([FAULT]));
    await second.settle();
    expect(second.server.writes).toEqual([]);
  });

  test('is made again, with its conditions, when somebody deletes it', async () => {
    const { api, server, report, settle } = setUp();
    report.tell(decided([FAULT]));
    await settle();
    api.lastWatch.send({ type: 'ADDED', object: server.object });
    await settle();
    server.writes.length = 0;
    const gone = server.object;
    server.object = undefined;
    api.lastWatch.send({ type: 'DELETED', object: gone });
    await settle();
    expect(server.writes).toEqual(CREATED);
    expect(server.object).toMatchObject({ status: { result: 'Invalid', errorSummary: `${FAULT.path}: is wrong` } });
  });

  test('of the pod before is taken over', async () => {
    const first = setUp();
    first.report.tell(decided([]));
    await first.settle();
    first.server.writes.length = 0;
    const second = setUp(first.server, 'pod-2');
    second.report.tell(decided([]));
    await second.settle();
    expect(first.server.writes).toEqual(['PATCH /speaker-n1', 'PATCH /speaker-n1/status']);
    expect(first.server.object?.metadata['ownerReferences']).toMatchObject([{ uid: 'pod-2' }]);
  });
});
