/** A Service as allocation sees it: what it asks for, read once, and its place in the order of claim. */
import type { Result } from '../../model/result.ts';
import { formatKey, type ServiceView } from '../../model/service.ts';
import { compareText } from '../../model/text-order.ts';
import type { Refusal } from './allocation-reason.ts';
import { shownAddresses } from './ownership.ts';
import {
  ADDRESS_COUNT,
  ADDRESS_REQUEST,
  annotationOf,
  LEAVE_DRAINING_POOL,
  POOL_REQUEST,
  readRequest,
  type ServiceRequest,
  SHARING_KEY,
  type Sharing,
  sharingOf,
} from './service-request.ts';

export interface Claimant {
  readonly service: ServiceView;
  /** "namespace/name" */
  readonly key: string;
  readonly request: Result<ServiceRequest, Refusal>;
  readonly sharing: Sharing;
  /** How many addresses its status shows: who has more to lose comes first. */
  readonly shown: number;
}

export function toClaimant(service: ServiceView): Claimant {
  return {
    service,
    key: formatKey(service),
    request: readRequest(service),
    sharing: sharingOf(service),
    shown: shownAddresses(service).length,
  };
}

/**
 * Holders of more addresses before holders of fewer, then the rest. Among equals those first who ask for an address by
 * name, because no other will do for them; then the oldest, then by name.
 */
export function compareClaims(a: Claimant, b: Claimant): number {
  return (
    b.shown - a.shown ||
    asksByName(b) - asksByName(a) ||
    a.service.createdAtMs - b.service.createdAtMs ||
    compareText(a.key, b.key)
  );
}

function asksByName({ request }: Claimant): 0 | 1 {
  return request.ok && request.value.ips !== undefined ? 1 : 0;
}

/** Whether two views of a Service ask for the same, whatever their statuses show. */
export function isSameClaim(a: ServiceView, b: ServiceView): boolean {
  return a.uid === b.uid && claimText(a) === claimText(b);
}

const CLAIMS = [POOL_REQUEST, ADDRESS_REQUEST, SHARING_KEY, ADDRESS_COUNT, LEAVE_DRAINING_POOL] as const;

/** All that allocation reads of a Service but its status. */
function claimText(service: ServiceView): string {
  const { deleting, type, loadBalancerClass, clusterIps, ipFamilyPolicy, loadBalancerIp, ports } = service;
  const annotations = CLAIMS.map((name) => annotationOf(service, name));
  return JSON.stringify([
    [deleting, type, loadBalancerClass, clusterIps, ipFamilyPolicy, loadBalancerIp, annotations],
    [service.externalTrafficPolicy, service.createdAtMs],
    ports.map(({ protocol, port }) => `${protocol}/${port}`),
    Object.entries(service.labels).sort(([x], [y]) => compareText(x, y)),
    Object.entries(service.selector).sort(([x], [y]) => compareText(x, y)),
  ]);
}
