/** The announcer on a clock that moves only here: what is sent when, told as lines of a transcript. */
import { describe, expect, test } from '@jest/globals';
import { after, type Instant, instant } from '../../../../src/runtime/model/time.ts';
import {
  type ArpAnnouncements,
  ArpAnnouncer,
  type ArpAnnouncerOutput,
} from '../../../../src/runtime/protocols/arp/announcer.ts';
import { decodeArpPacket, ipv4FromBits } from '../../../../src/runtime/protocols/arp/codec.ts';
import {
  decodeEthernetHeader,
  ETHERNET_HEADER_BYTES,
  macFromBits,
} from '../../../../src/runtime/protocols/ethernet/codec.ts';
import { bytesFromHex, ipv4, mac } from '../../../support/arp-vectors.ts';

function on(name: string, addresses: readonly string[], change: Partial<ArpAnnouncements> = {}): ArpAnnouncements {
  return { interface: name, index: 2, mac: mac('02:00:00:00:00:0b'), addresses: addresses.map(ipv4), ...change };
}

/** Drives one announcer, firing its timer at every deadline. */
class Driver {
  readonly announcer = new ArpAnnouncer();
  readonly lines: string[] = [];
  #now: Instant = instant(1000);

  set(...announcements: ArpAnnouncements[]): this {
    this.#tell(this.announcer.handle({ kind: 'set', announcements }, this.#now));
    return this;
  }

