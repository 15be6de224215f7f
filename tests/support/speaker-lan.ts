/** A LAN of one speaker, with the packet path running, and one client that judges it. See netns.ts for what it needs. */
import { createLan, type Lan, type LanHost } from './netns.ts';
import { PacketPathChild } from './packet-path-child.ts';

/** The addresses, which can be used at once, of the eth0 of each. */
export async function createSpeakerLan(addresses: {
  readonly speaker: readonly string[];
  readonly client: readonly string[];
}): Promise<SpeakerLan> {
  const lan = await createLan({ speaker: [], client: [] });
  try {
    for (const name of ['speaker', 'client'] as const) {
      for (const address of addresses[name]) await lan.host(name).addAddress(address);
    }
    return new SpeakerLan(lan);
  } catch (error) {
    await lan.remove();
    throw error;
  }
}

export class SpeakerLan {
  readonly speaker: LanHost;
  readonly client: LanHost;
  readonly #lan: Lan;
  #child: PacketPathChild;

  /** Use `createSpeakerLan`. */
  constructor(lan: Lan) {
    this.#lan = lan;
    this.speaker = lan.host('speaker');
    this.client = lan.host('client');
    this.#child = new PacketPathChild(this.speaker);
  }

  /** The packet path that runs now. */
  get child(): PacketPathChild {
    return this.#child;
  }

  /** Ends the packet path and starts another, which announces nothing yet, with these options and rights. */
  async restart(...options: OptionsAndRights): Promise<PacketPathChild> {
    await this.#child.stop();
    this.#child = new PacketPathChild(this.speaker, ...options);
    return this.#child;
  }

  /** Whether the client's arping gets an answer to each of its questions. */
  async arping(...options: string[]): Promise<boolean> {
    const result = await this.client.tryRun('arping', '-i', 'eth0', '-W', '0.2', '-w', '1', '-q', ...options);
    return result.exitCode === 0;
  }

  /** Throws, after all is removed, when the packet path has died or does not end. */
  async remove(): Promise<void> {
    try {
      await this.#child.stop();
    } finally {
      await this.#lan.remove();
    }
  }
}

type OptionsAndRights = ConstructorParameters<typeof PacketPathChild> extends [LanHost, ...infer Rest] ? Rest : never;
