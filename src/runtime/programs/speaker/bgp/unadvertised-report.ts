/**
 * Says which addresses no node may advertise by BGP any more: a log line, and an Event on each Service, with what keeps
 * each node from it. Once per change, not per plan; the Event is told by one speaker for all, as with layer 2.
 */
import { refusalSummary } from '../../../decide/announcing/refusal-summary.ts';
import type { UnadvertisedAddress } from '../../../decide/bgp/advertiser-search.ts';
import type { RefusedNode, UnadvertisedReason } from '../../../decide/bgp/refusals.ts';
import type { Log } from '../../../engine/log.ts';
import type { Ip } from '../../../model/ip.ts';
import { type ServiceEventOptions, speaksForAll, tellOfService } from '../service-events.ts';
import type { BgpCoverage } from './bgp-coverage.ts';

/**
 * Of so many addresses of a plan the nodes' reasons are told; of the others, which have most likely lost their nodes by the
 * same change, that there is none. It takes a microsecond and more a node and address.
 */
const MOST_EXPLAINED = 200;

export interface UnadvertisedReportOptions extends ServiceEventOptions {
  readonly log: Pick<Log, 'warn'>;
}

export class UnadvertisedReport {
  readonly #options: UnadvertisedReportOptions;
  /** Of the plan before: what was to be advertised, and why it was not. */
  #before: ReadonlyMap<Ip, UnadvertisedReason | undefined> = new Map();

  constructor(options: UnadvertisedReportOptions) {
    this.#options = options;
  }

  /** `alive`: nodes whose speakers live. */
  tell({ covered, unadvertised }: BgpCoverage, alive: readonly string[]): void {
    const now = new Map<Ip, UnadvertisedReason | undefined>(Array.from(covered, (ip) => [ip, undefined]));
    const isSpokesman = speaksForAll(this.#options.nodeName, alive);
    for (const { ip, reason } of unadvertised) now.set(ip, reason);
    const changed = unadvertised.filter(({ ip, reason }) => this.#before.get(ip) !== reason);
    for (const [index, address] of changed.entries()) {
      // Of a Service that nobody serves, nodes have nothing to add.
      const isExplained = address.reason !== 'no-serving-endpoint' && index < MOST_EXPLAINED;
      const told = { ...address, refused: isExplained ? address.refused() : [] };
      this.#options.log.warn(told, 'no node advertises the address by BGP');
      if (isSpokesman && this.#isNews(address)) this.#tellServices(told);
    }
    this.#before = now;
  }

  /** A Service that has just been made has no endpoint for a moment: only one that had some is in trouble. */
  #isNews({ ip, reason }: UnadvertisedAddress): boolean {
    const wasAdvertised = this.#before.has(ip) && this.#before.get(ip) === undefined;
    return reason !== 'no-serving-endpoint' || wasAdvertised;
  }

  #tellServices(address: Omit<UnadvertisedAddress, 'refused'> & { readonly refused: readonly RefusedNode[] }): void {
    const message = refusalSummary({ ...address, protocol: 'bgp' });
    for (const key of address.services) {
      tellOfService(key, { type: 'Warning', reason: 'announceFailed', message }, this.#options);
    }
  }
}
