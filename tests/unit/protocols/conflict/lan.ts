/** A conflict detector on a clock that moves only here, and what it says as lines of a transcript. */
import type { Mac } from '../../../../src/runtime/model/mac.ts';
import { after, type Instant, instant } from '../../../../src/runtime/model/time.ts';
import { ConflictDetector } from '../../../../src/runtime/protocols/conflict/detector.ts';
import type {
  ConflictInput,
  ConflictOutput,
  ConflictPolicy,
  Sighting,
} from '../../../../src/runtime/protocols/conflict/messages.ts';
import { ip, mac } from '../../../support/views.ts';

export const OWN = mac('02:00:00:00:00:01');
export const SPEAKER = mac('02:00:00:00:00:02');
export const FOREIGN = mac('52:54:00:00:00:99');
export const OTHER = mac('52:54:00:00:00:98');

export function place(address: string, name = 'eth0') {
  return { ip: ip(address), interface: name };
}

/** The address that most tests are about, on eth0. */
export const V4 = '192.0.2.7';
export const V6 = '2001:db8::7';

export class Lan {
  readonly detector: ConflictDetector;
  /** "60 send-probe 192.0.2.7": milliseconds since the beginning, and what was said. */
  readonly lines: string[] = [];
  readonly outputs: { readonly at: number; readonly output: ConflictOutput }[] = [];
  /** Foreign hosts that have an address and answer probes for it: address → MAC. */
  readonly holders = new Map<string, Mac>();
  now: Instant = instant(0);

  constructor(random: () => number = () => 0.5) {
    this.detector = new ConflictDetector({ random });
    this.tell({ kind: 'own-macs', macs: [OWN] });
    this.tell({ kind: 'speaker-macs', macs: [OWN, SPEAKER] });
  }

  probe(address = V4, policy: ConflictPolicy = 'yield'): this {
    return this.tell({ kind: 'probe', ...place(address), mac: OWN, policy });
  }

  watch(address = V4, policy: ConflictPolicy = 'yield'): this {
    return this.tell({ kind: 'watch', ...place(address), mac: OWN, policy });
  }

  release(address = V4): this {
    return this.tell({ kind: 'released', ...place(address) });
  }

  hear(as: Sighting, mac: Mac = FOREIGN, address = V4): this {
    return this.tell({ kind: 'seen', as, mac, ...place(address) });
  }

  tell(input: ConflictInput): this {
    for (const output of this.detector.handle(input, this.now)) this.#take(output);
    return this;
  }

  /** Fires the timer at every deadline until so much time has passed. */
  pass(milliseconds: number): this {
    const end = after(this.now, milliseconds);
    for (let due = this.detector.deadline(); due !== undefined && due <= end; due = this.detector.deadline()) {
      if (due > this.now) this.now = due;
      this.tell({ kind: 'timer' });
    }
    this.now = end;
    return this;
  }

  /** As if the process had been stopped: the timer fires once, late. */
  stall(milliseconds: number): this {
    this.now = after(this.now, milliseconds);
    return this.tell({ kind: 'timer' });
  }

  count(kind: ConflictOutput['kind']): number {
    return this.outputs.filter(({ output }) => output.kind === kind).length;
  }

  #take(output: ConflictOutput): void {
    this.outputs.push({ at: this.now, output });
    const who = 'mac' in output && output.kind !== 'send-probe' ? ` ${output.mac}` : '';
    const then = output.kind === 'conflict' ? ` ${output.then}` : '';
    this.lines.push(`${Math.round(this.now)} ${output.kind} ${output.ip}${who}${then}`);
    const holder = output.kind === 'send-probe' ? this.holders.get(output.ip) : undefined;
    if (holder !== undefined) this.hear(output.ip.includes(':') ? 'na' : 'arp-reply', holder, output.ip);
  }
}
