/**
 * The BGP part of a plan: peers (bgp-peer.ts), BFD profiles and communities, and whether what names them is right. What
 * is announced of a pool is bgp-advertisement.ts. Bounds are those of the custom resources.
 */
import type { Located } from '../inventory/located.ts';
import type { PlannedBfdProfile, PlannedBgp, PlannedPool } from './addon-plan.ts';
import { peerReader, readAsn } from './bgp-peer.ts';
import { readCommunityValue, readObjectName } from './domain-readers.ts';
import { didYouMean } from './nearest-name.ts';
import {
  type Fields,
  type Reader,
  type Report,
  readFields,
  readInteger,
  readList,
  readYesNo,
  withoutUnset,
} from './readers.ts';

export function readBgp(variables: Fields, report: Report): PlannedBgp {
  const myAsn = variables.get('metallb_bgp_my_asn', readAsn);
  const bfdProfiles = variables.get('metallb_bfd_profiles', readList(readBfdProfile)) ?? [];
  const peers = variables.get('metallb_peers', readList(peerReader(myAsn))) ?? [];
  const communities = variables.get('metallb_communities', readList(readCommunity)) ?? [];
  reportRepeated('peer', peers, report);
  reportRepeated('BFD profile', bfdProfiles, report);
  reportRepeated('community', communities, report);
  const profileNames = bfdProfiles.map(({ name }) => name);
  for (const peer of peers) {
    if (peer.bfdProfile !== undefined && !profileNames.includes(peer.bfdProfile)) {
      const meant = didYouMean(peer.bfdProfile, profileNames);
      report(
        peer.at,
        `the peer "${peer.name}" names the BFD profile "${peer.bfdProfile}", which metallb_bfd_profiles does not have${meant}`,
      );
    }
  }
  return {
    peers,
    bfdProfiles: bfdProfiles.map(({ at: _, ...profile }) => profile),
    communities: communities.map(({ name, value }) => ({ name, value })),
  };
}

/** Names in pools that no peer or community has (MetalLB would silently announce to nobody), and names given twice. */
export function reportAdvertisementFaults(pools: readonly PlannedPool[], bgp: PlannedBgp, report: Report): void {
  const peers = bgp.peers.map(({ name }) => name);
  const communities = bgp.communities.map(({ name }) => name);
  const isKnownCommunity = (name: string): boolean => communities.includes(name) || name.includes(':');
  const reported = new Set<string>();
  for (const pool of pools) {
    for (const advertisement of pool.advertisements) {
      const unknown = [
        ...namesNot(advertisement.peers, (name) => peers.includes(name), {
          what: 'peer',
          variable: 'metallb_peers',
          known: peers,
        }),
        ...namesNot(advertisement.communities, isKnownCommunity, {
          what: 'community',
          variable: 'metallb_communities',
          known: communities,
        }),
      ];
      for (const message of unknown) {
        // What several advertisements take over from their pool, or several pools from all, is one fault.
        const key = JSON.stringify([advertisement.at, message]);
        if (!reported.has(key)) report(advertisement.at, `the pool "${pool.name}" names ${message}`);
        reported.add(key);
      }
    }
  }
  reportRepeated(
    'advertisement',
    pools.flatMap(({ advertisements }) => advertisements),
    report,
  );
}

function namesNot(
  names: readonly string[],
  isKnown: (name: string) => boolean,
  { what, variable, known }: { readonly what: string; readonly variable: string; readonly known: readonly string[] },
): readonly string[] {
  return names
    .filter((name) => !isKnown(name))
    .map((name) => `the ${what} "${name}", which ${variable} does not have${didYouMean(name, known)}`);
}

const PROFILE_FIELDS = [
  'name',
  'receive_interval',
  'transmit_interval',
  'detect_multiplier',
  'echo_mode',
  'echo_interval',
  'passive_mode',
  'minimum_ttl',
];

const readBfdProfile: Reader<PlannedBfdProfile & { at: Located['at'] }> = (value, what, report) => {
  const fields = readFields(value, what, PROFILE_FIELDS, report);
  const name = fields?.need('name', readObjectName);
  if (fields === undefined || name === undefined) return undefined;
  return {
    name,
    at: fields.at,
    receiveIntervalMs: fields.get('receive_interval', readInteger(10, 60_000)) ?? 300,
    transmitIntervalMs: fields.get('transmit_interval', readInteger(10, 60_000)) ?? 300,
    detectMultiplier: fields.get('detect_multiplier', readInteger(2, 255)) ?? 3,
    echoMode: fields.get('echo_mode', readYesNo) ?? false,
    passiveMode: fields.get('passive_mode', readYesNo) ?? false,
    ...withoutUnset({
      echoIntervalMs: fields.get('echo_interval', readInteger(10, 60_000)),
      minimumTtl: fields.get('minimum_ttl', readInteger(1, 254)),
    }),
  };
};

const readCommunity: Reader<{ name: string; value: string; at: Located['at'] }> = (value, what, report) => {
  const fields = readFields(value, what, ['name', 'value'], report);
  const name = fields?.need('name', readObjectName);
  const community = fields?.need('value', readCommunityValue);
  if (fields === undefined || name === undefined || community === undefined) return undefined;
  return { name, value: community, at: fields.at };
};

function reportRepeated(
  kind: string,
  items: readonly { readonly name: string; readonly at: Located['at'] }[],
  report: Report,
): void {
  const seen = new Set<string>();
  for (const { name, at } of items) {
    if (seen.has(name)) report(at, `the ${kind} name "${name}" is taken already`);
    seen.add(name);
  }
}
