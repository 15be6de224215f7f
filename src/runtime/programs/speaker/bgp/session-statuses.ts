/** The BGPSessionStatus objects: how each BGP session of this node fares, and what its router was told. */
import { apiTime } from '../../../adapters/kube/api-time.ts';
import {
  peerOfStatus,
  sessionStatusName,
  type ToldSession,
  toldSession,
  wantedSessionStatus,
} from '../../../decide/announcing/session-status-objects.ts';
import type { BgpSessionView } from '../../../model/bgp-session.ts';
import { isSameJson } from '../../../model/json.ts';
import { StatusObjects, type StatusObjectsOptions } from '../status-objects.ts';

/** Of one object. While addresses come and go, what the router was told changes all the time. */
const REST_MS = 1_000;

export class SessionStatuses {
  readonly #objects: StatusObjects<ToldSession>;
  #told: ReadonlyMap<string, ToldSession> = new Map();

  constructor(options: StatusObjectsOptions) {
    const { settings, sha256Hex } = options;
    const node = settings.nodeName;
    this.#objects = new StatusObjects<ToldSession>(
      {
        plural: 'bgpsessionstatuses',
        watches: 'own',
        subjectOf: peerOfStatus,
        nameOf: (peer) => sessionStatusName(node, peer, sha256Hex),
        wantedOf: (_, told) => wantedSessionStatus({ node, told }, sha256Hex),
        nodesOf: () => 'unknown',
        isSame: isSameJson,
        restMs: REST_MS,
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
   * All sessions as they are now, what each peer's router was told (ordered texts), and the nodes whose speakers live.
   * To be told first when the sessions are known: what an earlier process wrote would be taken away before.
   */
  tell(
    views: readonly BgpSessionView[],
    prefixesOf: (peer: string) => readonly string[],
    alive: readonly string[],
  ): void {
    const before = this.#told;
    this.#told = new Map(
      views.map((view) => {
        const facts = { view, since: apiTime(view.sinceWallMs), prefixes: prefixesOf(view.peer) };
        return [view.peer, toldSession(facts, before.get(view.peer))];
      }),
    );
    this.#objects.tell(this.#told, alive);
  }
}
