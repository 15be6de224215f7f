/** Links that hear each other over a network of the test's own, on one clock that moves only here. */
import { expect, test } from '@jest/globals';
import { DatagramSeal } from '../../../../src/runtime/adapters/host/datagram-seal.ts';
import type { Clock } from '../../../../src/runtime/engine/ports.ts';
import {
  type LinkOutput,
  type LivenessLink,
  openLivenessLink,
} from '../../../../src/runtime/programs/speaker/liveness-link.ts';
import { sha256Hex } from '../../../support/liveness-world.ts';
import { ip } from '../../../support/views.ts';
import { VirtualClock } from '../../../support/virtual-clock.ts';

const PEERS = ['a', 'b', 'c'].map((node, index) => ({
  node,
  boot: `00000000000000${node}${node}`,
  address: `192.0.2.${index + 1}`,
  port: 7946,
}));

class JumpingClock extends VirtualClock {
  asked = 0;
  override wallMs(): number {
    this.asked += 1;
    // Hours to and fro, at every look.
    return Date.UTC(2024, 0, 1) + (this.asked % 2 === 0 ? 5 : -5) * 3_600_000;
  }
}

async function open(clock: Clock, told: LinkOutput[]): Promise<LivenessLink[]> {
  const byAddress = new Map<string, LivenessLink>();
  const links: LivenessLink[] = [];
  for (const { node, boot, address } of PEERS) {
    const seal = new DatagramSeal(boot);
    seal.setKeys({ secrets: [Buffer.from('a secret of enough length')], plain: 'refused' });
    const link = await openLivenessLink({
      node,
      boot,
      clock,
      seal,
      sha256Hex,
      seed: links.length,
      open: async () => ({
        port: 7946,
        send: (to, bytes) => void clock.schedule(1, () => byAddress.get(to.address)?.receive(bytes)),
        knock: () => undefined,
        errors: () => ({}),
        close: () => undefined,
      }),
      onOutput: (output) => told.push(output),
    });
    byAddress.set(address, link);
    links.push(link);
  }
  for (const [index, link] of links.entries()) link.setPeers(PEERS.filter((_, other) => other !== index));
  return links;
}

test('a wall clock that jumps by hours changes nothing: no time is taken from it', async () => {
  const clock = new JumpingClock();
  const told: LinkOutput[] = [];
  const links = await open(clock, told);
  links[0]?.claim([ip('192.0.2.50')]);
  await clock.advance(3000);
  told.length = 0;
  for (let round = 0; round < 10; round++) {
    clock.wallMs();
    await clock.advance(500);
  }
  expect(told).toEqual([]);
  expect(links.map((link) => link.owner(ip('192.0.2.50'))?.node)).toEqual(['a', 'a', 'a']);
  expect(links.flatMap((link) => link.snapshot().peers.map(({ state }) => state))).toEqual(Array(6).fill('alive'));
  // By the test alone.
  expect(clock.asked).toBe(10);
  for (const link of links) link.abandon();
});
