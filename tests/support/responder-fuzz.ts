/**
 * Throws random frames and mutations of recorded ones at every responder, and judges each answer by a reading of the norms
 * that shares nothing with the code under test: patterns over the frame's hex text, and sums taken here. An answer to what
 * must not be answered, none to what must, or one that does not lead back to who asked, throws with the frame.
 */
import { respondArp } from '../../src/runtime/protocols/arp/responder.ts';
import { respondIcmpEcho } from '../../src/runtime/protocols/echo/icmp.ts';
import { respondIcmpv6Echo } from '../../src/runtime/protocols/echo/icmpv6.ts';
import { respondNdp } from '../../src/runtime/protocols/ndp/responder.ts';
import { ipv4, mac, readArpVectors } from './arp-vectors.ts';
import { DAMAGES, damaged } from './damage.ts';
import { seededDice } from './dice.ts';
import { ipv6, readEchoVectors, readNdpVectors } from './ndp-vectors.ts';

export interface FuzzSize {
  /** Frames of nothing but random bytes, and mutations of recorded frames, for each responder. */
  readonly random: number;
  readonly mutated: number;
  readonly seed: number;
}

export interface FuzzCounts {
  readonly answered: number;
  readonly dropped: number;
}

const ours = { name: 'eth0', mac: mac('02:00:00:00:00:0b') };
const ipv4Table = new Map([
  [ipv4('192.0.2.2'), new Set(['eth0'])],
  [ipv4('192.0.2.3'), new Set(['eth1'])],
]);
const ipv6Table = new Map([
  [ipv6('2001:db8::2'), new Set(['eth0'])],
  [ipv6('2001:db8::3'), new Set(['eth1'])],
]);

type Answer = { readonly kind: 'reply'; readonly frame: Uint8Array } | { readonly kind: 'drop' };

interface Target {
  readonly respond: (frame: Uint8Array) => Answer;
  /** Whether the frame is to be answered, and what the beginning of the answer is then, in hex. */
  readonly expected: (frame: Uint8Array, hex: string) => RegExp | undefined;
  readonly seeds: readonly Uint8Array[];
  /** Puts checksums right, so that mutations get past them. */
  readonly repair: (frame: Uint8Array) => void;
}

const VIP4 = 'c0000202';
const VIP6 = '20010db8000000000000000000000002';
const GROUP6 = 'ff0200000000000000000001ff000002';
/** A MAC that is one station's, and not ours. */
const STATION = '(?!02000000000b|000000000000)[0-9a-f][02468ace][0-9a-f]{10}';

/** Questions, up to where their length or their options begin to matter. */
const ARP_REQUEST = new RegExp(
  `^(ffffffffffff|02000000000b)[0-9a-f]{12}08060001080006040001(${STATION})([0-9a-f]{8})[0-9a-f]{12}${VIP4}`,
);
const ICMP_REQUEST = new RegExp(
  `^02000000000b(${STATION})080045[0-9a-f]{2}([0-9a-f]{4})[0-9a-f]{4}[048c]000[0-9a-f]{2}01[0-9a-f]{4}([0-9a-f]{8})${VIP4}0800`,
);
const ICMPV6_REQUEST = new RegExp(
  `^02000000000b(${STATION})86dd6[0-9a-f]{7}([0-9a-f]{4})3a[0-9a-f]{2}(?!ff|0{32}|0{31}1)([0-9a-f]{32})${VIP6}8000`,
);
const SOLICITATION = new RegExp(
  `^(3333ff000002|02000000000b)(${STATION})86dd6[0-9a-f]{7}([0-9a-f]{4})3aff(?!ff)([0-9a-f]{32})(${VIP6}|${GROUP6})8700[0-9a-f]{12}${VIP6}`,
);
const A_STATION = new RegExp(`^${STATION}$`);

