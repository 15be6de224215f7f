/** One Community object as it is written: names for communities. That a name is given once only takes all of them. */
import { parseCommunity } from '../../model/bgp-community.ts';
import type { ConfigError, NamedCommunity } from '../../model/config.ts';
import { formatResource, type RawResource } from '../../model/resource.ts';
import { Field } from './config-field.ts';

/** A name with the place it was written at, for the message when another object has it, too. */
export interface WrittenCommunity extends NamedCommunity {
  readonly path: string;
}

export interface ReadCommunity {
  /** Those that are well-formed. */
  readonly written: readonly WrittenCommunity[];
  readonly errors: readonly ConfigError[];
}

export function readCommunity(resource: RawResource): ReadCommunity {
  const errors: ConfigError[] = [];
  const spec = new Field(resource.spec, `${formatResource(resource)} spec`, errors);
  const written = spec
    .field('communities')
    .items()
    .flatMap((item): WrittenCommunity[] => {
      const name = item.field('name');
      const value = item.required('value');
      const community = parseCommunity(value.text());
      if (!community.ok && !value.absent) value.invalid(community.error.message);
      return community.ok ? [{ name: name.text(), value: community.value, path: name.path }] : [];
    });
  return { written, errors };
}
