/** Why Calico does not advertise what it should: faults of the configuration, told wherever those are told. */
import { CALICO_API_VERSIONS, CALICO_BGP_TEXT } from '../../model/calico.ts';
import type { ConfigError } from '../../model/config.ts';

const PATH = `${CALICO_BGP_TEXT} spec.serviceLoadBalancerIPs`;

/** No API server speaks of Calico. */
export const CALICO_MISSING: ConfigError = {
  path: PATH,
  message:
    'this cluster has no Calico with BGP: neither ' +
    `${CALICO_API_VERSIONS.join(' nor ')} is served. Nobody advertises the addresses; install Calico, or announce ` +
    'them with this addon’s own speakers (metallb_protocol, or the chart’s calico.advertise and speaker.enabled)',
  kind: 'unresolved',
};

/** What the API server said to reading or writing the object. */
export function calicoRefusal({ status, message }: { readonly status: number; readonly message: string }): ConfigError {
  return { path: PATH, message: `${whatFailed(status)}: ${message}`, kind: 'unresolved' };
}

function whatFailed(status: number): string {
  if (status === 403)
    return 'the controller may not keep it in step with the pools (the chart’s rbac.create gives it the rights)';
  if (status >= 400 && status < 500) return 'the API server refuses to keep it in step with the pools';
  return 'it cannot be kept in step with the pools for now, and is tried again';
}
