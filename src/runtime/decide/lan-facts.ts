/**
 * What speakers tell each other and the controller about the LAN, as texts that travel in annotations of their Leases:
 * their own MACs, so that nobody takes one of them for a foreign host, and the foreign hosts that hold an address of ours.
 */
import type { InterfaceFacts } from '../model/announcements.ts';
import type { LanConflict } from '../model/conflict.ts';
import { compareIps, parseIp } from '../model/ip.ts';
import { isStationMac, type Mac, parseMac } from '../model/mac.ts';
import { compareText } from '../model/text-order.ts';

/**
 * On a speaker's Lease: addresses that somebody foreign holds, as JSON:
 * [{"ip":"10.6.204.20","mac":"52:54:00:00:00:99","interface":"eth0","sinceMs":1767225600000}].
 */
export const CONFLICTS_ANNOTATION = 'metallb.io/speaker-conflicts';

/** On a speaker's Lease: the MACs of its node's interfaces, as JSON: ["02:00:00:00:00:01"]. */
export const MACS_ANNOTATION = 'metallb.io/speaker-macs';

/** All annotations of an object together may have 256 KiB; one entry has some hundred bytes. */
export const MAX_TOLD_CONFLICTS = 1000;

/** The annotation's text, in a fixed order, so that equal facts are equal text. The node is the Lease's. */
export function formatSpeakerConflicts(conflicts: readonly LanConflict[]): string {
  const told = [...conflicts]
    .sort((a, b) => compareIps(a.ip, b.ip) || compareText(a.interface, b.interface))
    .slice(0, MAX_TOLD_CONFLICTS)
    .map(({ ip, mac, interface: name, sinceMs }) => ({ ip, mac, interface: name, sinceMs }));
  return JSON.stringify(told);
}

/** Whatever is malformed is left out: it comes over the network. */
export function parseSpeakerConflicts(node: string, annotation: string | undefined): readonly LanConflict[] {
  return parseList(annotation)
    .slice(0, MAX_TOLD_CONFLICTS)
    .flatMap((told) => parseConflict(node, told));
}

/** The annotation's text: every Ethernet address of the node's interfaces, running or not, once. */
export function formatSpeakerMacs(interfaces: readonly InterfaceFacts[]): string {
  const macs = interfaces.flatMap(({ mac }) => (mac === undefined ? [] : [mac]));
  return JSON.stringify(Array.from(new Set(macs)).sort(compareText));
}

export function parseSpeakerMacs(annotation: string | undefined): readonly Mac[] {
  return parseList(annotation).flatMap(parseStation);
}

function parseConflict(node: string, told: unknown): LanConflict[] {
  const { ip: ipText, mac: macText, interface: name, sinceMs } = (told ?? {}) as Readonly<Record<string, unknown>>;
  const ip = typeof ipText === 'string' ? parseIp(ipText) : undefined;
  const [mac] = parseStation(macText);
  if (ip?.ok !== true || mac === undefined || typeof name !== 'string' || name === '') return [];
  if (typeof sinceMs !== 'number' || !Number.isFinite(sinceMs)) return [];
  return [{ ip: ip.value, mac, interface: name, sinceMs, node }];
}

function parseStation(told: unknown): Mac[] {
  const mac = typeof told === 'string' ? parseMac(told) : undefined;
  return mac?.ok === true && isStationMac(mac.value) ? [mac.value] : [];
}

function parseList(annotation: string | undefined): readonly unknown[] {
  try {
    const told: unknown = JSON.parse(annotation ?? '[]');
    return Array.isArray(told) ? told : [];
  } catch {
    return [];
  }
}
