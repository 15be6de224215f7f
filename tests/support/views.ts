/** Builders of the values the decisions read: a test names what matters to it and leaves the rest at the defaults. */
import type {
  BfdProfile,
  BgpAdvertisement,
  BgpPeer,
  Config,
  L2Advertisement,
  Pool,
} from '../../src/runtime/model/config.ts';
import { type Ip, parseIp } from '../../src/runtime/model/ip.ts';
import { type Mac, parseMac } from '../../src/runtime/model/mac.ts';
import type { NodeView, SpeakerView } from '../../src/runtime/model/node.ts';
import { type AddressRange, parseAddressRange } from '../../src/runtime/model/range.ts';
import type { ServiceView } from '../../src/runtime/model/service.ts';

export function ip(text: string): Ip {
  const parsed = parseIp(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

export function mac(text: string): Mac {
  const parsed = parseMac(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

export function range(text: string): AddressRange {
  const parsed = parseAddressRange(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

export function service(name: string, given: Partial<ServiceView> = {}): ServiceView {
  return {
    namespace: 'default',
    name,
    uid: `uid-${name}`,
    resourceVersion: '1',
    createdAtMs: 0,
    deleting: false,
    type: 'LoadBalancer',
    labels: {},
    annotations: {},
    clusterIps: [ip('10.68.0.10')],
    ipFamilies: ['ipv4'],
    ipFamilyPolicy: 'SingleStack',
    externalTrafficPolicy: 'Cluster',
    selector: { app: name },
    ports: [{ protocol: 'TCP', port: 80 }],
    ingress: [],
    conditions: [],
    ...given,
  };
}

export function pool(name: string, ranges: readonly string[], given: Partial<Pool> = {}): Pool {
  return { name, ranges: ranges.map(range), autoAssign: true, avoidBuggyIps: false, ...given };
}

export function l2Advertisement(name: string, given: Partial<L2Advertisement> = {}): L2Advertisement {
  return {
    name,
    pools: ['default'],
    nodeSelectors: [],
    interfaces: [],
    serviceSelectors: [],
    preferredNodeSelectors: [],
    ...given,
  };
}

export function bgpAdvertisement(name: string, given: Partial<BgpAdvertisement> = {}): BgpAdvertisement {
  return {
    name,
    pools: ['default'],
    aggregationLength: 32,
    aggregationLengthV6: 128,
    communities: [],
    peers: [],
    nodeSelectors: [],
    serviceSelectors: [],
    ...given,
  };
}

/** At 192.0.2.1, in another AS. */
export function bgpPeer(name: string, given: Partial<BgpPeer> = {}): BgpPeer {
  return {
    name,
    myAsn: 64512,
    peerAsn: 64513,
    remote: { address: ip('192.0.2.1') },
    port: 179,
    nodeSelectors: [],
    gracefulRestart: false,
    ebgpMultiHop: false,
    dualStackAddressFamily: false,
    ...given,
  };
}

/** "fast": 3 × 50 ms. */
export function bfdProfile(given: Partial<BfdProfile> = {}): BfdProfile {
  return {
    name: 'fast',
    receiveIntervalMs: 50,
    transmitIntervalMs: 50,
    detectMultiplier: 3,
    echoIntervalMs: 50,
    echoMode: false,
    passiveMode: false,
    minimumTtl: 254,
    ...given,
  };
}

export function config(given: Partial<Config> = {}): Config {
  return {
    pools: [],
    l2Advertisements: [],
    bgpPeers: [],
    bgpAdvertisements: [],
    communities: [],
    bfdProfiles: [],
    ...given,
  };
}

export function node(name: string, given: Partial<NodeView> = {}): NodeView {
  return { name, labels: { 'kubernetes.io/hostname': name }, networkUnavailable: false, taints: [], ...given };
}

export function speaker(nodeName: string, ...subnets: readonly string[]): SpeakerView {
  return { nodeName, interfaces: [{ name: 'eth0', subnets: subnets.map(range) }] };
}
