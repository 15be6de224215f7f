import { describe, expect, test } from '@jest/globals';
import type { DecidedConfig } from '../../../../src/runtime/decide/configuration/config-source.ts';
import type { ConfigMapView } from '../../../../src/runtime/model/cluster.ts';
import type { ConfigError } from '../../../../src/runtime/model/config.ts';
import { configurationStatus } from '../../../../src/runtime/programs/configuration-state.ts';
import { configMapChanges, resourceConditions } from '../../../../src/runtime/programs/controller/config-diff.ts';
import { rawResource } from '../../../support/raw-resources.ts';
import { config } from '../../../support/views.ts';

const NOW = '2026-01-02T03:04:05Z';
const EARLIER = '2025-01-01T00:00:00Z';
const PATH = 'BGPPeer metallb-system/a spec.x';
const fault = (kind: ConfigError['kind'], message: string = kind): ConfigError => ({ path: PATH, message, kind });

describe('the conditions of a configuration object', () => {
  const peer = rawResource('BGPPeer', 'a', {}, { generation: 7 });
  test.each([
    { name: 'in order', faults: [], want: ['True Accepted ', 'True ResolvedRefs '] },
    { name: 'invalid', faults: [fault('invalid')], want: [`False Invalid ${PATH}: invalid`, 'True ResolvedRefs '] },
    {
      name: 'unresolved: not in force, and something is missing',
      faults: [fault('unresolved')],
      want: [`False Unresolved ${PATH}: unresolved`, `False RefNotFound ${PATH}: unresolved`],
    },
    {
      name: 'dangling: in force, and something is missing',
      faults: [fault('dangling')],
      want: ['True Accepted ', `False RefNotFound ${PATH}: dangling`],
    },
    {
      name: 'all at once',
      faults: [fault('dangling'), fault('unresolved'), fault('invalid')],
      want: [
        `False Invalid ${PATH}: unresolved\n${PATH}: invalid`,
        `False RefNotFound ${PATH}: dangling\n${PATH}: unresolved`,
      ],
    },
  ])('$name', ({ faults, want }) => {
    const conditions = resourceConditions(peer, faults, NOW);
    expect(conditions.map(({ type }) => type)).toEqual(['Accepted', 'ResolvedRefs']);
    expect(conditions.map(({ status, reason, message }) => `${status} ${reason} ${message}`)).toEqual(want);
    expect(conditions.map(({ observedGeneration }) => observedGeneration)).toEqual([7, 7]);
  });

  test('tell when their status last changed, not when they were last written', () => {
    const status = { conditions: [{ type: 'Accepted', status: 'False', lastTransitionTime: EARLIER }] };
    const times = resourceConditions({ ...peer, status }, [fault('invalid')], NOW).map(
      (each) => each.lastTransitionTime,
    );
    expect(times).toEqual([EARLIER, NOW]);
  });
});

describe('a ConfigurationState', () => {
  test.each([
    { name: 'nothing wrong', errors: [], result: 'Valid', reason: 'Reconciled' },
    { name: 'invalid', errors: [fault('invalid')], result: 'Invalid', reason: 'ConfigurationError' },
    { name: 'unresolved', errors: [fault('unresolved')], result: 'Invalid', reason: 'ConfigurationError' },
    { name: 'dangling only', errors: [fault('dangling')], result: 'Valid', reason: 'Reconciled' },
  ])('is $result with $name', ({ errors, result, reason }) => {
    const status = configurationStatus({ errors, condition: 'configReconcilerValid', known: undefined, nowText: NOW });
    expect(status).toMatchObject({ result, conditions: [{ type: 'configReconcilerValid', reason }] });
    expect(status.errorSummary).toBe(errors.map(({ message }) => `${PATH}: ${message}`).join('\n'));
  });

  test('keeps the time of the last change while the verdict stays', () => {
    const told = { conditions: [{ type: 'poolReconcilerValid', status: 'True', lastTransitionTime: EARLIER }] };
    const known = rawResource('ConfigurationState', 'controller', undefined, { status: told });
    const report = { errors: [fault('dangling')], condition: 'poolReconcilerValid', known, nowText: NOW } as const;
    expect(configurationStatus(report).conditions[0]?.lastTransitionTime).toBe(EARLIER);
  });
});

describe('the note on an old ConfigMap that is set aside', () => {
  const configMap = {
    namespace: 'metallb-system',
    name: 'config',
    annotations: {},
    data: {},
  } as unknown as ConfigMapView;
  const note = (ignored: NonNullable<DecidedConfig['ignored']>) =>
    configMapChanges(configMap, {
      config: config(),
      source: 'resources',
      errors: [],
      faulty: [],
      memory: { lastGood: new Map(), configMap: undefined },
      ignored,
    })?.['metallb.io/configuration-ignored'];
  test.each([
    {
      name: 'that the resources say the same',
      ignored: { differences: [], errors: [] },
      want: 'which say the same: delete this ConfigMap',
    },
    {
      name: 'how they differ',
      ignored: { differences: ['pool "a" is only in the ConfigMap'], errors: [] },
      want: 'something else: pool "a" is only in the ConfigMap',
    },
    {
      name: 'that it is faulty besides',
      ignored: { differences: [], errors: [fault('invalid')] },
      want: `faulty besides, so whether they say the same cannot be told: ${PATH}`,
    },
  ])('says $name', ({ ignored, want }) => {
    expect(note(ignored)).toContain(want);
  });
});
