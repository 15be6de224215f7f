/**
 * The key by which speakers know each other's datagrams: a Secret, made once with random bytes and never changed here.
 * Not a part of the chart, whose values and objects are kept in the records of releases and shown by --check.
 */
import { randomBytes } from 'node:crypto';
import type { KubeObject } from '../kube-object.ts';
import { ADDON_NAMESPACE } from '../plan/addon-plan.ts';
import type { ObjectChange } from '../progress.ts';
import { orInstallError } from './apply-objects.ts';
import { type Cluster, formatRef, type ObjectRef } from './cluster.ts';
import type { StepPlan } from './configuration.ts';
import { withOwnLabel } from './ownership.ts';

/** As the chart's value speaker.liveness.keySecret has it. */
export const LIVENESS_KEY: ObjectRef = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { namespace: ADDON_NAMESPACE, name: 'metallb-liveness' },
};

const KEY_BYTES = 32;

/** Makes the Secret where there is none; one that is there stays as it is, whoever made it. */
export async function planLivenessKey(cluster: Cluster, step: string): Promise<StepPlan> {
  const isThere = (await orInstallError(step, cluster.get(LIVENESS_KEY))) !== undefined;
  const change = (action: ObjectChange['action']): ObjectChange => ({
    action,
    object: formatRef(LIVENESS_KEY),
    fields: [],
  });
  if (isThere) return { changes: [change('unchanged')], write: async () => {} };
  return {
    changes: [change('create')],
    async write() {
      await orInstallError(step, cluster.apply(withOwnLabel(newKey()), 'write'));
    },
  };
}

function newKey(): KubeObject {
  return { ...LIVENESS_KEY, type: 'Opaque', data: { key: randomBytes(KEY_BYTES).toString('base64') } };
}
