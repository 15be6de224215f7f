/**
 * What the templates can name. Flat, in the custom resources' own words, and always complete: a value that is not set is
 * null or an empty list, never absent, because the templates are strict about names.
 */
import {
  ADDON_NAMESPACE,
  type AddonPlan,
  type PlannedAdvertisement,
  type PlannedPeer,
  type PlannedPool,
} from '../plan/addon-plan.ts';

/** For layer2.yaml.hbs, bgp.yaml.hbs and calico.yaml.hbs. */
export function resourcesContext(plan: AddonPlan): object {
  return {
    namespace: ADDON_NAMESPACE,
    pools: plan.pools.map(poolContext),
    peers: plan.bgp.peers.map(peerContext),
    bfdProfiles: plan.bgp.bfdProfiles.map((profile) => ({
      name: profile.name,
      receiveInterval: profile.receiveIntervalMs,
      transmitInterval: profile.transmitIntervalMs,
      detectMultiplier: profile.detectMultiplier,
      echoMode: profile.echoMode,
      echoInterval: profile.echoIntervalMs ?? null,
      passiveMode: profile.passiveMode,
      minimumTtl: profile.minimumTtl ?? null,
    })),
    communities: plan.bgp.communities,
  };
}

/** For values.yaml.hbs. */
export function valuesContext(plan: AddonPlan, imageDigest: string | undefined): object {
  return {
    image: { repository: plan.image.repository, tag: plan.image.tag, pullPolicy: plan.image.pullPolicy },
    imageDigest: imageDigest ?? null,
    loadBalancerClass: plan.loadBalancerClass ?? '',
    logLevel: plan.logLevel,
    controllerReplicas: plan.controllerReplicas,
    podNetworks: plan.podNetworks,
    serviceNetworks: plan.serviceNetworks,
    calicoAdvertise: plan.protocol === 'calico' ? 'pools' : '',
    hasSpeakers: plan.protocol !== 'calico',
    excludeInterfaces: plan.excludeInterfaces,
    election: plan.election,
    answerPing: plan.answerPing,
    realTime: plan.realTime,
    bgpListenPort: plan.bgpListenPort ?? 0,
    bgpGracefulShutdownSeconds: plan.bgpGracefulShutdownSeconds,
    speakerNodeSelector: plan.speakerNodeSelector,
    hasSpeakerNodeSelector: Object.keys(plan.speakerNodeSelector).length > 0,
  };
}

function poolContext(pool: PlannedPool): object {
  return {
    name: pool.name,
    addresses: pool.addresses.map(({ text }) => text),
    autoAssign: pool.autoAssign,
    avoidBuggyIPs: pool.avoidBuggyIps,
    priority: pool.priority,
    namespaces: pool.namespaces,
    namespaceSelectors: pool.namespaceSelectors,
    serviceSelectors: pool.serviceSelectors,
    hasServiceAllocation:
      pool.priority > 0 ||
      [pool.namespaces, pool.namespaceSelectors, pool.serviceSelectors].some((list) => list.length > 0),
    excludeAddresses: pool.excludeAddresses.map(({ text }) => text),
    retention: pool.retention ?? null,
    quarantine: pool.quarantine ?? null,
    drain: pool.drain ?? null,
    onConflict: pool.onConflict ?? null,
    maxAddressesPerNamespace: pool.maxAddressesPerNamespace ?? null,
    interfaces: pool.interfaces,
    nodeSelectors: pool.nodeSelectors,
    advertisements: pool.advertisements.map(advertisementContext),
  };
}

function advertisementContext(advertisement: PlannedAdvertisement): object {
  return {
    name: advertisement.name,
    aggregationLength: advertisement.aggregationLength,
    aggregationLengthV6: advertisement.aggregationLengthV6,
    localPref: advertisement.localPref ?? null,
    hasLocalPref: advertisement.localPref !== undefined,
    communities: advertisement.communities,
    peers: advertisement.peers,
    nodeSelectors: advertisement.nodeSelectors,
    serviceSelectors: advertisement.serviceSelectors,
    asPathPrepend: advertisement.asPathPrepend ?? null,
    multiExitDisc: advertisement.multiExitDisc ?? null,
    hasMultiExitDisc: advertisement.multiExitDisc !== undefined,
    withoutEndpoints: advertisement.withoutEndpoints ?? null,
  };
}

function peerContext(peer: PlannedPeer): object {
  return {
    name: peer.name,
    myASN: peer.myAsn,
    peerASN: peer.peerAsn ?? null,
    dynamicASN: peer.dynamicAsn ?? null,
    localASN: peer.localAsn ?? null,
    peerAddress: peer.peerAddress ?? null,
    interface: peer.interface ?? null,
    peerPort: peer.peerPort,
    sourceAddress: peer.sourceAddress ?? null,
    vrf: peer.vrf ?? null,
    holdTime: seconds(peer.holdTimeSeconds),
    keepaliveTime: seconds(peer.keepaliveTimeSeconds),
    connectTime: seconds(peer.connectTimeSeconds),
    routerID: peer.routerId ?? null,
    passwordSecret: peer.passwordSecret ?? null,
    bfdProfile: peer.bfdProfile ?? null,
    enableGracefulRestart: peer.gracefulRestart,
    ebgpMultiHop: peer.ebgpMultiHop,
    ttlSecurityHops: peer.ttlSecurityHops ?? null,
    dualStackAddressFamily: peer.dualStackAddressFamily,
    nodeSelectors: peer.nodeSelectors,
  };
}

function seconds(count: number | undefined): string | null {
  return count === undefined ? null : `${count}s`;
}
