/**
 * One BGPPeer as it is written (v1beta2, which v1beta1 shares its fields with: docs/adr/0007), checked as far as that goes
 * without looking at other peers.
 *
 * Deviation: MetalLB's native mode refuses what its own speaker cannot do (BFD, keepalive time, VRF, connect time,
 * graceful restart, dynamic and local AS numbers, unnumbered peers, two families on one session, and any BFDProfile at
 * all); here one speaker is to do everything that MetalLB's FRR modes do, so none of it is refused.
 */
import type { SecretView } from '../../model/cluster.ts';
import type { BgpPeer, ConfigError } from '../../model/config.ts';
import type { Ip } from '../../model/ip.ts';
import { ipFamily } from '../../model/ip.ts';
import { formatResource, type RawResource } from '../../model/resource.ts';
import type { Result } from '../../model/result.ts';
import { Field } from './config-field.ts';
import { readSelectors } from './config-selectors.ts';

const MAX_ASN = 4_294_967_295;
const MAX_SECONDS = 65_535;
const DEFAULT_PORT = 179;
/** A packet that starts with a TTL of 255 is on its last hop with 1. */
const MAX_SECURITY_HOPS = 254;
/** <linux/tcp.h> TCP_MD5SIG_MAXKEYLEN. */
const MAX_PASSWORD_BYTES = 80;

/** Secrets of type kubernetes.io/basic-auth in the peers' own namespace, by name; or why they cannot be read. */
export type PeerSecretsView = Result<ReadonlyMap<string, SecretView>>;

/** What a peer may name. */
export interface PeerReferences {
  readonly bfdProfiles: ReadonlySet<string>;
  /** Undefined: whoever asks does not look at Secrets, so nothing is said about them. */
  readonly secrets: PeerSecretsView | undefined;
}

/** With errors the peer may hold what stands for the faulty fields. */
export interface ReadBgpPeer {
  readonly peer: BgpPeer;
  readonly errors: readonly ConfigError[];
}

export function readBgpPeer(resource: RawResource, references: PeerReferences): ReadBgpPeer {
  const errors: ConfigError[] = [];
  const spec = new Field(resource.spec, `${formatResource(resource)} spec`, errors);
  const myAsn = readMyAsn(spec);
  const peerAsn = readPeerAsn(spec);
  const optional = {
    localAsn: spec.field('localASN').within(1, MAX_ASN),
    sourceAddress: spec.field('sourceAddress').ip(),
    connectTimeSeconds: readConnectTime(spec.field('connectTime')),
    routerId: readRouterId(spec.field('routerID')),
    bfdProfile: readBfdProfileName(spec.field('bfdProfile'), references),
    vrf: spec.field('vrf').text() || undefined,
    ttlSecurityHops: readTtlSecurityHops(spec),
    ...readTimers(spec),
    ...readPassword(spec, references),
  };
  const peer = {
    name: resource.name,
    myAsn,
    peerAsn,
    remote: readRemote(spec),
    // MetalLB's resource definition, and ours, is from 1 to 16384; an old ConfigMap may name any TCP port, and it and objects
    // that MetalLB stored as v1beta1 have 0 for this one.
    port: spec.field('peerPort').within(0, 65_535) || DEFAULT_PORT,
    nodeSelectors: readSelectors(spec.field('nodeSelectors')),
    gracefulRestart: spec.field('enableGracefulRestart').boolean(false),
    ebgpMultiHop: readMultiHop(spec, myAsn === peerAsn),
    dualStackAddressFamily: spec.field('dualStackAddressFamily').boolean(false),
    ...(Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)) as Present<
      typeof optional
    >),
  };
  // Deprecated and without effect, but a field nonetheless.
  spec.field('disableMP').boolean(false);
  return { peer, errors };
}

type Present<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

function readMyAsn(spec: Field): number {
  const field = spec.required('myASN');
  const asn = field.within(0, MAX_ASN);
  if (asn === 0) field.invalid('is the AS number of this side; 0 is none');
  return asn ?? 0;
}

function readPeerAsn(spec: Field): BgpPeer['peerAsn'] {
  const field = spec.field('peerASN');
  const asn = field.within(0, MAX_ASN) ?? 0;
  const dynamicField = spec.field('dynamicASN');
  const dynamic = dynamicField.text();
  if (dynamic !== '' && dynamic !== 'internal' && dynamic !== 'external') {
    dynamicField.invalid(`"${dynamic}" is neither internal nor external`);
    return asn;
  }
  if (dynamic !== '' && asn !== 0)
    dynamicField.invalid('is for routers whose AS number is not given: remove one of both');
  if (dynamic === '' && asn === 0 && (field.absent || field.value === 0)) {
    field.invalid('is the AS number of the router: give it, or else dynamicASN (internal or external)');
  }
  return dynamic === '' ? asn : dynamic;
}

function readRemote(spec: Field): BgpPeer['remote'] {
  const address = spec.field('peerAddress');
  const ip = address.ip();
  const throughInterface = spec.field('interface').text();
  const isAddressGiven = !address.absent && address.value !== '';
  if (isAddressGiven && throughInterface !== '') {
    spec.field('interface').invalid('is for routers whose address is not given: remove one of both');
  }
  if (!isAddressGiven && throughInterface === '') {
    address.invalid('is the address of the router: give it, or else the interface that the router is behind');
  }
  return ip === undefined ? { interface: throughInterface } : { address: ip };
}

