/**
 * The scripts that the probe runs on nodes, and what they print. Nothing is installed for it: a node has Python (Ansible
 * needs it), and one that has not asks its kernel with `ip`, which knows who answers and nothing of ports.
 */
import { readFile } from 'node:fs/promises';
import { type Ip, ipFamily } from '../../runtime/model/ip.ts';
import { type Mac, parseMac } from '../../runtime/model/mac.ts';
import { quoteWord } from './node-shell.ts';

export interface ProbeQuestion {
  readonly ip: Ip | string;
  /** TCP ports. */
  readonly ports: readonly number[];
  /** For the address, and for each port. */
  readonly seconds: number;
}

/** What one node saw of an address. */
export interface NodeProbe {
  readonly interface: string;
  readonly answers: readonly { readonly mac: Mac }[];
  /** Through whoever answered; absent: the node cannot ask. */
  readonly tcp?: readonly PortProbe[];
}

export interface PortProbe {
  readonly mac: Mac;
  readonly port: number;
  readonly result: PortResult;
}

/** open: SYN and ACK came · refused: RST, or "unreachable" · timeout: nothing. */
export type PortResult = 'open' | 'refused' | 'timeout';

/** Why a node could not say anything. */
export interface ProbeFailure {
  readonly error: 'no-interface-in-subnet' | 'not-permitted' | 'no-python' | 'failed';
  readonly detail: string;
}

/** What to run on the node; prints one line of JSON. */
export async function probeScript(question: ProbeQuestion): Promise<string> {
  const program = await readFile(new URL('./probe-address.py', import.meta.url), 'utf8');
  const asked = quoteWord(JSON.stringify(question));
  return [
    'PATH="$PATH:/usr/sbin:/sbin"',
    'for python in python3 /usr/libexec/platform-python; do',
    `  if command -v "$python" >/dev/null 2>&1; then exec "$python" -c ${quoteWord(program)} ${asked}; fi`,
    'done',
    kernelScript(quoteWord(question.ip)),
  ].join('\n');
}

/** In ipvs mode the kernel holds the address itself, and answers without asking anybody. */
function kernelScript(ip: string): string {
  return [
    `route=$(ip -o route get ${ip} 2>/dev/null)`,
    'case "$route" in',
    `  local*) echo '{"error":"no-python"}'; exit 0 ;;`,
    `  ''|*' via '*) echo '{"error":"no-interface-in-subnet"}'; exit 0 ;;`,
    'esac',
    `dev=$(echo "$route" | sed -n 's/.* dev \\([^ ]*\\).*/\\1/p')`,
    // An old entry would answer for somebody who is gone; a neighbour that is there is found again at once.
    `ip neigh flush to ${ip} dev "$dev" 2>/dev/null`,
    `{ ping -c 1 -W 1 ${ip} || bash -c ${quoteWord(`echo >/dev/udp/${ip}/9`)}; } >/dev/null 2>&1`,
    'sleep 1',
    `mac=$(ip neigh show to ${ip} dev "$dev" | sed -n 's/.*lladdr \\([0-9a-fA-F:]*\\).*/\\1/p')`,
    `if [ -n "$mac" ]; then answer="{\\"mac\\":\\"$mac\\"}"; else answer=; fi`,
    `echo "{\\"interface\\":\\"$dev\\",\\"answers\\":[$answer]}"`,
  ].join('\n');
}

export function parseProbe(stdout: string): NodeProbe | ProbeFailure {
  const told = parseJson(stdout);
  const { error, detail, interface: name, answers, tcp } = told;
  if (error === 'no-interface-in-subnet' || error === 'not-permitted' || error === 'no-python') {
    return { error, detail: '' };
  }
  if (typeof name !== 'string' || !Array.isArray(answers)) {
    return { error: 'failed', detail: typeof detail === 'string' ? detail : stdout.trim().slice(0, 200) };
  }
  return {
    interface: name,
    answers: answers.flatMap((answer: { mac?: unknown }) => macOf(answer.mac).map((mac) => ({ mac }))),
    ...(Array.isArray(tcp) ? { tcp: tcp.flatMap(portOf) } : {}),
  };
}

/** The MAC addresses of all interfaces of a node. */
export const MACS_SCRIPT = 'cat /sys/class/net/*/address';

export function parseMacs(stdout: string): readonly Mac[] {
  return stdout.split('\n').flatMap((line) => macOf(line.trim()));
}

/** "ARP" or "NDP": how the address is asked for. */
export function askedBy(ip: Ip): string {
  return ipFamily(ip) === 'ipv4' ? 'ARP' : 'NDP';
}

function portOf({ mac, port, result }: { mac?: unknown; port?: unknown; result?: unknown }): PortProbe[] {
  if (typeof port !== 'number' || (result !== 'open' && result !== 'refused' && result !== 'timeout')) return [];
  return macOf(mac).map((own) => ({ mac: own, port, result }));
}

function macOf(text: unknown): Mac[] {
  const mac = typeof text === 'string' ? parseMac(text) : undefined;
  return mac?.ok === true ? [mac.value] : [];
}

function parseJson(text: string): Readonly<Record<string, unknown>> {
  try {
    return (JSON.parse(text) ?? {}) as Readonly<Record<string, unknown>>;
  } catch {
    // A shell's complaint instead: told as it stands.
    return {};
  }
}
