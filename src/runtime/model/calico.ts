/**
 * What of Calico's BGPConfiguration "default" is of interest: the blocks of addresses of LoadBalancer Services that
 * Calico's nodes advertise (spec.serviceLoadBalancerIPs), and who put them there.
 */
import type { Labels } from './labels.ts';

/** The object's one name that counts for the whole cluster; others are overrides for single nodes. */
export const CALICO_BGP_NAME = 'default';

/** "BGPConfiguration default", the start of every message about it. */
export const CALICO_BGP_TEXT = `BGPConfiguration ${CALICO_BGP_NAME}`;

/**
 * The two groups that may serve it, the one to be preferred first. projectcalico.org/v3 is Calico's own API; where that
 * is not installed, what it is stored in can be read and written.
 */
export const CALICO_API_VERSIONS = ['projectcalico.org/v3', 'crd.projectcalico.org/v1'] as const;

export type CalicoApiVersion = (typeof CALICO_API_VERSIONS)[number];

export interface CalicoBgpConfiguration {
  readonly resourceVersion: string;
  readonly annotations: Labels;
  /** spec.serviceLoadBalancerIPs, as it is there. */
  readonly blocks: readonly CalicoBlock[];
}

/** One entry; fields that a later Calico may give it are kept. */
export interface CalicoBlock {
  /** As somebody wrote it: perhaps with host bits, perhaps no CIDR at all. */
  readonly cidr: string;
  readonly [field: string]: unknown;
}
