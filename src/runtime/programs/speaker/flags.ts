/** The speaker's flags and environment, on top of those both programs take: named as MetalLB names them. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { err, ok, type Result } from '../../model/result.ts';
import { type ProgramFlags, readFlags, readPort } from '../flags.ts';

export interface SpeakerFlags extends ProgramFlags {
  readonly nodeName: string;
  /** This speaker's pod, where it runs in one. */
  readonly pod: { readonly name: string; readonly uid: string } | undefined;
  readonly excludedNodes: 'skip' | 'use';
  readonly excludePatterns: readonly RegExp[];
  /** Whether announced addresses answer echo requests. */
  readonly pings: 'ignore' | 'answer';
  readonly election: 'spread' | 'metallb';
  /** Directory with the speakers' key; it may be missing. */
  readonly livenessKeyDir: string;
  /** UDP port of what speakers tell each other. */
  readonly livenessPort: number;
  /** TCP port at which routers may open BGP sessions; undefined: none, this side opens them all. */
  readonly bgpListenPort: number | undefined;
  /** How long routers have to turn to other nodes before this one's routes go: 0 … 120. */
  readonly bgpGracefulShutdownSeconds: number;
  /** Of the thread that keeps to the clock: sockets, BFD, what speakers tell each other. */
  readonly scheduling: 'ordinary' | 'real-time';
}

/** Where the ConfigMap metallb-excludel2 is mounted. */
const EXCLUDE_FILE = '/etc/metallb/excludel2.yaml';
/** Where the Secret with the speakers' key is mounted. */
const LIVENESS_KEY_DIR = '/etc/ml_secret_key';
/** MetalLB's port for traffic between speakers. */
const LIVENESS_PORT = '7946';
/** Routers that are on the link and not busy need some tens of milliseconds. */
const GRACEFUL_SHUTDOWN_SECONDS = '1';
/** As long as a drain may take because of it. */
const MOST_SHUTDOWN_SECONDS = 120;

type Environment = Readonly<Record<string, string | undefined>>;

/** The error is a sentence for the user. */
export function readSpeakerFlags(argv: readonly string[], env: Environment): Result<SpeakerFlags> {
  const read = readFlags(argv, env, {
    texts: [
      'node-name',
      'exclude-file',
      'ml-bindport',
      'election',
      'liveness-key-dir',
      'bgp-listen-port',
      'bgp-graceful-shutdown-seconds',
    ],
    switches: ['ignore-exclude-lb', 'answer-ping', 'real-time'],
  });
  if (!read.ok) return read;
  const { flags, own, switches } = read.value;
  const nodeName = own['node-name'] ?? env['METALLB_NODE_NAME'] ?? '';
  if (nodeName === '') return err('--node-name or METALLB_NODE_NAME must say which node this is');
  const livenessPort = readPort(own['ml-bindport'] ?? env['METALLB_ML_BIND_PORT'] ?? LIVENESS_PORT);
  if (livenessPort === undefined) return err('--ml-bindport must be a port number');
  const election = own['election'] ?? 'spread';
  if (election !== 'spread' && election !== 'metallb') return err('--election must be spread or metallb');
  const bgpListenPort = readPort(own['bgp-listen-port']);
  if (own['bgp-listen-port'] !== undefined && (bgpListenPort ?? 0) === 0) {
    return err('--bgp-listen-port must be a port number; leave it out not to listen');
  }
  const bgpGracefulShutdownSeconds = readSeconds(own['bgp-graceful-shutdown-seconds'] ?? GRACEFUL_SHUTDOWN_SECONDS);
  if (bgpGracefulShutdownSeconds === undefined) {
    return err(`--bgp-graceful-shutdown-seconds must be a whole number from 0 to ${MOST_SHUTDOWN_SECONDS}`);
  }
  const patterns = readExcludePatterns(own['exclude-file'] ?? EXCLUDE_FILE);
  if (!patterns.ok) return patterns;
  return ok({
    ...flags,
    nodeName,
    pod: podOf(flags.podName, env['METALLB_POD_UID']),
    excludedNodes: switches.has('ignore-exclude-lb') ? 'use' : 'skip',
    excludePatterns: patterns.value,
    pings: switches.has('answer-ping') ? 'answer' : 'ignore',
    livenessPort,
    election,
    bgpListenPort,
    bgpGracefulShutdownSeconds,
    scheduling: switches.has('real-time') ? 'real-time' : 'ordinary',
    livenessKeyDir: own['liveness-key-dir'] ?? LIVENESS_KEY_DIR,
  });
}

function readSeconds(text: string): number | undefined {
  return /^\d{1,3}$/.test(text) && Number(text) <= MOST_SHUTDOWN_SECONDS ? Number(text) : undefined;
}

function podOf(name: string | undefined, uid: string | undefined): SpeakerFlags['pod'] {
  return name && uid ? { name, uid } : undefined;
}

/** MetalLB's file: a list of regular expressions under announcedInterfacesToExclude. No file: nothing is excluded. */
function readExcludePatterns(path: string): Result<readonly RegExp[]> {
  let content: unknown;
  try {
    content = parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ok([]);
    return err(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  const texts = (content as { announcedInterfacesToExclude?: unknown } | null)?.announcedInterfacesToExclude ?? [];
  if (!Array.isArray(texts)) return err(`${path}: announcedInterfacesToExclude must be a list`);
  const patterns: RegExp[] = [];
  for (const [index, text] of texts.entries()) {
    try {
      patterns.push(new RegExp(String(text)));
    } catch {
      return err(`${path}: announcedInterfacesToExclude[${index}] is no regular expression: ${text}`);
    }
  }
  return ok(patterns);
}
