/** Which names for communities are in force. */
import type { ConfigError, NamedCommunity } from '../../model/config.ts';
import { formatResource, type RawResource } from '../../model/resource.ts';
import { byAge, inPrecedence, type LastGood, Verdicts } from './accepted.ts';
import { readCommunity, type WrittenCommunity } from './config-community.ts';

/**
 * A name is given once in all Community objects. Of two objects that give the same one is faulty, chosen like one of two
 * overlapping pools; of a faulty one without a last good version the names that are in order stand.
 */
export function acceptCommunities(
  objects: readonly RawResource[],
  lastGood: LastGood,
): { readonly verdicts: Verdicts; readonly inForce: readonly NamedCommunity[] } {
  const verdicts = new Verdicts();
  const owners = new Map<string, string>();
  const inForce: NamedCommunity[] = [];
  const claim = (written: readonly WrittenCommunity[], owner: string): void => {
    for (const { name, value } of written) {
      if (owners.has(name)) continue;
      owners.set(name, owner);
      inForce.push({ name, value });
    }
  };
  const rejected: { readonly object: RawResource; readonly written: readonly WrittenCommunity[] }[] = [];
  for (const object of inPrecedence(objects, lastGood)) {
    const { written, errors } = readCommunity(object);
    if (verdicts.judge(object, [...errors, ...repetitions(written, object.name, owners)])) {
      verdicts.remember({ object });
      claim(written, object.name);
      continue;
    }
    const previous = lastGood.get(formatResource(object))?.object;
    const before = previous === undefined ? undefined : readCommunity(previous).written;
    if (previous !== undefined && before?.every(({ name }) => !owners.has(name))) {
      verdicts.remember({ object: previous });
      claim(before, object.name);
    } else rejected.push({ object, written });
  }
  // Last, so that a faulty object takes no name from one in order.
  for (const { object, written } of rejected.sort(byAge)) claim(written, object.name);
  return { verdicts, inForce };
}

function repetitions(
  written: readonly WrittenCommunity[],
  object: string,
  owners: ReadonlyMap<string, string>,
): ConfigError[] {
  const own = new Set<string>();
  return written.flatMap(({ name, path }): ConfigError[] => {
    const owner = owners.get(name) ?? (own.has(name) ? object : undefined);
    own.add(name);
    if (owner === undefined) return [];
    const whose = owner === object ? 'this object' : `Community "${owner}"`;
    return [
      { path, message: `"${name}" is defined in ${whose} already; a name stands for one community`, kind: 'invalid' },
    ];
  });
}
