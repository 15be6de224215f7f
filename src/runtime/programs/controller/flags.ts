/** The controller's flags, on top of those both programs take. */
import { type AddressRange, parseAddressRange } from '../../model/range.ts';
import { err, ok, type Result } from '../../model/result.ts';
import { type ProgramFlags, readFlags } from '../flags.ts';

export interface ControllerFlags extends ProgramFlags {
  /** Where the pods' addresses lie; what the Nodes tell by themselves need not be among them. */
  readonly podNetworks: readonly AddressRange[];
  /** Where the ClusterIPs lie; what ServiceCIDR objects tell by themselves need not be among them. */
  readonly serviceNetworks: readonly AddressRange[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The error is a sentence for the user. */
export function readControllerFlags(argv: readonly string[], env: Environment): Result<ControllerFlags> {
  const read = readFlags(argv, env, { texts: ['pod-networks', 'service-networks'] });
  if (!read.ok) return read;
  const { flags, own } = read.value;
  const podNetworks = readNetworks('--pod-networks', own['pod-networks']);
  if (!podNetworks.ok) return podNetworks;
  const serviceNetworks = readNetworks('--service-networks', own['service-networks']);
  if (!serviceNetworks.ok) return serviceNetworks;
  return ok({ ...flags, podNetworks: podNetworks.value, serviceNetworks: serviceNetworks.value });
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
