/** What goes into the conflict detector and what comes out: plain data, one address on one interface at a time. */
import type { Ip } from '../../model/ip.ts';
import type { Mac } from '../../model/mac.ts';

/** An address as it is announced on one interface: what the detector watches. */
export interface Place {
  readonly ip: Ip;
  /** Name of the interface. */
  readonly interface: string;
}

/**
 * What to do when somebody foreign takes an address that is announced. yield: stop announcing it, at once when that is
 * certain. defend: go on, and announce it anew, at most once in ten seconds.
 */
export type ConflictPolicy = 'yield' | 'defend';

/**
 * In what frame an address was heard of.
 *
 * | kind        | what it is                                                               | it says         |
 * |-------------|--------------------------------------------------------------------------|-----------------|
 * | arp-request | ARP request whose sender IP is the address (gratuitous ones too)         | I have it       |
 * | arp-reply   | ARP reply whose sender IP is the address                                 | I have it       |
 * | na          | Neighbor Advertisement whose target is the address                       | I have it       |
 * | probe       | ARP request for the address with sender IP 0.0.0.0                       | I want it       |
 * | dad-ns      | Neighbor Solicitation for the address from :: (duplicate detection)      | I want it       |
 *
 * Who merely asks where the address is says nothing about it, and is not told here.
 */
export type Sighting = 'arp-request' | 'arp-reply' | 'na' | 'probe' | 'dad-ns';

export type ConflictInput =
  /**
   * To be announced here for the first time, with nobody known to hold it: not before 'free'. Told again of a place that
   * is known, the policy and the MAC are taken over, and the verdict, if it was a conflict, is repeated.
   */
  | ({ readonly kind: 'probe'; readonly mac: Mac; readonly policy: ConflictPolicy } & Place)
  /** Announced here from now on without a probe, because a speaker held it until now; watched like the others. */
  | ({ readonly kind: 'watch'; readonly mac: Mac; readonly policy: ConflictPolicy } & Place)
  /** Not to be announced here any more. If somebody foreign holds it, that is remembered until it ends. */
  | ({ readonly kind: 'released' } & Place)
  /** Nothing can be sent or heard there: all about the interface is forgotten. */
  | { readonly kind: 'interface-gone'; readonly interface: string }
  /**
   * `mac` is who says so: the ARP sender's hardware address, the target link-layer option of an advertisement, else the
   * frame's source.
   */
  | ({ readonly kind: 'seen'; readonly as: Sighting; readonly mac: Mac } & Place)
  /** All MACs of this node: what they say came from here. Replaces the earlier set. */
  | { readonly kind: 'own-macs'; readonly macs: readonly Mac[] }
  /** All MACs of all speakers of the cluster: they are not foreign. Replaces the earlier set. */
  | { readonly kind: 'speaker-macs'; readonly macs: readonly Mac[] }
  | { readonly kind: 'timer' };

export type ConflictOutput =
  /** Send one probe: an ARP probe (RFC 5227 §2.1.1), or a Neighbor Solicitation from :: (RFC 4862 §5.4.2). */
  | ({ readonly kind: 'send-probe'; readonly mac: Mac } & Place)
  /** Probed, and nobody answered: announce it. */
  | ({ readonly kind: 'free' } & Place)
  /**
   * Somebody foreign, `mac`, has it. stay-silent: it is not announced here, and must not be. yield: stop announcing it.
   * defend: go on.
   */
  | ({ readonly kind: 'conflict'; readonly mac: Mac; readonly then: 'stay-silent' | 'yield' | 'defend' } & Place)
  /** The conflict is over: announce it if it is still wanted. */
  | ({ readonly kind: 'clear' } & Place)
  /** Announce it once, so that neighbours who followed `mac` come back: one announcement, no further rounds. */
  | ({ readonly kind: 'defence'; readonly mac: Mac } & Place)
  /** Another speaker, `mac`, announces it as well: compare the claims, and let the older one yield. */
  | ({ readonly kind: 'stale-owner'; readonly mac: Mac } & Place);