  pass(milliseconds: number): this {
    const end = after(this.#now, milliseconds);
    for (let due = this.announcer.deadline(); due !== undefined && due <= end; due = this.announcer.deadline()) {
      if (due > this.#now) this.#now = due;
      this.#tell(this.announcer.handle({ kind: 'timer' }, this.#now));
    }
    this.#now = end;
    return this;
  }

  /** "1100 eth0 192.0.2.7" */
  #tell(outputs: readonly ArpAnnouncerOutput[]): void {
    for (const output of outputs) {
      this.lines.push(`${Math.round(this.#now - 1000)} ${output.interface} ${ipv4FromBits(output.ip)}`);
    }
  }
}

describe('the frames', () => {
  const [output] = new ArpAnnouncer().handle({ kind: 'set', announcements: [on('eth0', ['192.0.2.2'])] }, instant(0));

  test('RFC 5227 §3: a request and a reply by broadcast, sender and target the address', () => {
    const told = output?.frames.map((frame) => {
      const [link, arp] = [decodeEthernetHeader(frame), decodeArpPacket(frame.subarray(ETHERNET_HEADER_BYTES))];
      if (!link.ok || !arp.ok) throw new Error('not an ARP frame');
      const { operation, senderMac, senderIp, targetIp } = arp.value;
      const addresses = `${macFromBits(link.value.source)} > ${macFromBits(link.value.destination)}`;
      return `${addresses} op ${operation} ${ipv4FromBits(senderIp)} is ${macFromBits(senderMac)}, ${ipv4FromBits(targetIp)}`;
    });
    expect(told).toEqual([
      '02:00:00:00:00:0b > ff:ff:ff:ff:ff:ff op 1 192.0.2.2 is 02:00:00:00:00:0b, 192.0.2.2',
      '02:00:00:00:00:0b > ff:ff:ff:ff:ff:ff op 2 192.0.2.2 is 02:00:00:00:00:0b, 192.0.2.2',
    ]);
  });

  test('they are arping -U and arping -P -U byte for byte', () => {
    expect(output?.frames).toEqual(
      ['0001', '0002'].map((operation) =>
        bytesFromHex(
          `ffffffffffff 02000000000b 0806 0001 0800 06 04 ${operation} 02000000000b c0000202 ffffffffffff c0000202`,
        ),
      ),
    );
  });
});

describe('the schedule', () => {
  const rounds = ['0', '100', '1100', '2200', '3300', '4400'].map((at) => `${at} eth0 192.0.2.2`);

  test('a new address is announced at once and five times more, then never again', () => {
    const driver = new Driver().set(on('eth0', ['192.0.2.2'])).pass(3_600_000);
    expect(driver.lines).toEqual(rounds);
    expect(driver.announcer.deadline()).toBeUndefined();
    expect(driver.announcer.snapshot()).toEqual({ announced: 1, pending: 0 });
  });

  test('telling the same set again changes nothing', () => {
    const driver = new Driver().set(on('eth0', ['192.0.2.2']));
    for (let turn = 0; turn < 100; turn++) driver.pass(50).set(on('eth0', ['192.0.2.2']));
    expect(driver.lines).toEqual(rounds);
  });

  test('each interface announces what is its own', () => {
    const driver = new Driver().set(on('eth0', ['192.0.2.2']), on('eth1', ['192.0.2.2', '192.0.2.3'])).pass(50);
    expect(driver.lines).toEqual(['0 eth0 192.0.2.2', '0 eth1 192.0.2.2', '0 eth1 192.0.2.3']);
  });

  test('nothing is sent for an address that goes, not even the rounds it had left', () => {
    const driver = new Driver()
      .set(on('eth0', ['192.0.2.2', '192.0.2.3']))
      .pass(500)
      .set(on('eth0', ['192.0.2.3']))
      .pass(900);
    expect(driver.lines.slice(4)).toEqual(['1100 eth0 192.0.2.3']);
    driver.set().pass(10_000);
    expect(driver.lines.slice(5)).toEqual([]);
    expect(driver.announcer.deadline()).toBeUndefined();
  });

  test('an address taken again starts anew', () => {
    const driver = new Driver()
      .set(on('eth0', ['192.0.2.2']))
      .pass(50)
      .set()
      .pass(50)
      .set(on('eth0', ['192.0.2.2']))
      .pass(1000);
    expect(driver.lines).toEqual(['0', '100', '200'].map((at) => `${at} eth0 192.0.2.2`));
  });

  test('an interface that comes back announces everything anew', () => {
    const driver = new Driver()
      .set(on('eth0', ['192.0.2.2']))
      .pass(60_000)
      .set()
      .pass(1000)
      .set(on('eth0', ['192.0.2.2']))
      .pass(50);
    expect(driver.lines.slice(6)).toEqual(['61000 eth0 192.0.2.2']);
  });

  test.each([
    { name: 'another MAC', change: { mac: mac('02:00:00:00:00:0c') } },
    { name: 'another interface of the same name', change: { index: 3 } },
  ])('$name announces everything anew, and the old rounds stop', ({ change }) => {
    const driver = new Driver()
      .set(on('eth0', ['192.0.2.2']))
      .pass(500)
      .set(on('eth0', ['192.0.2.2'], change))
      .pass(500);
    expect(driver.lines).toEqual(['0', '100', '500', '600'].map((at) => `${at} eth0 192.0.2.2`));
  });
});

describe('the rate', () => {
  const many = Array.from({ length: 5000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`);

  test('one call sends at most 100 announcements', () => {
    expect(new Driver().set(on('eth0', many)).lines).toHaveLength(100);
  });

  test('5,000 addresses are all announced once within a second, and six times in the end', () => {
    const driver = new Driver().set(on('eth0', many)).pass(1000);
    const first = new Map<string, number>();
    for (const line of driver.lines) {
      const [at = '', , ip = ''] = line.split(' ');
      if (!first.has(ip)) first.set(ip, Number(at));
    }
    expect(first.size).toBe(many.length);
    expect(driver.lines.length).toBeLessThanOrEqual(5100);
    driver.pass(60_000);
    expect(driver.lines).toHaveLength(6 * many.length);
  });

  test('at no time more than 5,000 in a second and the 100 at once', () => {
    const at = new Driver()
      .set(on('eth0', many))
      .pass(60_000)
      .lines.map((line) => Number(line.split(' ')[0]));
    const most = at.reduce((max, start, i) => Math.max(max, countUpTo(at, i, start + 1000)), 0);
    expect(most).toBeLessThanOrEqual(5150);
  });
});

/** How many of the ascending times from index `from` on lie before `end`. */
function countUpTo(times: readonly number[], from: number, end: number): number {
  let low = from;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) < end) low = middle + 1;
    else high = middle;
  }
  return low - from;
}
