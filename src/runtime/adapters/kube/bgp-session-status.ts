/** BGPSessionStatus objects, read. Undefined: it does not say yet of what it speaks. */
import type { BfdView, BgpState } from '../../model/bgp-session.ts';
import type { BgpSessionStatus } from '../../model/bgp-session-status.ts';
import { asArray, asNumber, asObject, asString, type Untyped } from './untyped.ts';

const STATES: readonly string[] = [
  'idle',
  'connect',
  'active',
  'open-sent',
  'open-confirm',
  'established',
] satisfies readonly BgpState[];
const BFD_STATES: readonly string[] = ['admin-down', 'down', 'init', 'up'] satisfies readonly BfdView['state'][];

export function toBgpSessionStatus(raw: Untyped): BgpSessionStatus | undefined {
  const status = asObject(raw['status']);
  const [node, peer, state] = [asString(status['node']), asString(status['peer']), asString(status['state'])];
  if (node === '' || peer === '' || !STATES.includes(state)) return undefined;
  const bfd = asString(status['bfd']);
  return {
    node,
    peer,
    state: state as BgpState,
    since: asString(status['since']),
    ...textOf('address', status),
    ...textOf('localAddress', status),
    ...(typeof status['asn'] === 'number' ? { asn: status['asn'] } : {}),
    ...textOf('identifier', status),
    ...(BFD_STATES.includes(bfd) ? { bfd: bfd as BfdView['state'] } : {}),
    advertisedPrefixes: asNumber(status['advertisedPrefixes']),
    prefixes: asArray(status['prefixes']).map(asString),
    notAdvertised: asArray(status['notAdvertised']).map(asString),
    receivedPrefixes: asNumber(status['receivedPrefixes']),
    ...textOf('lastError', status),
    flaps: asNumber(status['flaps']),
  };
}

function textOf<Field extends string>(field: Field, status: Untyped): { readonly [name in Field]?: string } {
  const text = asString(status[field]);
  return text === '' ? {} : ({ [field]: text } as { readonly [name in Field]: string });
}
