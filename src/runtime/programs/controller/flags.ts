/** The controller's flags, on top of those both programs take; of leader election as other controllers name them. */
import { type AddressRange, parseAddressRange } from '../../model/range.ts';
import { err, ok, type Result } from '../../model/result.ts';
import { type ProgramFlags, readFlags } from '../flags.ts';
import type { CalicoMode } from './calico-keeper.ts';

export interface ControllerFlags extends ProgramFlags {
  /** Of the Lease that says who leads, in milliseconds; undefined: no election, this one leads from its start. */
  readonly leaseMs: number | undefined;
  /** Where the pods' addresses lie; what the Nodes tell by themselves need not be among them. */
  readonly podNetworks: readonly AddressRange[];
  /** Where the ClusterIPs lie; what ServiceCIDR objects tell by themselves need not be among them. */
  readonly serviceNetworks: readonly AddressRange[];
  /** What Calico is told to advertise; undefined: Calico is left alone. */
  readonly calico: CalicoMode | undefined;
}

/**
 * Five seconds: MetalLB's users wait no longer for a dead controller, and a leader renews once a second, which the API
 * server does not notice. What it is divided into is in engine/leader-timings.ts; docs/adr/0009 has the reasons.
 */
const LEASE_SECONDS = '5';
/** Below half a second an ordinary pause of the machine ends a term; above ten minutes nobody takes over in time. */
const LEASE_RANGE_SECONDS = { least: 0.5, most: 600 };

type Environment = Readonly<Record<string, string | undefined>>;

/** The error is a sentence for the user. */
export function readControllerFlags(argv: readonly string[], env: Environment): Result<ControllerFlags> {
  const read = readFlags(argv, env, {
    texts: ['leader-elect', 'leader-lease-seconds', 'pod-networks', 'service-networks', 'calico-advertise'],
  });
  if (!read.ok) return read;
  const { flags, own } = read.value;
  const elect = own['leader-elect'] ?? 'true';
  if (elect !== 'true' && elect !== 'false') return err('--leader-elect must be true or false');
  const { least, most } = LEASE_RANGE_SECONDS;
  const text = own['leader-lease-seconds'] ?? LEASE_SECONDS;
  const seconds = /^[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(seconds >= least && seconds <= most)) {
    return err(`--leader-lease-seconds must be a number from ${least} to ${most}`);
  }
  const podNetworks = readNetworks('--pod-networks', own['pod-networks']);
  if (!podNetworks.ok) return podNetworks;
  const serviceNetworks = readNetworks('--service-networks', own['service-networks']);
  if (!serviceNetworks.ok) return serviceNetworks;
  const calico = own['calico-advertise'];
  if (calico !== undefined && calico !== 'pools' && calico !== 'none') {
    return err('--calico-advertise must be pools or none; without it Calico is left alone');
  }
  return ok({
    ...flags,
    leaseMs: elect === 'true' ? seconds * 1000 : undefined,
    podNetworks: podNetworks.value,
    serviceNetworks: serviceNetworks.value,
    calico,
  });
}

/** "172.20.0.0/16,fd00:20::/64" */
function readNetworks(flag: string, text: string | undefined): Result<readonly AddressRange[]> {
  const networks: AddressRange[] = [];
  for (const part of (text ?? '').split(',').map((entry) => entry.trim())) {
    if (part === '') continue;
    const range = parseAddressRange(part);
    if (!range.ok) return err(`${flag}: ${range.error}; it takes CIDRs, separated by commas`);
    if (!part.includes('/')) return err(`${flag}: "${part}" is no CIDR; it takes CIDRs, separated by commas`);
    networks.push(range.value);
  }
  return ok(networks);
}
