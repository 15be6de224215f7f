/**
 * Throws datagrams at a speaker's ear that nobody who has the secret sent to it (outsiders), and messages that somebody who
 * has it ought not to send (insiders). The first must leave no trace but a count; the second may be believed where they
 * can be read, and must neither break the machine nor make it keep ever more. Throws at the first that does otherwise.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { DatagramSeal, type Refusal } from '../../src/runtime/adapters/host/datagram-seal.ts';
import { type Ip, parseIp } from '../../src/runtime/model/ip.ts';
import { type Instant, instant } from '../../src/runtime/model/time.ts';
import { LivenessLink } from '../../src/runtime/programs/speaker/liveness-link.ts';
import { decodeMessage, encodeMessage } from '../../src/runtime/protocols/liveness/codec.ts';
import { Liveness } from '../../src/runtime/protocols/liveness/liveness.ts';
import type { Message, Status } from '../../src/runtime/protocols/liveness/messages.ts';
import { nodeId } from '../../src/runtime/protocols/liveness/ring.ts';
import { seededDice } from './dice.ts';
import { sha256Hex } from './liveness-world.ts';

type Roll = (sides: number) => number;

const SECRET = Buffer.from('the secret that all speakers have');
const OTHER = Buffer.from('a secret that no speaker has heard');
const NODES = ['a', 'b', 'c', 'd'] as const;
type Node = (typeof NODES)[number];
const BOOTS: Readonly<Record<Node, string>> = {
  a: '00000000000000aa',
  b: '00000000000000bb',
  c: '00000000000000cc',
  d: '00000000000000dd',
};
const STALE_BOOT = '0000000000000b0b';
const PEERS = NODES.slice(1).map((node) => ({ node, boot: BOOTS[node], address: '192.0.2.9', port: 7946 }));

/** Nothing times out here: what is sent is sent because of a datagram. */
const standingClock = { now: () => instant(1000), wallMs: () => 0, schedule: () => () => undefined };

/** What each datagram of an outsider is made of, and by which reasons it may be refused. */
const OUTSIDERS: Readonly<Record<string, readonly (Refusal | 'unreadable')[]>> = {
  random: ['malformed', 'stale-boot', 'unknown-sender', 'replayed', 'bad-tag', 'unsealed'],
  mutated: ['malformed', 'stale-boot', 'unknown-sender', 'replayed', 'bad-tag', 'unsealed'],
  replayed: ['replayed'],
  'to another': ['stale-boot'],
  'turned to this one': ['bad-tag', 'replayed'],
  'turned back to its sender': ['bad-tag', 'replayed', 'unknown-sender'],
  // Their numbers begin anew.
  'of another secret': ['bad-tag', 'replayed'],
  plain: ['unsealed', 'replayed'],
  'of a process before': ['stale-boot'],
  'of a stranger': ['unknown-sender'],
};

