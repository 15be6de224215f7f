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
import { StatusObjects, type StatusObjectsOptions } from '../status-objects.ts';

export class BgpServiceStatuses {
  readonly #objects: StatusObjects<readonly string[]>;

  constructor(options: StatusObjectsOptions) {
    const { settings, sha256Hex } = options;
    const node = settings.nodeName;
    this.#objects = new StatusObjects<readonly string[]>(
      {
        plural: 'servicebgpstatuses',
        // Every node may advertise every Service.
        watches: 'own',
        subjectOf: serviceOfStatus,
        nameOf: (service) => serviceStatusName('bgp', { node, service }, sha256Hex),
        wantedOf: (service, peers) =>
          peers.length === 0 ? undefined : wantedBgpStatus({ node, service }, peers, sha256Hex),
        nodesOf: () => 'unknown',
        isSame: (a, b) => a.join() === b.join(),
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
   * The peers to which each Service ("namespace/name") is advertised from this node now, each list ordered and each name
   * once, and the nodes whose speakers live. To be told first when the sessions are known: what an earlier process wrote
   * would be taken away before.
   */
  tell(peersByService: ReadonlyMap<string, readonly string[]>, alive: readonly string[]): void {
    this.#objects.tell(peersByService, alive);
  }
}
