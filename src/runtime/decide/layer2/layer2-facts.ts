/** What the layer-2 plan is made from: facts that all speakers share, so that all make the same plan. */
import type { Claim } from '../../model/claim.ts';
import type { Config } from '../../model/config.ts';
import type { Ip } from '../../model/ip.ts';
import type { NodeView, SpeakerView } from '../../model/node.ts';
import type { EndpointView, ServiceView } from '../../model/service.ts';

export interface Layer2Facts {
  readonly config: Config;
  readonly services: readonly ServiceView[];
  /** By "namespace/name" of the Service. */
  readonly endpoints: ReadonlyMap<string, readonly EndpointView[]>;
  /** Names are unique. */
  readonly nodes: readonly NodeView[];
  /** The speakers that are alive, those that leave among them. */
  readonly speakers: readonly SpeakerView[];
  /** Nodes whose speakers are alive but about to stop: they are given nothing, and answer until others have claimed. */
  readonly leaving: ReadonlySet<string>;
  /** Undefined: Services without a class; else just those of this class. */
  readonly loadBalancerClass: string | undefined;
  readonly excludedNodes: 'skip' | 'use';
  /**
   * How owners are chosen. 'spread': evenly, and whoever has an address keeps it. 'metallb': by MetalLB's hash, whoever
   * has it, for clusters where MetalLB's speakers elect as well.
   */
  readonly election: 'spread' | 'metallb';
  /** Every claim heard of, in any order; several of one address may be among them. */
  readonly claims: readonly Claim[];
  /** Whether an owner that works may be asked to give one address up, for an even spread or a node preferred more. */
  readonly handBack: 'allowed' | 'not-now';
  /** The addresses that a host which is no speaker holds on the LAN; the plan reads the keys alone. */
  readonly conflicts: ReadonlyMap<Ip, unknown>;
}