/** How many of each kind were refused by each reason. */
export async function fuzzLink(size: {
  readonly datagrams: number;
  readonly seed: number;
}): Promise<Record<string, number>> {
  const roll = seededDice(size.seed);
  const caused: unknown[] = [];
  const seal = sealOf('a', SECRET);
  const link = new LivenessLink({
    node: 'a',
    boot: BOOTS.a,
    clock: standingClock,
    log: { info: () => undefined, warn: () => undefined },
    seal,
    sha256Hex,
    seed: 1,
    open: () => ({
      send: (_target, bytes) => caused.push(bytes),
      knock: (target) => caused.push(target),
      errors: () => ({}),
      close: () => undefined,
    }),
    onOutput: (output) => caused.push(output),
  });
  // B had another boot before.
  link.setPeers(PEERS.map((peer) => (peer.node === 'b' ? { ...peer, boot: STALE_BOOT } : peer)));
  link.setPeers(PEERS);
  link.claim([ip(1), ip(2)]);
  const senders = { b: sealOf('b', SECRET), c: sealOf('c', SECRET), d: sealOf('d', SECRET) };
  const status = { latenessMs: 3, leaving: false, incarnation: 0, epoch: 7, version: 0, digest: 1 };
  const taken: Uint8Array[] = [];
  for (const sender of Object.values(senders)) {
    taken.push(sealed(sender, 'a', { kind: 'heartbeat', sequence: 1, status }));
    for (const message of seedMessages(roll).slice(0, 6)) taken.push(sealed(sender, 'a', message));
  }
  for (const datagram of taken) link.receive(datagram);
  if (JSON.stringify(link.counters().refused) !== '{}') throw new Error('the right ones are refused');
  const mallory: Readonly<Record<string, DatagramSeal>> = {
    other: sealOf('b', OTHER),
    plain: sealOf('b', undefined),
    stale: sealOf('b', SECRET, STALE_BOOT),
    stranger: sealOf('b', SECRET, 'ffffffffffffffff'),
  };
  const [sender, messages] = [() => Object.values(senders)[roll(3)] as DatagramSeal, seedMessages(roll)];
  const message = (): Message => messages[roll(messages.length)] as Message;
  const make: Readonly<Record<string, () => Uint8Array>> = {
    random: () => randomDatagram(roll, taken),
    mutated: () => changed(sealed(sender(), 'a', message()), roll),
    replayed: () => taken[roll(taken.length)] as Uint8Array,
    'to another': () => sealed(senders.b, 'c', message()),
    'turned to this one': () => withBoots(sealed(senders.b, 'c', message()), BOOTS.b, BOOTS.a),
    'turned back to its sender': () => withBoots(sealed(seal, 'c', message()), BOOTS.c, BOOTS.a),
    'of another secret': () => sealed(mallory.other as DatagramSeal, 'a', message()),
    plain: () => sealed(mallory.plain as DatagramSeal, 'a', message()),
    'of a process before': () => sealed(mallory.stale as DatagramSeal, 'a', message()),
    'of a stranger': () => sealed(mallory.stranger as DatagramSeal, 'a', message()),
  };
  const kinds = Object.keys(make);
  const before = believed(link.snapshot(), link.claims());
  caused.length = 0;
  const heapBefore = usedHeap();
  const counts: Record<string, number> = {};
  let refusedBefore = refusals(link.counters().refused);
  for (let count = 0; count < size.datagrams; count++) {
    // Half of them random or mutated.
    const kind = kinds[roll(2) === 0 ? roll(2) : roll(kinds.length)] as string;
    const datagram = (make[kind] as () => Uint8Array)();
    link.receive(datagram);
    const refused = refusals(link.counters().refused);
    const reason = [...refused].find(([name, times]) => times !== (refusedBefore.get(name) ?? 0))?.[0];
    refusedBefore = refused;
    if (reason === undefined || caused.length > 0 || !(OUTSIDERS[kind] as readonly string[]).includes(reason)) {
      throw new Error(
        `${kind}: ${reason ?? 'taken'}, ${JSON.stringify(caused)}: ${Buffer.from(datagram).toString('hex')}`,
      );
    }
    counts[`${kind}: ${reason}`] = (counts[`${kind}: ${reason}`] ?? 0) + 1;
  }
  mustBeBounded(heapBefore);
  if (believed(link.snapshot(), link.claims()) !== before) throw new Error('something was believed');
  // The right ones are taken as before.
  link.receive(sealed(senders.b, 'a', { kind: 'probe', id: 9, status }));
  if (caused.length === 0) throw new Error('deaf');
  link.abandon();
  return counts;
}

export interface MachineCounts {
  readonly refused: number;
  readonly read: number;
}

