/**
 * Reads and writes Calico's BGPConfiguration "default", of whichever group the cluster serves. A write carries the
 * version that it was decided on and only the fields that it is about: whoever wrote in between is answered with 409 and
 * nothing of theirs is lost.
 */
import type { KubeApi } from '../../engine/ports.ts';
import {
  CALICO_API_VERSIONS,
  CALICO_BGP_NAME,
  type CalicoApiVersion,
  type CalicoBgpConfiguration,
  type CalicoBlock,
} from '../../model/calico.ts';
import { KubeError } from './kube-error.ts';
import { asArray, asObject, asString, asTexts, type Untyped } from './untyped.ts';

/** The list of them. */
export function calicoBgpPath(version: CalicoApiVersion): string {
  return `/apis/${version}/bgpconfigurations`;
}

/** Where the object is, or would be. */
export interface FoundCalico {
  readonly version: CalicoApiVersion;
  /** Absent: Calico is served, and nobody has made the object. */
  readonly current?: CalicoBgpConfiguration;
}

/** Undefined: neither group is served. Rejects with KubeError. */
export async function findCalicoBgp(api: KubeApi): Promise<FoundCalico | undefined> {
  for (const version of CALICO_API_VERSIONS) {
    try {
      const raw = await api.request({
        op: 'get Calico’s bgpconfiguration',
        path: `${calicoBgpPath(version)}/${CALICO_BGP_NAME}`,
      });
      return { version, current: toCalicoBgp(asObject(raw)) };
    } catch (error) {
      if (!(error instanceof KubeError) || error.status !== 404) throw error;
      // Of a kind that it serves the server says NotFound in so many words; of another it only says 404.
      if (error.reason === 'NotFound') return { version };
    }
  }
  return undefined;
}

export interface CalicoBgpWrite {
  readonly blocks: readonly CalicoBlock[];
  /** Values to set; null removes the annotation. */
  readonly annotations: Readonly<Record<string, string | null>>;
}

/** Makes the object where there is none. Rejects with KubeError; 409: somebody wrote, or made it, in between. */
export async function writeCalicoBgp(
  api: KubeApi,
  { version, current }: FoundCalico,
  { blocks, annotations }: CalicoBgpWrite,
): Promise<void> {
  const spec = { serviceLoadBalancerIPs: blocks };
  if (current === undefined) {
    await api.request({
      op: 'create Calico’s bgpconfiguration',
      method: 'POST',
      path: calicoBgpPath(version),
      body: {
        apiVersion: version,
        kind: 'BGPConfiguration',
        metadata: { name: CALICO_BGP_NAME, annotations },
        spec,
      },
    });
    return;
  }
  await api.request({
    op: 'patch Calico’s bgpconfiguration',
    method: 'PATCH',
    path: `${calicoBgpPath(version)}/${CALICO_BGP_NAME}`,
    contentType: 'application/merge-patch+json',
    body: { metadata: { resourceVersion: current.resourceVersion, annotations }, spec },
  });
}

/** An informer's toView for the one object that counts. */
export function toDefaultCalicoBgp(raw: Untyped): CalicoBgpConfiguration | undefined {
  return asString(asObject(raw['metadata'])['name']) === CALICO_BGP_NAME ? toCalicoBgp(raw) : undefined;
}

export function toCalicoBgp(raw: Untyped): CalicoBgpConfiguration {
  const metadata = asObject(raw['metadata']);
  return {
    resourceVersion: asString(metadata['resourceVersion']),
    annotations: asTexts(metadata['annotations']),
    blocks: asArray(asObject(raw['spec'])['serviceLoadBalancerIPs']).map((entry) => {
      const fields = asObject(entry);
      return { ...fields, cidr: asString(fields['cidr']) };
    }),
  };
}
