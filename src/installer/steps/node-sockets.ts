/**
 * The TCP sockets of a node that have to do with some ports, and whose they are: asked with `ss`, which comes with `ip`.
 * Changes nothing. Without root `ss` tells the sockets and not the programs.
 */
import { type Ip, parseIp } from '../../runtime/model/ip.ts';

/** Sorted out of what the kernel has: sockets that listen, and connections that stand. */
export type NodeSocket =
  | { readonly kind: 'listening'; readonly port: number; readonly owners: readonly SocketOwner[] }
  | {
      readonly kind: 'connected';
      readonly local: Ip;
      readonly localPort: number;
      readonly remote: Ip;
      readonly remotePort: number;
      readonly owners: readonly SocketOwner[];
    };

/** A process that has the socket open. */
export interface SocketOwner {
  /** As the kernel calls it, at most 15 bytes: "bird". */
  readonly program: string;
  readonly pid: number;
  /** UID of the pod that it runs in. Absent: it runs in none. */
  readonly podUid?: string;
}

/** `ss -tan` and `-p`: "ESTAB 0 0 10.6.204.2:40312 10.6.204.254:179 users:(("bird",pid=71,fd=9))" */
const SOCKET = /^(LISTEN|ESTAB)\s+\d+\s+\d+\s+(\S+):(\d+)\s+(\S+):(\d+|\*)\s*(?:users:\((.*)\))?/;
const OWNER = /\("([^"]*)",pid=(\d+)/g;
/** Of kubelet's both cgroup drivers: …/burstable/pod16b3f965-fe75-…/…, …-pod16b3f965_fe75_….slice/… */
const CGROUP = /^pid=(\d+) .*?\bpod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12})\b/;

/** What to run on the node; `ports`: at least one, of either side of a socket. */
export function socketsScript(ports: readonly number[]): string {
  const filter = ports.map((port) => `sport = :${port} or dport = :${port}`).join(' or ');
  return [
    'PATH="$PATH:/usr/sbin:/sbin"',
    `sockets=$(ss -tanp '( ${filter} )') || exit`,
    'echo "$sockets"',
    // A process may end before it is looked at.
    `for pid in $(echo "$sockets" | grep -o 'pid=[0-9]*' | cut -d= -f2 | sort -u); do`,
    '  echo "pid=$pid $(tr "\\n" " " <"/proc/$pid/cgroup")"',
    'done 2>/dev/null',
    'exit 0',
  ].join('\n');
}

export function parseSockets(stdout: string): readonly NodeSocket[] {
  const lines = stdout.split('\n');
  const pods = new Map(
    lines.flatMap((line) => {
      const [, pid, uid] = CGROUP.exec(line) ?? [];
      return pid === undefined || uid === undefined ? [] : [[Number(pid), uid.replaceAll('_', '-')] as const];
    }),
  );
  return lines.flatMap((line): readonly NodeSocket[] => {
    const [, state, local = '', localPort, remote = '', remotePort, users = ''] = SOCKET.exec(line) ?? [];
    if (state === undefined) return [];
    const owners = [...users.matchAll(OWNER)].map(([, program = '', pid]): SocketOwner => {
      const podUid = pods.get(Number(pid));
      return { program, pid: Number(pid), ...(podUid === undefined ? {} : { podUid }) };
    });
    if (state === 'LISTEN') return [{ kind: 'listening', port: Number(localPort), owners }];
    const [from, to] = [readAddress(local), readAddress(remote)];
    if (from === undefined || to === undefined) return [];
    const ports = { localPort: Number(localPort), remotePort: Number(remotePort) };
    return [{ kind: 'connected', local: from, remote: to, ...ports, owners }];
  });
}

/** "10.6.204.2", "[fe80::1%eth0]", and "[::ffff:10.6.204.2]" of a socket for both families. */
function readAddress(text: string): Ip | undefined {
  const ip = parseIp(text.replace(/^\[(?:::ffff:(?=.*\.))?/, '').replace(/(%[^\]]*)?\]?$/, ''));
  return ip.ok ? ip.value : undefined;
}
