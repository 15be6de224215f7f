/** Which addresses belong together, so that one node does not own all that a Service has. */
import { type IpFamily, ipFamily } from '../../model/ip.ts';
import { formatKey, type ServiceView } from '../../model/service.ts';
import type { CarriedAddress } from '../announcing/carried-addresses.ts';

/**
 * For each address the numbers of its groups: the addresses of one family that one Service carries, where they are
 * several. Groups are numbered by their first address.
 */
export function groupsOf(addresses: readonly CarriedAddress[]): readonly (readonly number[])[] {
  const named = addresses.map(({ ip, services }) => {
    const several = services.filter(({ ingress }) => ingress.length > 1);
    return several.map((service) => groupName(service, ipFamily(ip)));
  });
  const sizes = new Map<string, number>();
  for (const name of named.flat()) sizes.set(name, (sizes.get(name) ?? 0) + 1);
  const numbers = new Map<string, number>();
  return named.map((names) =>
    names
      .filter((name) => (sizes.get(name) ?? 0) > 1)
      .map((name) => {
        const number = numbers.get(name) ?? numbers.size;
        numbers.set(name, number);
        return number;
      }),
  );
}

function groupName(service: ServiceView, family: IpFamily): string {
  return `${formatKey(service)} ${family}`;
}
