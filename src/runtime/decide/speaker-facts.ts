/**
 * What speakers tell each other about their nodes: the interfaces they could announce on, as a text that travels in an
 * annotation of the speaker's Lease. All speakers elect over the same text, so a node never elects itself by facts that
 * the others do not have.
 */
import type { InterfaceFacts } from '../model/announcements.ts';
import { type Ip, parseIp } from '../model/ip.ts';
import type { SpeakerInterface, SpeakerView } from '../model/node.ts';
import { type AddressRange, parseAddressRange } from '../model/range.ts';

/**
 * On a speaker's Lease: its announceable interfaces, as JSON: [{"name":"eth0","subnets":["10.6.204.2/24"]}]. One that
 * does not run now has "down":true as well, so that whoever asks is told of the cable and not of a missing interface.
 */
export const INTERFACES_ANNOTATION = 'metallb.io/speaker-interfaces';

/** On a speaker's Lease: where its node's default routes go to, as JSON: ["10.6.204.254"]. */
export const GATEWAYS_ANNOTATION = 'metallb.io/speaker-gateways';

/** The labels that find the speakers' Leases among the namespace's others. */
export const SPEAKER_LEASE_LABELS = { app: 'metallb', component: 'speaker' } as const;

/** On a speaker's Lease: the UDP port where other speakers reach it. Absent: it cannot. */
export const PORT_ANNOTATION = 'metallb.io/speaker-port';

/** On a speaker's Lease: which process of its node it is, drawn at its start. Absent: one of a version that did not say. */
export const BOOT_ANNOTATION = 'metallb.io/speaker-boot';

/** The boot that the annotation names; undefined where it is absent or malformed. */
export function parseSpeakerBoot(annotation: string | undefined): string | undefined {
  return /^[0-9a-f]{16}$/.test(annotation ?? '') ? annotation : undefined;
}

/** The port that the annotation names; undefined where it is absent or no port. */
export function parseSpeakerPort(annotation: string | undefined): number | undefined {
  const port = /^[0-9]{1,5}$/.test(annotation ?? '') ? Number(annotation) : 0;
  return port >= 1 && port <= 65535 ? port : undefined;
}

/** The annotation's text: interfaces by name, their addresses in order, so that equal facts are equal text. */
export function formatSpeakerInterfaces(interfaces: readonly InterfaceFacts[]): string {
  const told = interfaces
    .map(({ name, running, addresses }) => ({
      name,
      subnets: [...addresses].sort(),
      ...(running ? {} : { down: true }),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return JSON.stringify(told);
}

/** A speaker as its annotation tells of it. Whatever is malformed in it is left out: it comes over the network. */
export function parseSpeaker(nodeName: string, annotation: string | undefined): SpeakerView {
  const told = parseJson(annotation ?? '[]');
  const interfaces = Array.isArray(told) ? told.flatMap(parseInterface) : [];
  return { nodeName, interfaces };
}

/** The addresses themselves of the interfaces that an annotation tells of: "10.6.204.2/24" is 10.6.204.2 here. */
export function parseSpeakerAddresses(annotation: string | undefined): readonly Ip[] {
  const told = parseJson(annotation ?? '[]');
  if (!Array.isArray(told)) return [];
  return told.flatMap((entry: unknown) => {
    const { subnets } = (entry ?? {}) as { subnets?: unknown };
    return Array.isArray(subnets) ? subnets.flatMap((text: unknown) => parseAddress(String(text).split('/')[0])) : [];
  });
}

/** The annotation's text; the gateways come in a fixed order, so that equal facts are equal text. */
export function formatSpeakerGateways(gateways: readonly string[]): string {
  return JSON.stringify(gateways);
}

export function parseSpeakerGateways(annotation: string | undefined): readonly Ip[] {
  const told = parseJson(annotation ?? '[]');
  return Array.isArray(told) ? told.flatMap(parseAddress) : [];
}

function parseAddress(text: unknown): Ip[] {
  const ip = typeof text === 'string' ? parseIp(text) : undefined;
  return ip?.ok === true ? [ip.value] : [];
}

function parseInterface(told: unknown): SpeakerInterface[] {
  if (typeof told !== 'object' || told === null) return [];
  const { name, subnets, down } = told as { name?: unknown; subnets?: unknown; down?: unknown };
  if (typeof name !== 'string' || name === '' || !Array.isArray(subnets)) return [];
  return [{ name, subnets: subnets.flatMap(parseSubnet), ...(down === true ? { down } : {}) }];
}

function parseSubnet(text: unknown): AddressRange[] {
  const range = typeof text === 'string' ? parseAddressRange(text) : undefined;
  return range?.ok === true ? [range.value] : [];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