const TARGETS: Readonly<Record<string, Target>> = {
  arp: {
    respond: (frame) => respondArp(frame, ipv4Table, ours),
    expected: (_frame, hex) => {
      const [, , sender, ip] = ARP_REQUEST.exec(hex) ?? [];
      if (sender === undefined) return undefined;
      return new RegExp(`^${sender}02000000000b0806000108000604000202000000000b${VIP4}${sender}${ip}$`);
    },
    seeds: readArpVectors().map(({ frame }) => frame),
    repair: () => {},
  },
  ndp: {
    respond: (frame) => respondNdp(frame, ipv6Table, ours),
    expected: expectedAdvertisement,
    seeds: readNdpVectors().map(({ frame }) => frame),
    repair: repairIpv6,
  },
  'icmp-echo': {
    respond: (frame) => respondIcmpEcho(frame, ipv4Table, ours),
    expected: (frame, hex) => {
      const [, asker, length, source] = ICMP_REQUEST.exec(hex) ?? [];
      if (asker === undefined || length === undefined || source === undefined) return undefined;
      const bytes = Number.parseInt(length, 16);
      const first = Number.parseInt(source.slice(0, 2), 16);
      if (bytes < 28 || bytes > 1500 || frame.length < 14 + bytes || first === 0 || first === 127 || first > 223) {
        return undefined;
      }
      if (sumOf(frame.subarray(14, 34)) !== 0xffff || sumOf(frame.subarray(34, 14 + bytes)) !== 0xffff)
        return undefined;
      const rest = hex.slice(76, 28 + bytes * 2);
      return new RegExp(
        `^${asker}02000000000b080045[0-9a-f]{2}${length}000040004001[0-9a-f]{4}${VIP4}${source}0000[0-9a-f]{4}${rest}$`,
      );
    },
    seeds: [...readEchoVectors()].filter(([name]) => name.startsWith('ICMP ')).map(([, frame]) => frame),
    repair: (frame) => {
      if (frame.length < 38) return;
      fill(frame, 24, sumOf(frame.fill(0, 24, 26).subarray(14, 34)));
      fill(frame, 36, sumOf(frame.fill(0, 36, 38).subarray(34)));
    },
  },
  'icmpv6-echo': {
    respond: (frame) => respondIcmpv6Echo(frame, ipv6Table, ours),
    expected: (frame, hex) => {
      const [, asker, length, source] = ICMPV6_REQUEST.exec(hex) ?? [];
      if (asker === undefined || length === undefined) return undefined;
      const bytes = Number.parseInt(length, 16);
      if (bytes < 8 || bytes > 1460 || frame.length < 54 + bytes || sumOfIpv6(frame, bytes) !== 0xffff)
        return undefined;
      const rest = hex.slice(116, 108 + bytes * 2);
      return new RegExp(
        `^${asker}02000000000b86dd6[0-9a-f]{2}00000${length}3a40${VIP6}${source}8100[0-9a-f]{4}${rest}$`,
      );
    },
    seeds: [...readEchoVectors()].filter(([name]) => name.startsWith('ICMPv6 ')).map(([, frame]) => frame),
    repair: repairIpv6,
  },
};

/** Throws at the first wrong answer. */
export function fuzzResponders(size: FuzzSize): Readonly<Record<string, FuzzCounts>> {
  return Object.fromEntries(Object.entries(TARGETS).map(([name, target]) => [name, fuzz(target, size)]));
}

function fuzz(target: Target, { random, mutated, seed }: FuzzSize): FuzzCounts {
  const roll = seededDice(seed);
  let answered = 0;
  for (let count = 0; count < random; count++) if (isAnswered(target, randomFrame(roll, target))) answered += 1;
  for (let count = 0; count < mutated; count++) if (isAnswered(target, mutation(roll, target))) answered += 1;
  return { answered, dropped: random + mutated - answered };
}

/** Half of them behind a true Ethernet header, so that they get past it. */
function randomFrame(roll: (sides: number) => number, { seeds }: Target): Uint8Array {
  const frame = Uint8Array.from({ length: roll(120) }, () => roll(256));
  if (roll(2) === 0 && frame.length >= 14) frame.set((seeds[roll(seeds.length)] ?? frame).subarray(0, 14));
  return frame;
}

function mutation(roll: (sides: number) => number, { seeds, repair }: Target): Uint8Array {
  let frame: Uint8Array = Uint8Array.from(seeds[roll(seeds.length)] ?? []);
  for (let mutations = roll(4); mutations > 0; mutations--) {
    const at = roll(frame.length + 1);
    const way = roll(DAMAGES + 1);
    if (way < DAMAGES) frame = damaged(frame, { at, way }, roll);
    else frame = Uint8Array.from([...frame, ...Uint8Array.from({ length: roll(24) }, () => roll(256))]);
  }
  if (roll(2) === 0) repair(frame);
  return frame;
}