/** From proven senders, straight into the machine, with its timer running. */
export function fuzzMachine(size: { readonly messages: number; readonly seed: number }): MachineCounts {
  const roll = seededDice(size.seed);
  const machine = new Liveness({ node: 'a', boot: BOOTS.a, sha256Hex, seed: 1 });
  const seeds = seedMessages(roll).map(encodeMessage);
  let now = 0;
  let [refused, read] = [0, 0];
  let heapBefore = 0;
  for (let count = 0; count < size.messages; count++) {
    if (count % 20_000 === 0) {
      // Everybody is forgotten: what the ones before said is no excuse for keeping anything.
      machine.handle({ kind: 'peers', peers: [] }, instant(now));
      if (machine.claims().some(({ node }) => node !== 'a')) throw new Error('claims of those that are forgotten');
      machine.handle({ kind: 'peers', peers: PEERS }, instant(now));
      machine.handle({ kind: 'claim', ips: [ip(1), ip(2), ip(3)] }, instant(now));
      if (count === 20_000) heapBefore = usedHeap();
    }
    now += roll(20) / 10;
    tick(machine, instant(now));
    const bytes = roll(5) === 0 ? randomMessage(roll) : mutation(seeds[roll(seeds.length)] as Uint8Array, roll);
    const from = NODES[1 + roll(3)] as string;
    if (decodeMessage(bytes).ok) read += 1;
    else {
      refused += 1;
      refuse(machine, { from, bytes }, instant(now));
      continue;
    }
    mustBeReadable(machine.handle({ kind: 'datagram', from, bytes }, instant(now)), bytes);
  }
  if (heapBefore > 0) mustBeBounded(heapBefore);
  return { refused, read };
}

function tick(machine: Liveness, now: Instant): void {
  const deadline = machine.deadline();
  if (deadline !== undefined && deadline <= now) machine.handle({ kind: 'timer' }, now);
}

/** What cannot be read is said to be so, answered by nothing, and changes nothing. */
function refuse(machine: Liveness, datagram: { from: string; bytes: Uint8Array }, now: Instant): void {
  // What is due anyway goes first.
  machine.handle({ kind: 'release', ips: [] }, now);
  const before = believed(machine.snapshot(now), machine.claims());
  const outputs = machine.handle({ kind: 'datagram', ...datagram }, now);
  const isLeftAlone = outputs.length === 1 && outputs[0]?.kind === 'refused';
  if (!isLeftAlone || believed(machine.snapshot(now), machine.claims()) !== before) {
    throw new Error(`${JSON.stringify(outputs)} to ${Buffer.from(datagram.bytes).toString('hex')}`);
  }
}

function mustBeReadable(outputs: ReturnType<Liveness['handle']>, bytes: Uint8Array): void {
  let sent = 0;
  for (const output of outputs) {
    if (output.kind !== 'send') continue;
    sent += output.to.length;
    if (!decodeMessage(output.bytes).ok)
      throw new Error(`unreadable, in answer to ${Buffer.from(bytes).toString('hex')}`);
  }
  // A whole list in parts, or a burst to all.
  if (sent > 200) throw new Error(`${sent} datagrams in answer to ${Buffer.from(bytes).toString('hex')}`);
}

function believed(snapshot: unknown, claims: unknown): string {
  return JSON.stringify([snapshot, claims]);
}

/** One of each kind at least, of which this speaker, and others, are subjects. */
function seedMessages(roll: Roll): Message[] {
  const ids = NODES.map((node) => ({ node: nodeId(node, sha256Hex), boot: BOOTS[node] }));
  const some = (): (typeof ids)[number] => ids[roll(ids.length)] as (typeof ids)[number];
  const status = (): Status => ({
    latenessMs: roll(100),
    leaving: roll(4) === 0,
    incarnation: roll(3),
    epoch: roll(9),
    version: roll(4),
    digest: roll(2 ** 31),
  });
  const group = () => ({ epoch: roll(9), ips: [ip(roll(6)), ip(100 + roll(20))] });
  return Array.from({ length: 60 }, (): Message[] => {
    const about = { ...some(), incarnation: roll(3) };
    return [
      { kind: 'heartbeat', sequence: roll(50), status: status() },
      { kind: 'news', status: status() },
      { kind: 'probe', id: roll(100), status: status() },
      { kind: 'ack', id: roll(100), status: status() },
      { kind: 'question', about },
      { kind: 'answer', about, heardMsAgo: roll(200) },
      { kind: 'verdict', about },
      { kind: 'pronounced', incarnation: roll(3) },
      { kind: 'goodbye', incarnation: roll(3) },
      { kind: 'change', version: 1 + roll(4), claimed: [group()], released: [ip(roll(6))] },
      { kind: 'list', ...some(), version: roll(9), index: 0, total: 1 + roll(2), claims: [group(), group()] },
      { kind: 'pull', ...some(), version: roll(4), parts: roll(2) === 0 ? [] : [0, 1] },
      {
        kind: 'summary',
        purpose: roll(2) === 0 ? 'question' : 'answer',
        rows: [{ ...about, version: roll(9), dead: roll(2) === 0 }],
      },
      { kind: 'owners', owners: [{ node: some().node, claims: group() }] },
    ];
  }).flat();
}