function readMultiHop(spec: Field, isInternal: boolean): boolean {
  const field = spec.field('ebgpMultiHop');
  const multiHop = field.boolean(false);
  if (multiHop && isInternal) field.invalid('is for a router in another AS, but both sides are in the same one');
  return multiHop;
}

/**
 * Not in MetalLB. Exclusive with ebgpMultiHop, as in FRR: that one gives packets a TTL for the way, this one wants the most
 * there is at both ends.
 */
function readTtlSecurityHops(spec: Field): number | undefined {
  const field = spec.field('ttlSecurityHops');
  const hops = field.within(1, MAX_SECURITY_HOPS);
  if (hops !== undefined && spec.field('ebgpMultiHop').value === true) {
    field.invalid('says how far away the router may be, as does ebgpMultiHop: remove one of both');
  }
  return hops;
}

/**
 * Deviation: MetalLB takes an IPv6 address here, and then has no identifier to send; a BGP identifier has four bytes
 * (RFC 4271 §4.2).
 */
function readRouterId(field: Field): Ip | undefined {
  const ip = field.ip();
  if (ip !== undefined && ipFamily(ip) === 'ipv6') {
    field.invalid(`must look like an IPv4 address, not ${ip}; it need not be one of the node's`);
  }
  return ip;
}

function readConnectTime(field: Field): number | undefined {
  const ms = field.durationMs();
  if (ms === undefined) return undefined;
  const seconds = ms / 1000;
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > MAX_SECONDS) {
    field.invalid(`must be whole seconds from 1s to ${MAX_SECONDS}s`);
  }
  return seconds;
}

/** If only one of the two is given, the other follows: three keepalives fit into a hold time (RFC 4271 §4.4). */
function readTimers(spec: Field): { holdTimeSeconds?: number; keepaliveTimeMs?: number } {
  const holdField = spec.field('holdTime');
  const keepaliveField = spec.field('keepaliveTime');
  const hold = holdField.durationMs();
  const keepalive = keepaliveField.durationMs();
  const holdMs = hold ?? (keepalive === undefined ? undefined : keepalive * 3);
  const keepaliveTimeMs = keepalive ?? (hold === undefined ? undefined : hold / 3);
  if (holdMs === undefined || keepaliveTimeMs === undefined) return {};
  const holdTimeSeconds = Math.floor(holdMs / 1000);
  if ((holdTimeSeconds !== 0 && holdTimeSeconds < 3) || holdTimeSeconds > MAX_SECONDS) {
    const given = hold === undefined ? keepaliveField : holdField;
    const follows = hold === undefined ? `gives a hold time of ${holdMs / 1000}s, three times itself, which ` : '';
    given.invalid(`${follows}must be 0s (never expires) or from 3s to ${MAX_SECONDS}s`);
  }
  if (keepaliveTimeMs > holdMs) keepaliveField.invalid('is longer than the hold time; a third of it is usual');
  return { holdTimeSeconds, keepaliveTimeMs };
}

function readBfdProfileName(field: Field, { bfdProfiles }: PeerReferences): string | undefined {
  const name = field.text();
  if (name !== '' && !bfdProfiles.has(name)) field.unresolved(`there is no BFDProfile "${name}" in force`);
  return name || undefined;
}

function readPassword(spec: Field, { secrets }: PeerReferences): { password?: string; passwordSecret?: string } {
  const passwordField = spec.field('password');
  // Not by Field.text, which would show it.
  if (!passwordField.absent && typeof passwordField.value !== 'string') passwordField.invalid('must be text: quote it');
  const password = typeof passwordField.value === 'string' ? passwordField.value : '';
  const secretField = spec.field('passwordSecret').field('name');
  const passwordSecret = secretField.text();
  if (password !== '' && passwordSecret !== '') {
    secretField.invalid('names a Secret, but there is a password as well: remove one of both');
  }
  if (passwordSecret === '') {
    if (utf8Length(password) > MAX_PASSWORD_BYTES) passwordField.invalid(TOO_LONG);
    return password === '' ? {} : { password };
  }
  if (secrets === undefined) return { passwordSecret };
  const found = passwordOf(passwordSecret, secretField, secrets);
  return { passwordSecret, ...(found === undefined ? {} : { password: found }) };
}

const TOO_LONG = `the password is longer than the ${MAX_PASSWORD_BYTES} bytes that TCP MD5 signatures take`;

/** Notes why there is none. */
function passwordOf(name: string, field: Field, secrets: PeerSecretsView): string | undefined {
  if (!secrets.ok) {
    field.unresolved(`the Secret "${name}" cannot be read: ${secrets.error}`);
    return undefined;
  }
  const secret = secrets.value.get(name);
  if (secret === undefined) {
    field.unresolved(
      `there is no Secret "${name}" of type kubernetes.io/basic-auth in the namespace of this object: make it there, ` +
        'with the key "password"; one of another type is not read, and has to be deleted first',
    );
    return undefined;
  }
  const { password } = secret;
  if (!password.ok) field.invalid(`the Secret "${name}" ${password.error}`);
  else if (password.value === '') field.invalid(`the Secret "${name}" has nothing under its key "password"`);
  else if (utf8Length(password.value) > MAX_PASSWORD_BYTES) field.invalid(`the Secret "${name}": ${TOO_LONG}`);
  else return password.value;
  return undefined;
}

function utf8Length(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const codePoint = character.codePointAt(0) ?? 0;
    bytes += codePoint < 0x80 ? 1 : codePoint < 0x8_00 ? 2 : codePoint < 0x1_00_00 ? 3 : 4;
  }
  return bytes;
}
