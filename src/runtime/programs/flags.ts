/**
 * The flags and environment that both programs take, read and checked in one place. Nothing else in the runtime reads
 * either. Names and defaults follow MetalLB's.
 */
import { readFileSync } from 'node:fs';
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { LOG_LEVELS, type LogLevel } from '../adapters/observe/log.ts';
import { err, ok, type Result } from '../model/result.ts';

const SERVICE_ACCOUNT_NAMESPACE = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';

export interface ProgramFlags {
  readonly logLevel: LogLevel;
  /** Of the metrics server; undefined: none (--port 0). */
  readonly metricsPort: number | undefined;
  readonly healthPort: number;
  /** Undefined: Services without a class. */
  readonly loadBalancerClass: string | undefined;
  /** Where the configuration objects are. */
  readonly namespace: string;
  /** Undefined: the pod's service account. */
  readonly kubeconfigPath: string | undefined;
  /** Undefined outside a pod. */
  readonly podName: string | undefined;
}

const OPTIONS = {
  'log-level': { type: 'string', default: 'info' },
  port: { type: 'string', default: '7472' },
  'health-probe-port': { type: 'string', default: '17472' },
  'lb-class': { type: 'string', default: '' },
  namespace: { type: 'string' },
  kubeconfig: { type: 'string' },
  'pod-name': { type: 'string' },
} as const satisfies ParseArgsOptionsConfig;

export interface ReadFlags {
  readonly flags: ProgramFlags;
  /** Values of the program's own options, as given. */
  readonly own: Readonly<Record<string, string | undefined>>;
  /** The program's own switches that were given. */
  readonly switches: ReadonlySet<string>;
}

/** What only one of the programs takes, by name. */
export interface OwnOptions {
  readonly texts?: readonly string[];
  readonly switches?: readonly string[];
}

/** The error is a sentence for the user. */
export function readFlags(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  { texts = [], switches = [] }: OwnOptions = {},
): Result<ReadFlags> {
  const own: ParseArgsOptionsConfig = Object.fromEntries([
    ...texts.map((name) => [name, { type: 'string' }]),
    ...switches.map((name) => [name, { type: 'boolean' }]),
  ]);
  let values: Readonly<Record<string, string | boolean | undefined>>;
  try {
    values = parseArgs({ args: [...argv], options: { ...own, ...OPTIONS }, allowPositionals: false }).values;
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error));
  }
  const text = (name: string): string | undefined => {
    const value = values[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const logLevel = LOG_LEVELS.find((level) => level === text('log-level'));
  if (logLevel === undefined) return err(`--log-level must be one of ${LOG_LEVELS.join(', ')}`);
  const metricsPort = readPort(text('port'));
  if (metricsPort === undefined) return err('--port must be a port number, or 0 for no metrics');
  const healthPort = readPort(text('health-probe-port'));
  if (healthPort === undefined) return err('--health-probe-port must be a port number');
  return ok({
    flags: {
      logLevel,
      metricsPort: metricsPort === 0 ? undefined : metricsPort,
      healthPort,
      loadBalancerClass: text('lb-class'),
      namespace: text('namespace') ?? env['METALLB_NAMESPACE'] ?? podNamespace() ?? 'metallb-system',
      kubeconfigPath: text('kubeconfig'),
      podName: text('pod-name') ?? env['METALLB_POD_NAME'],
    },
    own: Object.fromEntries(texts.map((name) => [name, text(name)])),
    switches: new Set(switches.filter((name) => values[name] === true)),
  });
}

/** Undefined: not a port number. */
export function readPort(text: string | undefined): number | undefined {
  const port = text !== undefined && /^[0-9]{1,5}$/.test(text) ? Number(text) : Number.NaN;
  return port <= 65535 ? port : undefined;
}

function podNamespace(): string | undefined {
  try {
    return readFileSync(SERVICE_ACCOUNT_NAMESPACE, 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}
