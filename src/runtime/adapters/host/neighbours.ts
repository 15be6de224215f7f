/** Link addresses of neighbours, as the kernel has found them out (IPv4). */
import { readFileSync } from 'node:fs';
import type { Ip } from '../../model/ip.ts';
import { type Mac, parseMac } from '../../model/mac.ts';

/** What the kernel knows, by /proc/net/arp. Undefined: it has not resolved the address on that interface. */
export function readNeighbourMac(ip: Ip, interfaceName: string): Mac | undefined {
  return findNeighbour(readFileSync('/proc/net/arp', 'utf8'), ip, interfaceName);
}

/** ATF_COM: the entry has a link address. */
const COMPLETE = 0x02;

/** In the text of /proc/net/arp: "IP address, HW type, Flags, HW address, Mask, Device". */
export function findNeighbour(text: string, ip: Ip, interfaceName: string): Mac | undefined {
  for (const line of text.split('\n').slice(1)) {
    const [address, , flags, mac = '', , device] = line.split(/ +/);
    if (address !== ip || device !== interfaceName || (Number(flags) & COMPLETE) === 0) continue;
    const parsed = parseMac(mac);
    return parsed.ok ? parsed.value : undefined;
  }
  return undefined;
}
