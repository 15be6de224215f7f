/**
 * MetalLB's custom resources to the configuration in force. One faulty object takes no other down:
 *
 *  - An object in order is applied. One that names something that is not there, and can do without ('dangling'), is in
 *    order: it is in force for the rest.
 *  - A faulty object ('invalid', or 'unresolved': it needs something that is not there) changes nothing: its last good
 *    version, if this process has seen one, stays in force, with what that version was resolved to then.
 *  - Of a faulty pool without one, the well-formed addresses that overlap nothing stand as a frozen pool: Services keep
 *    the addresses they hold, so that neither a restart nor a typing error takes a working Service down, but nobody gets
 *    a new one. A faulty object of another kind without a last good version is left out, or stands for what is in order of
 *    it (accept-*.ts).
 *  - Of two pools that overlap one is faulty: the one that was not in force before; else the one whose condition Accepted
 *    already says so; else the younger; else the later name. Controller and speakers thus blame the same one. So it is
 *    with Communities that give one name twice, peers that open one session twice, and advertisements that want different
 *    local preferences for one route.
 *
 * The result depends on the objects' content and the last good versions, never on the order they come in.
 *
 * Deviation: MetalLB keeps the whole configuration back for one faulty object; what that takes along is its users' loss.
 */
import type { NamespaceView } from '../../model/cluster.ts';
import type { Config, ConfigError } from '../../model/config.ts';
import type { Labels } from '../../model/labels.ts';
import { formatResource, type RawResource } from '../../model/resource.ts';
import { compareText } from '../../model/text-order.ts';
import { acceptBgpAdvertisements, acceptL2Advertisements } from './accept-advertisements.ts';
import { acceptCommunities } from './accept-communities.ts';
import { acceptBfdProfiles, acceptPeers } from './accept-peers.ts';
import { acceptPools } from './accept-pools.ts';
import { type FaultyObject, type LastGood, NO_LAST_GOOD } from './accepted.ts';
import { shapeOf } from './bgp-conflicts.ts';
import type { PeerSecretsView } from './config-bgp-peer.ts';
import type { LabelledNode } from './node-choice.ts';

export interface ConfigResources {
  readonly pools: readonly RawResource[];
  readonly l2Advertisements: readonly RawResource[];
  readonly namespaces: readonly NamespaceView[];
  /** Absent, like an empty list: there are none. So for the next three. */
  readonly bgpPeers?: readonly RawResource[];
  readonly bgpAdvertisements?: readonly RawResource[];
  readonly communities?: readonly RawResource[];
  readonly bfdProfiles?: readonly RawResource[];
  /** Absent or empty: the nodes are not known. */
  readonly nodes?: readonly LabelledNode[] | undefined;
  /** Only BGPPeers and BGPAdvertisements for this node are looked at, and their faults told. Absent: all. */
  readonly node?: LabelledNode | undefined;
  /** Secrets of the resources' namespace. Absent: they are not looked at. */
  readonly secrets?: PeerSecretsView | undefined;
}

export interface ConfigResult {
  readonly config: Config;
  /** Every fault, in the order of the objects' kinds and names. */
  readonly errors: readonly ConfigError[];
  /** The objects that have any, ordered like the errors. */
  readonly faulty: readonly FaultyObject[];
  readonly lastGood: LastGood;
}

export function configFromResources(resources: ConfigResources, lastGood: LastGood = NO_LAST_GOOD): ConfigResult {
  const { node, secrets, bgpPeers = [] } = resources;
  const nodes = resources.nodes?.length === 0 ? undefined : resources.nodes;
  const pools = acceptPools(resources.pools, resources.namespaces, lastGood);
  const poolLabels = new Map<string, Labels>(pools.inForce.map(({ pool, object }) => [pool.name, object.labels]));
  const l2 = acceptL2Advertisements(resources.l2Advertisements, poolLabels, lastGood);
  const bfd = acceptBfdProfiles(resources.bfdProfiles ?? [], lastGood);
  const peers = acceptPeers(bgpPeers, { profiles: bfd.inForce, secrets, nodes, node }, lastGood);
  const profiles = [...bfd.inForce, ...peers.keptProfiles];
  const echoProfiles = new Set(profiles.filter(({ echoMode }) => echoMode).map(({ name }) => name));
  const communities = acceptCommunities(resources.communities ?? [], lastGood);
  const bgp = acceptBgpAdvertisements(
    resources.bgpAdvertisements ?? [],
    {
      references: {
        poolLabels,
        communities: new Map(communities.inForce.map(({ name, value }) => [name, value])),
        peers: new Set(bgpPeers.map(({ name }) => name)),
      },
      shapes: new Map(pools.inForce.map(({ pool }) => [pool.name, shapeOf(pool)])),
      echoPeers: peers.inForce
        .filter(({ bfdProfile }) => echoProfiles.has(bfdProfile ?? ''))
        .map(({ name }) => name)
        .sort(),
      nodes,
      node,
    },
    lastGood,
  );
  const verdicts = [pools, l2, bfd, peers, communities, bgp].map((each) => each.verdicts);
  return {
    config: {
      pools: pools.inForce.map(({ pool }) => pool).sort(byName),
      l2Advertisements: [...l2.inForce].sort(byName),
      bgpPeers: [...peers.inForce].sort(byName),
      bgpAdvertisements: [...bgp.inForce].sort(byName),
      communities: [...communities.inForce].sort(byName),
      bfdProfiles: profiles.sort(byName),
    },
    errors: verdicts.flatMap(({ errors }) => errors).sort((a, b) => compareText(a.path, b.path)),
    faulty: verdicts
      .flatMap(({ faulty }) => faulty)
      .map((each) => ({ each, name: formatResource(each.object) }))
      .sort((a, b) => compareText(a.name, b.name))
      .map(({ each }) => each),
    lastGood: new Map(verdicts.flatMap(({ accepted }) => Array.from(accepted))),
  };
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return compareText(a.name, b.name);
}
