/**
 * The ServiceBGPStatus objects: to which BGP peers this node advertises each Service. They tell what has happened: a peer
 * is named as soon as it was sent the Service's routes, not when it is to be.
 *
 * Deviation: MetalLB names the peers that a Service is meant for, whether a session stands or not.
 */
import {
  serviceOfStatus,
  serviceStatusName,
  wantedBgpStatus,
} from '../../../decide/announcing/service-status-objects.ts';
import { isSameJson } from '../../../model/json.ts';
import { StatusObjects, type StatusObjectsOptions } from '../status-objects.ts';
import type { AdvertisedService } from './bgp-planning.ts';

export class BgpServiceStatuses {
  readonly #objects: StatusObjects<AdvertisedService>;

  constructor(options: StatusObjectsOptions) {
    const { settings, sha256Hex } = options;
    const node = settings.nodeName;
    this.#objects = new StatusObjects<AdvertisedService>(
      {
        plural: 'servicebgpstatuses',
        // Every node may advertise every Service.
        watches: 'own',
        subjectOf: serviceOfStatus,
        nameOf: (service) => serviceStatusName('bgp', { node, service }, sha256Hex),
        wantedOf: (service, advertised) =>
          advertised.peers.length === 0 ? undefined : wantedBgpStatus({ node, service }, advertised, sha256Hex),
        nodesOf: () => 'unknown',
        isSame: isSameJson,
      },
      options,
    );
  }

  start(): void {
    this.#objects.start();
  }

  stop(): Promise<void> {
    return this.#objects.stop();
  }

  /**
   * What is advertised of each Service ("namespace/name") from this node now, and the nodes whose speakers live. To be told
   * first when the sessions are known: what an earlier process wrote would be taken away before.
   */
  tell(services: ReadonlyMap<string, AdvertisedService>, alive: readonly string[]): void {
    this.#objects.tell(services, alive);
  }
}
