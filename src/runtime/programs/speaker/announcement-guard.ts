/** How the packet path asks what it may announce. Implemented by the watch over conflicts. */
import type { PacketTraffic } from '../../engine/network-ports.ts';
import type { Mac } from '../../model/mac.ts';
import type { AnnouncedPlace } from './announceable.ts';

/**
 * Who says what may be announced, and hears what others say of it: the watch over conflicts. All calls come from the packet
 * path's thread and must not wait.
 */
export interface AnnouncementGuard {
  /**
   * All that is to be announced, wherever frames can be sent and heard now; before `mayAnnounce` is asked. From within,
   * `send` may be called, `replan` not.
   */
  setWanted(places: readonly GuardedPlace[]): void;
  /** What may not is neither answered nor announced; its frames are heard all the same. */
  mayAnnounce(place: AnnouncedPlace): boolean;
  /** A frame has come in on the interface, whatever becomes of it. The bytes are overwritten after the call. */
  heard(frame: Uint8Array, name: string, traffic: NeighbourTraffic): void;
  /** Whether the interface is to be listened to although nothing is announced there. */
  mustHear(name: string, traffic: NeighbourTraffic): boolean;
  /** Nothing can be sent or heard on the interface any more. */
  interfaceGone(name: string): void;
}

export interface GuardedPlace extends AnnouncedPlace {
  /** Of the interface. */
  readonly mac: Mac;
}

export type NeighbourTraffic = Extract<PacketTraffic, 'arp' | 'ndp'>;
