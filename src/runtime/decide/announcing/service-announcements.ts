/**
 * The layer-2 plan seen from the Services: which nodes announce each, and what this node announces of it. Pure.
 */
import type { AnnouncedAddress } from '../../model/announcements.ts';
import type { Ip } from '../../model/ip.ts';
import { compareText } from '../../model/text-order.ts';

/** What is read of an address's plan. */
export interface PlannedOwner {
  readonly ip: Ip;
  /** "namespace/name" each. */
  readonly services: readonly string[];
  /** Absent: nobody announces it. */
  readonly owner?: string;
  readonly interfaces: AnnouncedAddress['interfaces'];
}

export interface ServiceAnnouncement {
  /** The nodes that announce an address of the Service, ordered. */
  readonly nodes: readonly string[];
  /** Absent: not this node. */
  readonly own?: OwnAnnouncement;
}

/** What this node announces of a Service. */
export interface OwnAnnouncement {
  /** In the plan's order. */
  readonly addresses: readonly Ip[];
  /** Ordered; empty: not restricted. */
  readonly interfaces: readonly string[];
}

/** By "namespace/name"; Services that nobody announces are left out. */
export function announcementsByService(
  plans: readonly PlannedOwner[],
  nodeName: string,
): ReadonlyMap<string, ServiceAnnouncement> {
  const byService = new Map<string, PlannedOwner[]>();
  for (const plan of plans) {
    if (plan.owner === undefined) continue;
    for (const service of plan.services) {
      const known = byService.get(service);
      if (known === undefined) byService.set(service, [plan]);
      else known.push(plan);
    }
  }
  return new Map(Array.from(byService, ([service, announced]) => [service, announcementOf(announced, nodeName)]));
}

function announcementOf(announced: readonly PlannedOwner[], nodeName: string): ServiceAnnouncement {
  const nodes = Array.from(new Set(announced.flatMap(({ owner }) => owner ?? []))).sort(compareText);
  const own = announced.filter(({ owner }) => owner === nodeName);
  if (own.length === 0) return { nodes };
  return { nodes, own: { addresses: own.map(({ ip }) => ip), interfaces: restrictionOf(own) } };
}

/** One address that is not restricted makes the Service one that is not. */
function restrictionOf(own: readonly PlannedOwner[]): readonly string[] {
  const names = new Set<string>();
  for (const { interfaces } of own) {
    if (interfaces === 'in-subnet') return [];
    for (const name of interfaces) names.add(name);
  }
  return Array.from(names).sort(compareText);
}