function ip(last: number): Ip {
  const parsed = parseIp(last % 2 === 0 ? `192.0.2.${last}` : `2001:db8::${last}`);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

function sealOf(node: Node, secret: Uint8Array | undefined, boot: string = BOOTS[node]): DatagramSeal {
  const seal = new DatagramSeal(boot);
  seal.setKeys({ secrets: secret === undefined ? [] : [secret], plain: 'refused' });
  seal.setPeers(NODES.filter((other) => other !== node).map((other) => ({ node: other, boot: BOOTS[other] })));
  return seal;
}

function sealed(from: DatagramSeal, to: Node, message: Message): Uint8Array {
  const datagram = from.seal(to, encodeMessage(message));
  if (datagram === undefined) throw new Error(`no peer ${to}`);
  return datagram;
}

function withBoots(datagram: Uint8Array, sender: string, receiver: string): Uint8Array {
  const copy = Buffer.from(datagram);
  copy.write(sender, 4, 'hex');
  copy.write(receiver, 12, 'hex');
  return copy;
}

/** Half of them with a true header, so that they get past it. */
function randomDatagram(roll: Roll, taken: readonly Uint8Array[]): Uint8Array {
  const bytes = Uint8Array.from({ length: roll(120) }, () => roll(256));
  if (roll(2) === 0 && bytes.length >= 28) bytes.set((taken[roll(taken.length)] as Uint8Array).subarray(0, roll(29)));
  // A number that was never seen.
  if (roll(2) === 0 && bytes.length >= 28) bytes.fill(0, 20, 22);
  return bytes;
}

function randomMessage(roll: Roll): Uint8Array {
  const bytes = Uint8Array.from({ length: roll(120) }, () => roll(256));
  if (roll(2) === 0 && bytes.length > 1) bytes.set([1, 1 + roll(14)]);
  return bytes;
}

function mutation(bytes: Uint8Array, roll: Roll): Uint8Array {
  let copy = Uint8Array.from(bytes);
  for (let times = roll(3); times > 0; times--) copy = changed(copy, roll);
  return copy;
}

/** Never the same as before. */
function changed(bytes: Uint8Array, roll: Roll): Uint8Array<ArrayBuffer> {
  const at = roll(bytes.length);
  const copy = Uint8Array.from(bytes);
  switch (bytes.length === 0 ? 3 : roll(5)) {
    case 0:
      return copy.slice(0, at);
    case 1:
      copy[at] = (copy[at] ?? 0) ^ (1 << roll(8));
      return copy;
    case 2:
      return Uint8Array.from([...copy.subarray(0, at), roll(256), ...copy.subarray(at), 0]);
    case 3:
      return Uint8Array.from([...copy, ...Uint8Array.from({ length: 1 + roll(24) }, () => roll(256))]);
    default:
      copy[at] = (copy[at] ?? 0) ^ (1 + roll(255));
      return copy;
  }
}

const refusals = (refused: Readonly<Record<string, number>>): Map<string, number> => new Map(Object.entries(refused));

let collect: (() => void) | undefined;

/** In bytes, of what is really kept. */
function usedHeap(): number {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
  return process.memoryUsage().heapUsed;
}

/** Whatever the number of datagrams, no more is kept than a few hundred addresses take. */
function mustBeBounded(before: number): void {
  const grown = usedHeap() - before;
  if (grown > 4 * 1024 * 1024) throw new Error(`${grown} bytes are kept`);
}
