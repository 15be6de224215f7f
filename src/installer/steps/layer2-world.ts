/**
 * Reads from a cluster who could announce what by layer 2, and who says that it does: nodes, the speakers' Leases,
 * endpoints, ServiceL2Status objects. Changes nothing.
 */
import { createHash } from 'node:crypto';
import { endpointsByService } from '../../runtime/decide/endpoints-by-service.ts';
import type { Layer2World, SpeakerStanding } from '../../runtime/decide/explain/layer2-world.ts';
import { CONFLICTS_ANNOTATION, parseSpeakerConflicts } from '../../runtime/decide/lan-facts.ts';
import { INTERFACES_ANNOTATION, parseSpeaker, SPEAKER_LEASE_LABELS } from '../../runtime/decide/speaker-facts.ts';
import type { EndpointSliceView, LeaseView } from '../../runtime/model/cluster.ts';
import type { NodeView } from '../../runtime/model/node.ts';
import type { ServiceL2StatusView } from '../../runtime/model/service-status.ts';
import type { KubeObject } from '../kube-object.ts';
import { ADDON_NAMESPACE } from '../plan/addon-plan.ts';
import { orInstallError } from './apply-objects.ts';
import type { Cluster } from './cluster.ts';
import { listObjects, READ_WORLD } from './read-objects.ts';

/** How objects of the API are read; see ObjectReaders. */
export interface Layer2Readers {
  readonly node: (object: KubeObject) => NodeView;
  readonly lease: (object: KubeObject) => LeaseView;
  /** Undefined: it belongs to no Service. */
  readonly endpointSlice: (object: KubeObject) => EndpointSliceView | undefined;
  readonly serviceStatus: (object: KubeObject) => ServiceL2StatusView;
}

const SPEAKER = {
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name: 'speaker', namespace: ADDON_NAMESPACE },
} as const;
const STATUSES = { apiVersion: 'metallb.io/v1beta1', kind: 'ServiceL2Status' } as const;
const LEASES = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' } as const;

/** All but what the configuration says. */
export async function readLayer2World(
  cluster: Cluster,
  readers: Layer2Readers,
  nowMs: number,
): Promise<Omit<Layer2World, 'calicoBlocks'>> {
  const [nodes, slices, leases, statuses, speaker] = await Promise.all([
    listObjects(cluster, { apiVersion: 'v1', kind: 'Node' }),
    listObjects(cluster, { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' }),
    listSpeakerLeases(cluster),
    listObjects(cluster, STATUSES, { namespace: ADDON_NAMESPACE }),
    orInstallError(READ_WORLD, cluster.get(SPEAKER), 'reading the speakers’ DaemonSet'),
  ]);
  const flags = argumentsOf(speaker);
  const views = leases.map(readers.lease);
  const standings = speakerStandings(views, nowMs);
  const alive = new Set(standings.filter((standing) => standing.alive).map(({ nodeName }) => nodeName));
  return {
    nodes: nodes.map(readers.node),
    endpoints: endpointsByService(slices.flatMap((slice) => readers.endpointSlice(slice) ?? [])),
    speakers: standings,
    statuses: statuses.map(readers.serviceStatus),
    excludedNodes: flags.includes('--ignore-exclude-lb') ? 'use' : 'skip',
    election: flags.some((flag) => /^--[a-z0-9-]*election=metallb$/.test(flag)) ? 'metallb' : 'spread',
    conflicts: views
      .filter(({ holder }) => alive.has(holder))
      .flatMap(({ holder, annotations }) => parseSpeakerConflicts(holder, annotations[CONFLICTS_ANNOTATION])),
    sha256Hex: (text) => createHash('sha256').update(text).digest('hex'),
  };
}

/** Every node that a speaker has run on, and whether it lives. */
export async function readSpeakers(
  cluster: Cluster,
  readers: Pick<Layer2Readers, 'lease'>,
  nowMs: number,
): Promise<readonly SpeakerStanding[]> {
  return speakerStandings((await listSpeakerLeases(cluster)).map(readers.lease), nowMs);
}

function listSpeakerLeases(cluster: Cluster): Promise<readonly KubeObject[]> {
  const labelSelector = `app=${SPEAKER_LEASE_LABELS.app},component=${SPEAKER_LEASE_LABELS.component}`;
  return listObjects(cluster, LEASES, { namespace: ADDON_NAMESPACE, labelSelector });
}

/** The nodes' clocks are not this machine's: up to so much, the latest renewal of all tells what time it is there. */
const CLOCK_DIFFERENCE_MS = 60_000;

/**
 * Which speakers live, by their Leases: those that have not run out at the time of the latest renewal of all, or, where that is
 * long ago, now.
 */
export function speakerStandings(leases: readonly LeaseView[], nowMs: number): readonly SpeakerStanding[] {
  const renewed = leases.map(({ renewTime }) => Date.parse(renewTime) || 0);
  const latest = Math.max(0, ...renewed);
  const thereMs = nowMs - latest > CLOCK_DIFFERENCE_MS ? nowMs : latest;
  return leases.map(({ holder, annotations, durationSeconds }, index) => {
    const silentSeconds = (thereMs - (renewed[index] ?? 0)) / 1000;
    const alive = holder !== '' && silentSeconds <= durationSeconds;
    return { ...parseSpeaker(holder, annotations[INTERFACES_ANNOTATION]), alive, silentSeconds };
  });
}

/** The arguments that a workload's programs are started with. */
export function argumentsOf(workload: KubeObject | undefined): readonly string[] {
  const spec = (workload?.['spec'] ?? {}) as {
    template?: { spec?: { containers?: readonly { args?: readonly string[] }[] } };
  };
  return (spec.template?.spec?.containers ?? []).flatMap(({ args }) => args ?? []);
}
