/** Why two Services may not have one address: what AddressBook decides, one reason at a time, for people. */
import type { ServiceView } from '../../model/service.ts';
import { annotationOf, SHARING_KEY, sharingOf } from '../allocation/service-request.ts';

/** As seen by the one that asks. Empty: they may share. */
export function sharingObstacles(asking: ServiceView, holder: ServiceView): readonly string[] {
  const own = annotationOf(asking, SHARING_KEY) ?? '';
  const its = annotationOf(holder, SHARING_KEY) ?? '';
  const annotation = `metallb.io/${SHARING_KEY}`;
  const obstacles: string[] = [];
  if (own === '' && its === '') obstacles.push(`neither of the two has annotation ${annotation}`);
  else if (own === '') obstacles.push(`this Service has no annotation ${annotation}; the other has "${its}"`);
  else if (its === '') obstacles.push(`the other has no annotation ${annotation}; this Service has "${own}"`);
  else if (own !== its) obstacles.push(`annotation ${annotation} is "${its}" there and "${own}" here`);
  return [...obstacles, ...backendObstacles(asking, holder), ...portObstacles(asking, holder)];
}

/** Whatever the keys are: it would be the next thing in the way. */
function backendObstacles(asking: ServiceView, holder: ServiceView): string[] {
  const [own, its] = [asking, holder].map((service) => {
    const annotations = { ...service.annotations, [`metallb.io/${SHARING_KEY}`]: 'any' };
    return sharingOf({ ...service, annotations }).backend;
  });
  if (own === its) return [];
  const policies = [holder.externalTrafficPolicy, asking.externalTrafficPolicy] as const;
  if (policies[0] === policies[1]) return ['with externalTrafficPolicy Local both must have the same selector'];
  return [`externalTrafficPolicy is ${policies[0]} there and ${policies[1]} here`];
}

function portObstacles(asking: ServiceView, holder: ServiceView): string[] {
  const taken = new Set(holder.ports.map(({ protocol, port }) => `${protocol}/${port}`));
  const both = asking.ports.map(({ protocol, port }) => `${protocol}/${port}`).filter((port) => taken.has(port));
  return both.length === 0 ? [] : [`both use port ${both.join(', ')}`];
}
