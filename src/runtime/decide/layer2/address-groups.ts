/** Which addresses belong together, so that one node does not own all that a Service has. */
import { formatKey } from '../../model/service.ts';
import type { CarriedAddress } from '../announcing/carried-addresses.ts';

/**
 * For each address the numbers of its groups: all addresses that one Service carries, where they are several. The two
 * of a dual-stack Service are a group as well: a client that has both families reaches it by the other at once when the
 * node of one is lost (RFC 8305). Groups are numbered by their first address.
 */
export function groupsOf(addresses: readonly CarriedAddress[]): readonly (readonly number[])[] {
  const sizes = new Map<string, number>();
  const named = addresses.map(({ services }) => {
    const names = services.filter(({ ingress }) => ingress.length > 1).map(formatKey);
    for (const name of names) sizes.set(name, (sizes.get(name) ?? 0) + 1);
    return names;
  });
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
