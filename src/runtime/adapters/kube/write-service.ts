/**
 * Writes what a Service was given: addresses, condition and annotation in one request, so that nobody sees one without
 * the others. A strategic merge patch: the address list is replaced, of the conditions only ours is touched. It carries
 * the resource version that was decided on: if the Service has changed since, the answer is 409 and the world is decided
 * anew.
 */
import type { KubeApi } from '../../engine/ports.ts';
import type { Ip } from '../../model/ip.ts';
import type { ConditionView, ServiceView } from '../../model/service.ts';

export interface ServiceStatusWrite {
  /** As it was decided on. */
  readonly service: ServiceView;
  /** Undefined: leave the addresses as they are. */
  readonly ips?: readonly Ip[];
  /** Values to set; null removes the annotation. */
  readonly annotations: Readonly<Record<string, string | null>>;
  /** The condition to set, or only the type of the one to remove. */
  readonly condition?: ConditionView | { readonly type: string };
}

/** Resolves with the Service as the API now has it. */
export function writeServiceStatus(api: KubeApi, write: ServiceStatusWrite): Promise<unknown> {
  const { service, ips, annotations, condition } = write;
  return api.request({
    op: 'patch service status',
    method: 'PATCH',
    path: `/api/v1/namespaces/${service.namespace}/services/${service.name}/status`,
    contentType: 'application/strategic-merge-patch+json',
    body: {
      metadata: { resourceVersion: service.resourceVersion, uid: service.uid, annotations },
      status: {
        ...(ips === undefined
          ? {}
          : { loadBalancer: { ingress: ips.length === 0 ? null : ips.map((ip) => ({ ip })) } }),
        ...(condition === undefined ? {} : { conditions: [conditionPatch(condition)] }),
      },
    },
  });
}

function conditionPatch(condition: ConditionView | { readonly type: string }): object {
  return 'status' in condition ? condition : { $patch: 'delete', type: condition.type };
}
