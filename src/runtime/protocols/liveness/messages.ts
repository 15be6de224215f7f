/**
 * What speakers say to each other, as values; codec.ts has their bytes, docs/liveness-protocol.md their meaning. Who
 * said it is not in a message: the envelope that carries it proves that.
 */
import type { Ip } from '../../model/ip.ts';

/** The first 8 bytes of the SHA-256 of a node's name, as 16 hex digits. Its order is the ring's. */
export type NodeId = string;

/** 8 random bytes that a speaker draws when it starts, as 16 hex digits. */
export type BootId = string;

/** The longest message in bytes; with its envelope it stays below 1,200, which passes every link unfragmented. */
export const MAX_MESSAGE_BYTES = 1150;

/** What a speaker says of itself in everything that it sends regularly. */
export interface Status {
  /** How late its own timer was at worst in the last two seconds, in milliseconds; 65,535: that or more. */
  readonly latenessMs: number;
  /** It lives, but retires: it wants its addresses taken over. */
  readonly leaving: boolean;
  /** Counts up each time it hears that somebody took it for dead. */
  readonly incarnation: number;
  /** The highest epoch that it has heard of. */
  readonly epoch: number;
  /** Of its own list of claims; counts up with each change. */
  readonly version: number;
  /** Of all that it knows of all speakers: two that know the same have the same. */
  readonly digest: number;
}

/** A speaker as it was at a certain time; what is said of it says nothing of its next incarnation or process. */
export interface Subject {
  readonly node: NodeId;
  readonly boot: BootId;
  readonly incarnation: number;
}

/** Addresses claimed with the same epoch. */
export interface ClaimGroup {
  readonly epoch: number;
  readonly ips: readonly Ip[];
}

/** What somebody knows of one speaker. */
export interface SummaryRow extends Subject {
  readonly version: number;
  readonly dead: boolean;
}

export type Message =
  /** To the watchers, every 40 ms. The sequence counts up by one. */
  | { readonly kind: 'heartbeat'; readonly sequence: number; readonly status: Status }
  /** To everyone, when something about the sender is new: it retires, or lives after all. */
  | { readonly kind: 'news'; readonly status: Status }
  | { readonly kind: 'probe'; readonly id: number; readonly status: Status }
  /** The answer to a probe, with its id. */
  | { readonly kind: 'ack'; readonly id: number; readonly status: Status }
  /** Do you hear it? */
  | { readonly kind: 'question'; readonly about: Subject }
  /** I heard it myself, so many milliseconds ago. */
  | { readonly kind: 'answer'; readonly about: Subject; readonly heardMsAgo: number }
  /** I witness that it is silent. */
  | { readonly kind: 'verdict'; readonly about: Subject }
  /** You count as dead here, in this incarnation of yours. */
  | { readonly kind: 'pronounced'; readonly incarnation: number }
  /** I end now. */
  | { readonly kind: 'goodbye'; readonly incarnation: number }
  /** The sender's own list has changed from one version to the next. */
  | {
      readonly kind: 'change';
      readonly version: number;
      readonly claimed: readonly ClaimGroup[];
      readonly released: readonly Ip[];
    }
  /** A part of a speaker's whole list: part `index` of `total`. */
  | {
      readonly kind: 'list';
      readonly node: NodeId;
      readonly boot: BootId;
      readonly version: number;
      readonly index: number;
      readonly total: number;
      readonly claims: readonly ClaimGroup[];
    }
  /** Tell me the list of this speaker: the named parts if it is still of that version, else all. */
  | {
      readonly kind: 'pull';
      readonly node: NodeId;
      readonly boot: BootId;
      readonly version: number;
      readonly parts: readonly number[];
    }
  /** What the sender knows. A question wants back what the receiver knows better; an answer wants nothing back. */
  | { readonly kind: 'summary'; readonly purpose: 'question' | 'answer'; readonly rows: readonly SummaryRow[] }
  /** Who owns addresses that you claim. */
  | { readonly kind: 'owners'; readonly owners: readonly { readonly node: NodeId; readonly claims: ClaimGroup }[] };

export type MessageKind = Message['kind'];