function isAnswered({ respond, expected }: Target, frame: Uint8Array): boolean {
  const hex = Buffer.from(frame).toString('hex');
  const want = expected(frame, hex);
  const answer = respond(frame);
  if (answer.kind === 'drop') {
    if (want !== undefined) throw new Error(`${JSON.stringify(answer)} to ${hex}`);
    return false;
  }
  const got = Buffer.from(answer.frame).toString('hex');
  if (want === undefined || !want.test(got)) throw new Error(`${got} to ${hex}, not ${want}`);
  // What is sent must bear its own checksums.
  if (got.startsWith('86dd', 24) && sumOfIpv6(answer.frame, answer.frame.length - 54) !== 0xffff) {
    throw new Error(`a wrong checksum in ${got}`);
  }
  if (
    got.startsWith('0800', 24) &&
    (sumOf(answer.frame.subarray(14, 34)) & sumOf(answer.frame.subarray(34))) !== 0xffff
  ) {
    throw new Error(`a wrong checksum in ${got}`);
  }
  return true;
}

/** RFC 4861 §7.1.1, §7.2.3 and §7.2.4. */
function expectedAdvertisement(frame: Uint8Array, hex: string): RegExp | undefined {
  const [, to, asker, length, source, destination] = SOLICITATION.exec(hex) ?? [];
  if (to === undefined || length === undefined || source === undefined) return undefined;
  const bytes = Number.parseInt(length, 16);
  if (bytes < 24 || frame.length < 54 + bytes || sumOfIpv6(frame, bytes) !== 0xffff) return undefined;
  const linkAddress = readLinkAddress(hex.slice(156, 108 + bytes * 2));
  if (linkAddress === 'malformed') return undefined;
  if (linkAddress !== undefined && !A_STATION.test(linkAddress)) return undefined;
  const isProbe = /^0+$/.test(source);
  const isToGroup = destination === GROUP6;
  if (isProbe && (!isToGroup || linkAddress !== undefined)) return undefined;
  if (to === '3333ff000002' && !isToGroup) return undefined;
  if (isToGroup && !isProbe && linkAddress === undefined) return undefined;
  const told = `${VIP6}020102000000000b$`;
  return isProbe
    ? new RegExp(
        `^33330000000102000000000b86dd6000000000203aff${VIP6}ff0200000000000000000000000000018800....20000000${told}`,
      )
    : new RegExp(`^${linkAddress ?? asker}02000000000b86dd6000000000203aff${VIP6}${source}8800....60000000${told}`);
}

/** Of the first option 1 in the hex text of the options. */
function readLinkAddress(options: string): string | undefined {
  let linkAddress: string | undefined;
  for (let rest = options; rest !== ''; ) {
    const end = Number.parseInt(rest.slice(2, 4), 16) * 16;
    if (rest.length < 4 || end === 0 || rest.length < end) return 'malformed';
    if (rest.startsWith('01') && linkAddress === undefined) {
      if (end !== 16) return 'malformed';
      linkAddress = rest.slice(4, 16);
    }
    rest = rest.slice(end);
  }
  return linkAddress;
}

function repairIpv6(frame: Uint8Array): void {
  if (frame.length < 58) return;
  const bytes = Math.min(((frame[18] ?? 0) << 8) | (frame[19] ?? 0), frame.length - 54);
  if (bytes >= 4) fill(frame, 56, sumOfIpv6(frame.fill(0, 56, 58), bytes));
}

function fill(frame: Uint8Array, at: number, sum: number): void {
  frame[at] = (~sum >>> 8) & 0xff;
  frame[at + 1] = ~sum & 0xff;
}

/** Over addresses, length, protocol and so many bytes of payload. */
function sumOfIpv6(frame: Uint8Array, bytes: number): number {
  const rest = frame.subarray(54, 54 + bytes);
  return sumOf(Uint8Array.from([...frame.subarray(22, 54), bytes >> 8, bytes & 255, 0, frame[20] ?? 0, ...rest]));
}

/** RFC 1071, by the byte: carries come round at once. */
function sumOf(bytes: Uint8Array): number {
  let sum = 0;
  for (const [at, byte] of bytes.entries()) {
    sum += at % 2 === 0 ? byte * 256 : byte;
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}
