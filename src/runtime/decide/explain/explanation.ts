/**
 * Why a Service has the addresses it has, or none: plain data that prints as JSON, in sections, one for each thing that
 * can be asked. Made by explain.ts; turned into lines by the command line.
 */
import type { Ip, IpFamily } from '../../model/ip.ts';
import type { ObjectKey } from '../../model/service.ts';
import type { Allocation } from '../allocation/allocation.ts';
import type { AllocationReason, PoolRefusalReason } from '../allocation/allocation-reason.ts';
import type { AnnouncementReason, AnnouncementSection } from './announcement.ts';

export interface Explanation {
  readonly service: ObjectKey;
  /** The Service has what it asks for, of us or for all we know of somebody else, and what it has is announced. */
  readonly asAsked: boolean;
  /** Absent: there is no such Service. */
  readonly asks?: Asks;
  readonly has?: Has;
  readonly allocation: AllocationSection;
  /** Absent: it has nothing of ours that could be announced, or it was not looked at. */
  readonly announcement?: AnnouncementSection;
  readonly configuration: ConfigurationSection;
}

/** What the Service asks for. */
export interface Asks {
  readonly type: string;
  /** spec.loadBalancerClass; absent: none. */
  readonly class?: string;
  /** The primary first; empty: it has no cluster address, or is not of type LoadBalancer. */
  readonly families: readonly IpFamily[];
  readonly dualStack: 'no' | 'prefer' | 'require';
  /** Addresses of each family. */
  readonly count: number;
  readonly pool?: string;
  readonly addresses?: readonly Ip[];
  /** Its TCP ports, in their order. */
  readonly tcpPorts: readonly number[];
  /** With whom it would share. */
  readonly sharingKey?: string;
  /** Why what it asks for cannot be read or met at all; then the rest is as far as it could be read. */
  readonly fault?: string;
}

/** What the API says it has. */
export interface Has {
  /** Addresses and host names, as the status shows them. */
  readonly addresses: readonly string[];
  /** What the controller noted; absent: nothing. */
  readonly pool?: string;
  readonly condition?: {
    readonly status: string;
    readonly reason: string;
    readonly message: string;
    /** RFC 3339. */
    readonly since?: string;
  };
}

/** The allocation's reasons, and those of not coming to one. */
export type ExplanationReason =
  | AllocationReason
  | 'NoSuchService'
  /** Of another loadBalancerClass: another implementation's to serve. */
  | 'OtherClass'
  /** No configuration is known: the old ConfigMap is faulty, and there are no pools beside it. */
  | 'NoConfiguration';

export interface AllocationSection {
  /** As allocation says it. not-ours: another implementation's, or nobody's; unknown: nothing can be decided. */
  readonly verdict: Allocation['verdict'] | 'not-ours' | 'unknown';
  readonly reason: ExplanationReason;
  /** That of the condition metallb.io/Allocated, where the Service should have it. */
  readonly message: string;
  /** What it should have. */
  readonly addresses: readonly Ip[];
  /** The pool these are of. */
  readonly pool?: string;
  /** Why it lost an address that its status shows. */
  readonly lost?: { readonly reason: AllocationReason; readonly message: string };
  /** What the controller said last, compared with what was worked out here. */
  readonly controller: ControllerWord;
  /** Every pool, in the order they are asked. */
  readonly pools: readonly PoolExplanation[];
  /** Every address that it asks for. */
  readonly requested: readonly AddressExplanation[];
  /** What would make it work, the most useful first. */
  readonly advice: readonly string[];
}

export interface ControllerWord {
  /** same: the condition says this very thing · silent: there is no condition yet · other: it says something else. */
  readonly agreement: 'same' | 'silent' | 'other';
  /** For people; "" where they agree. */
  readonly note: string;
}

export type PoolReason =
  | PoolRefusalReason
  /** The Service's addresses are of this pool. */
  | 'Serves'
  /** It could, but another does, or the address asked for is the obstacle. */
  | 'CouldServe'
  /** It was not looked at: what the Service asks for cannot be read. */
  | 'NotAsked';

export interface PoolExplanation {
  readonly pool: string;
  readonly reason: PoolReason;
  readonly message: string;
  /** What else keeps it from serving. */
  readonly also: readonly PoolRefusalReason[];
}

export interface AddressExplanation {
  readonly ip: Ip;
  /** Absent: no pool contains it. */
  readonly pool?: string;
  readonly standing: 'own' | 'free' | 'shareable' | 'in-use' | 'excluded' | 'reserved' | 'not-in-pool';
  readonly message: string;
  /** Who else holds it, and why this Service may not share it with them; no reasons: it may. */
  readonly holders: readonly { readonly service: string; readonly obstacles: readonly string[] }[];
}

export interface ConfigurationSection {
  readonly source: 'resources' | 'config-map';
  /** Every fault of the configuration, a line each. */
  readonly faults: readonly string[];
}

/** One line of the list of Services that have less than they ask for, or an address that nobody announces. */
export interface ServiceProblem {
  readonly service: ObjectKey;
  readonly reason: ExplanationReason | AnnouncementReason;
  readonly message: string;
  /** What its status shows. */
  readonly addresses: readonly string[];
}
