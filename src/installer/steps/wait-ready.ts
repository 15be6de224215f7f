/**
 * Waits until the controller and the speakers run in their new version, and says why when they do not: the container's
 * own reason (ErrImageNeverPull, CrashLoopBackOff) and the last lines of its log.
 */
import { InstallError } from '../errors.ts';
import type { KubeObject } from '../kube-object.ts';
import { ADDON_NAMESPACE } from '../plan/addon-plan.ts';
import { orInstallError } from './apply-objects.ts';
import type { Cluster } from './cluster.ts';
import { type WaitOptions, waitFor } from './wait.ts';

export interface Workload {
  readonly kind: 'Deployment' | 'DaemonSet';
  readonly name: 'controller' | 'speaker';
  /** As progress lines say it. */
  readonly step: string;
}

export const CONTROLLER: Workload = { kind: 'Deployment', name: 'controller', step: 'wait for the controller' };
export const SPEAKERS: Workload = { kind: 'DaemonSet', name: 'speaker', step: 'wait for the speakers' };

/** Reasons that waiting does not cure. */
const HOPELESS = ['ErrImageNeverPull', 'InvalidImageName', 'CreateContainerConfigError'];
const LOG_LINES = 5;

/** Gives how many pods are ready, as text: "3 of 3 ready". */
export async function waitReady(cluster: Cluster, workload: Workload, wait: WaitOptions): Promise<string> {
  const ref = {
    apiVersion: 'apps/v1',
    kind: workload.kind,
    metadata: { name: workload.name, namespace: ADDON_NAMESPACE },
  };
  let latest = 'it does not exist';
  const ready = await waitFor(async () => {
    const object = await orInstallError(workload.step, cluster.get(ref));
    const rollout = object === undefined ? undefined : readRollout(object);
    if (rollout === undefined) return undefined;
    latest = `${rollout.available} of ${rollout.desired} ready`;
    if (rollout.isComplete) return latest;
    const trouble = await findTrouble(cluster, workload);
    if (trouble !== undefined && HOPELESS.includes(trouble.reason)) throw notReady(workload, latest, trouble, wait);
    return undefined;
  }, wait);
  if (ready !== undefined) return ready;
  throw notReady(workload, latest, await findTrouble(cluster, workload), wait);
}

interface Rollout {
  readonly desired: number;
  readonly available: number;
  readonly isComplete: boolean;
}

/** The same conditions as `kubectl rollout status`. */
function readRollout(object: KubeObject): Rollout {
  const status = (object['status'] ?? {}) as Readonly<Record<string, number | undefined>>;
  const spec = (object['spec'] ?? {}) as { replicas?: number };
  const isObserved = (status['observedGeneration'] ?? 0) >= Number(object.metadata['generation'] ?? 0);
  if (object.kind === 'DaemonSet') {
    const desired = status['desiredNumberScheduled'] ?? 0;
    const available = status['numberAvailable'] ?? 0;
    const isUpdated = (status['updatedNumberScheduled'] ?? 0) >= desired;
    return { desired, available, isComplete: isObserved && isUpdated && available >= desired };
  }
  const desired = spec.replicas ?? 1;
  const available = status['availableReplicas'] ?? 0;
  const updated = status['updatedReplicas'] ?? 0;
  const isAlone = (status['replicas'] ?? 0) <= updated;
  return { desired, available, isComplete: isObserved && updated >= desired && isAlone && available >= desired };
}

interface Trouble {
  readonly pod: string;
  readonly reason: string;
  readonly message: string;
  readonly log: string;
}

interface ContainerStatus {
  readonly name: string;
  readonly ready?: boolean;
  readonly restartCount?: number;
  readonly state?: {
    readonly waiting?: { readonly reason?: string; readonly message?: string };
    readonly terminated?: { readonly reason?: string };
  };
}

interface PodStatus {
  readonly phase?: string;
  readonly containerStatuses?: readonly ContainerStatus[];
  readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
}

/** The first pod that is in trouble, and what it says. */
async function findTrouble(cluster: Cluster, workload: Workload): Promise<Trouble | undefined> {
  const scope = { namespace: ADDON_NAMESPACE, labelSelector: `app=metallb,component=${workload.name}` };
  const pods = await orInstallError(workload.step, cluster.list({ apiVersion: 'v1', kind: 'Pod' }, scope));
  for (const pod of pods) {
    const status = (pod['status'] ?? {}) as PodStatus;
    const unscheduled = status.conditions?.find(
      ({ type, status: value }) => type === 'PodScheduled' && value === 'False',
    );
    if (unscheduled !== undefined) {
      return { pod: pod.metadata.name, reason: 'Unschedulable', message: unscheduled.message ?? '', log: '' };
    }
    const container = status.containerStatuses?.find(({ ready }) => ready !== true);
    if (container !== undefined) return describeContainer(cluster, pod.metadata.name, container);
  }
  return undefined;
}

async function describeContainer(cluster: Cluster, pod: string, container: ContainerStatus): Promise<Trouble> {
  const { waiting, terminated } = container.state ?? {};
  const hasRestarted = (container.restartCount ?? 0) > 0;
  const log = await cluster.logTail(
    {
      namespace: ADDON_NAMESPACE,
      name: pod,
      container: container.name,
      previous: hasRestarted && waiting !== undefined,
    },
    LOG_LINES,
  );
  return {
    pod,
    reason: waiting?.reason ?? terminated?.reason ?? 'NotReady',
    message: waiting?.message ?? '',
    log: log.trim(),
  };
}

const REMEDIES: Readonly<Record<string, string>> = {
  ErrImageNeverPull:
    'the image is not on the node: set metallb_offline to an image archive, or metallb_image_pull_policy to "IfNotPresent"',
  ErrImagePull:
    'the node cannot pull the image: set metallb_offline to an image archive, or check metallb_image_repository and metallb_ver',
  ImagePullBackOff:
    'the node cannot pull the image: set metallb_offline to an image archive, or check metallb_image_repository and metallb_ver',
  InvalidImageName: 'correct metallb_image_repository and metallb_ver',
  Unschedulable: 'no node takes the pod; see `kubectl describe pod` and metallb_speaker_node_selector',
};

function notReady(workload: Workload, latest: string, trouble: Trouble | undefined, wait: WaitOptions): InstallError {
  const isHopeless = trouble !== undefined && HOPELESS.includes(trouble.reason);
  const told =
    trouble === undefined
      ? ''
      : `; pod ${trouble.pod}: ${trouble.reason}${oneLine(trouble.message)}${oneLine(trouble.log)}`;
  const when = isHopeless ? '' : ` after ${wait.timeoutSeconds} s`;
  return new InstallError({
    kind: trouble !== undefined && /Image/.test(trouble.reason) ? 'image' : 'timeout',
    step: workload.step,
    problem: `the ${workload.name} does not become ready: ${latest}${when}${told}`,
    hint:
      REMEDIES[trouble?.reason ?? ''] ??
      `\`kubectl -n ${ADDON_NAMESPACE} describe pods -l component=${workload.name}\` tells more; metallb_wait_seconds lengthens the wait`,
  });
}

function oneLine(text: string): string {
  return text === '' ? '' : `: ${text.replaceAll(/\s*\n\s*/g, ' | ')}`;
}
