/** Builders of planned sessions: a test names what matters to it. */

import { parseCommunity } from '../../../src/runtime/model/bgp-community.ts';
import type { AdvertisedRoute, PlannedSession } from '../../../src/runtime/model/bgp-plan.ts';
import type { BgpPeer } from '../../../src/runtime/model/config.ts';
import { prefix } from '../bgp-bytes.ts';
import { bgpPeer, ip } from '../views.ts';

export function advertised(
  text: string,
  {
    communities = [],
    ...given
  }: Partial<Omit<AdvertisedRoute, 'prefix' | 'communities'>> & { communities?: string[] } = {},
): AdvertisedRoute {
  const values = communities.map((community) => {
    const parsed = parseCommunity(community);
    if (!parsed.ok) throw new Error(parsed.error.message);
    return parsed.value;
  });
  return { prefix: prefix(text), communities: values, ...given };
}

/** Without routes; to be reached at `address`. */
export function planned(
  address: string,
  peer: Pick<BgpPeer, 'myAsn' | 'peerAsn'> & Partial<BgpPeer>,
  given: Partial<Omit<PlannedSession, 'peer'>> = {},
): PlannedSession {
  return {
    peer: bgpPeer('router', {
      remote: { address: ip(address) },
      holdTimeSeconds: 9,
      keepaliveTimeMs: 3000,
      connectTimeSeconds: 1,
      ...peer,
    }),
    identifier: ip('192.0.2.2'),
    routes: [],
    ...given,
  };
}
