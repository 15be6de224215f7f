/**
 * The speaker's flags and environment, named as MetalLB names them: the only place in the speaker that reads either.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';
import { LOG_LEVELS, type LogLevel } from '../../adapters/observe/log.ts';

export interface SpeakerFlags {
  readonly nodeName: string;
  readonly namespace: string;
  readonly pod: { readonly name: string; readonly uid: string } | undefined;
  readonly kubeconfigPath: string | undefined;
  readonly loadBalancerClass: string | undefined;
  readonly excludedNodes: 'skip' | 'use';
  readonly excludePatterns: readonly RegExp[];
  readonly logLevel: LogLevel;
  /** 0: no metrics. */
  readonly metricsPort: number;
  readonly healthPort: number;
}

/** Where the ConfigMap metallb-excludel2 is mounted. */
const EXCLUDE_FILE = '/etc/metallb/excludel2.yaml';
const NAMESPACE_FILE = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';

/** Throws an Error whose message says which flag is wrong. */
export function readSpeakerFlags(argv: readonly string[], env: NodeJS.ProcessEnv): SpeakerFlags {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      'node-name': { type: 'string', default: env['METALLB_NODE_NAME'] ?? '' },
      namespace: { type: 'string', default: env['METALLB_NAMESPACE'] ?? '' },
      kubeconfig: { type: 'string', default: '' },
      'lb-class': { type: 'string', default: '' },
      'ignore-exclude-lb': { type: 'boolean', default: false },
      'exclude-file': { type: 'string', default: EXCLUDE_FILE },
      'log-level': { type: 'string', default: 'info' },
      port: { type: 'string', default: '7472' },
      'health-probe-port': { type: 'string', default: '17472' },
    },
  });
  if (values['node-name'] === '') throw new Error('--node-name or METALLB_NODE_NAME must say which node this is');
  return {
    nodeName: values['node-name'],
    namespace: values.namespace || namespaceOfPod(),
    pod: podOf(env['METALLB_POD_NAME'], env['METALLB_POD_UID']),
    kubeconfigPath: values.kubeconfig || undefined,
    loadBalancerClass: values['lb-class'] || undefined,
    excludedNodes: values['ignore-exclude-lb'] ? 'use' : 'skip',
    excludePatterns: readExcludePatterns(values['exclude-file']),
    logLevel: parseLogLevel(values['log-level']),
    metricsPort: parsePort('--port', values.port),
    healthPort: parsePort('--health-probe-port', values['health-probe-port']),
  };
}

function podOf(name: string | undefined, uid: string | undefined): SpeakerFlags['pod'] {
  return name && uid ? { name, uid } : undefined;
}

function parseLogLevel(text: string): LogLevel {
  const level = LOG_LEVELS.find((known) => known === text);
  if (level === undefined) throw new Error(`--log-level must be one of ${LOG_LEVELS.join(', ')}, not "${text}"`);
  return level;
}

function parsePort(flag: string, text: string): number {
  const port = Number(text);
  if (!/^[0-9]+$/.test(text) || port > 65535) throw new Error(`${flag} must be a port from 0 to 65535, not "${text}"`);
  return port;
}

function namespaceOfPod(): string {
  try {
    return readFileSync(NAMESPACE_FILE, 'utf8').trim();
  } catch {
    return 'metallb-system';
  }
}

/** MetalLB's file: a list of regular expressions under announcedInterfacesToExclude. No file: nothing is excluded. */
function readExcludePatterns(path: string): readonly RegExp[] {
  const text = readIfThere(path);
  const patterns: unknown = text === undefined ? [] : (parse(text)?.announcedInterfacesToExclude ?? []);
  if (!Array.isArray(patterns)) throw new Error(`${path}: announcedInterfacesToExclude must be a list`);
  return patterns.map((pattern, index) => {
    try {
      return new RegExp(String(pattern));
    } catch (cause) {
      throw new Error(`${path}: announcedInterfacesToExclude[${index}] is no regular expression: ${pattern}`, {
        cause,
      });
    }
  });
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
