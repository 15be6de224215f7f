/** Whether Services keep their addresses when one configuration takes another's place: allocated with both, and compared. */
import { allocate } from '../../runtime/decide/allocation/allocate.ts';
import type { Allocation } from '../../runtime/decide/allocation/allocation.ts';
import type { Config } from '../../runtime/model/config.ts';
import { formatKey, type ServiceView } from '../../runtime/model/service.ts';

export interface SwitchOver {
  readonly before: Config;
  readonly after: Config;
  readonly services: readonly ServiceView[];
  /** Undefined: Services without a class. */
  readonly loadBalancerClass: string | undefined;
}

/** A line for every Service that would lose an address, change it, or not get what it asks for any more. */
export function losers({ before, after, services, loadBalancerClass }: SwitchOver): string[] {
  const allocated = (config: Config): readonly Allocation[] => allocate({ config, services, loadBalancerClass });
  const later = new Map(allocated(after).map((each) => [formatKey(each.service), each]));
  return allocated(before).flatMap((now) => {
    const then = later.get(formatKey(now.service));
    const name = `Service ${formatKey(now.service)}`;
    const kept = now.ips.join(', ');
    if (then === undefined) return now.ips.length === 0 ? [] : [`${name} would lose ${kept}`];
    if (now.ips.join() !== then.ips.join()) {
      return [
        `${name} would have ${then.ips.join(', ') || 'no address'} in place of ${kept || 'none'}: ${then.message}`,
      ];
    }
    return now.reason === 'Allocated' && then.reason !== 'Allocated' ? [`${name} (${kept}): ${then.message}`] : [];
  });
}
