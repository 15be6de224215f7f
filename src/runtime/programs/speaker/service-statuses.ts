/** The ServiceL2Status objects: which Services this node announces by layer 2, and on which interfaces. */
import {
  announcementsByService,
  type PlannedOwner,
  type ServiceAnnouncement,
} from '../../decide/announcing/service-announcements.ts';
import { serviceOfStatus, serviceStatusName, wantedL2Status } from '../../decide/announcing/service-status-objects.ts';
import { StatusObjects, type StatusObjectsOptions } from './status-objects.ts';

export class ServiceStatuses {
  readonly #nodeName: string;
  readonly #objects: StatusObjects<ServiceAnnouncement>;

  constructor(options: StatusObjectsOptions) {
    const { settings, sha256Hex } = options;
    const node = settings.nodeName;
    this.#nodeName = node;
    this.#objects = new StatusObjects<ServiceAnnouncement>(
      {
        plural: 'servicel2statuses',
        // An address has one owner: the new one clears away what the old one left.
        watches: 'all',
        subjectOf: serviceOfStatus,
        nameOf: (service) => serviceStatusName('l2', { node, service }, sha256Hex),
        wantedOf: (service, { own }) =>
          own === undefined ? undefined : wantedL2Status({ node, service }, own, sha256Hex),
        nodesOf: (said) => said?.nodes ?? [],
        isSame,
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

  /** The plan as it is now, and the nodes whose speakers live. */
  tell(plans: readonly PlannedOwner[], alive: readonly string[]): void {
    this.#objects.tell(announcementsByService(plans, this.#nodeName), alive);
  }
}

function isSame(a: ServiceAnnouncement, b: ServiceAnnouncement): boolean {
  return (
    a.nodes.join() === b.nodes.join() &&
    a.own?.addresses.join() === b.own?.addresses.join() &&
    a.own?.interfaces.join('/') === b.own?.interfaces.join('/')
  );
}
