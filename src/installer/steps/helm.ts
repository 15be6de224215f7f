/**
 * The helm program. Only what the release step needs: what is installed now, what the chart would give, install or
 * upgrade, uninstall. Values go in through standard input; nothing secret is among them, but arguments are for all to see.
 */
import { execa } from 'execa';
import { parseAllDocuments } from 'yaml';
import { errorText, InstallError } from '../errors.ts';
import type { KubeObject } from '../kube-object.ts';
import { ADDON_NAMESPACE } from '../plan/addon-plan.ts';

export const RELEASE_NAME = 'metallb';

/** A release as `helm status -o json` tells it. */
export interface HelmRelease {
  /** "deployed", "failed", "pending-upgrade", … */
  readonly status: string;
  readonly revision: number;
  readonly objects: readonly KubeObject[];
}

export interface Helm {
  /** "v3.19.5" */
  version(): Promise<string>;
  /** undefined: there is no release. */
  release(): Promise<HelmRelease | undefined>;
  /** The chart's objects with these values, without its custom resource definitions. */
  template(values: string, kubeVersion: string): Promise<readonly KubeObject[]>;
  upgrade(values: string): Promise<void>;
  uninstall(timeoutSeconds: number): Promise<void>;
}

export interface HelmOptions {
  readonly program: string;
  readonly kubeconfig: string;
  readonly chart: string;
}

const STEP = 'run helm';
const SCOPE = ['--namespace', ADDON_NAMESPACE];

export function openHelm({ program, kubeconfig, chart }: HelmOptions): Helm {
  const run = async (args: readonly string[], input?: string): Promise<string> => {
    const result = await execa(program, [...args, '--kubeconfig', kubeconfig], {
      reject: false,
      timeout: 600_000,
      ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
    });
    if (result.exitCode === 0) return result.stdout;
    if (result.code === 'ENOENT' || result.code === 'EACCES') throw missingHelm(program, result);
    throw helmFailure(args[0] ?? '', lastError(result.stderr, result.shortMessage ?? ''), result);
  };
  return {
    async version() {
      return (await run(['version', '--template', '{{.Version}}'])).trim();
    },
    async release() {
      try {
        return parseRelease(await run(['status', RELEASE_NAME, ...SCOPE, '--output', 'json']));
      } catch (error) {
        if (error instanceof InstallError && error.problem.includes('release: not found')) return undefined;
        throw error;
      }
    },
    async template(values, kubeVersion) {
      const args = [
        'template',
        RELEASE_NAME,
        chart,
        ...SCOPE,
        '--skip-crds',
        '--kube-version',
        kubeVersion,
        '--values',
        '-',
      ];
      return parseManifest(await run(args, values));
    },
    async upgrade(values) {
      // Not --wait and not --atomic: the steps that follow say why something does not start, and leave it to be looked at.
      const args = [
        'upgrade',
        '--install',
        RELEASE_NAME,
        chart,
        ...SCOPE,
        '--skip-crds',
        '--history-max',
        '5',
        '--values',
        '-',
      ];
      await run(args, values);
    },
    async uninstall(timeoutSeconds) {
      await run(['uninstall', RELEASE_NAME, ...SCOPE, '--wait', '--timeout', `${timeoutSeconds}s`]);
    },
  };
}

export function parseManifest(manifest: string): readonly KubeObject[] {
  const documents = parseAllDocuments(manifest, { logLevel: 'silent' });
  return (Array.isArray(documents) ? documents : [])
    .map((document): unknown => document.toJS())
    .filter((value): value is KubeObject => typeof value === 'object' && value !== null);
}

function parseRelease(json: string): HelmRelease {
  const { info, version, manifest } = JSON.parse(json) as {
    info?: { status?: string };
    version?: number;
    manifest?: string;
  };
  return { status: info?.status ?? 'unknown', revision: version ?? 0, objects: parseManifest(manifest ?? '') };
}

function missingHelm(program: string, cause: unknown): InstallError {
  return new InstallError({
    kind: 'environment',
    step: STEP,
    problem: `there is no helm: ${program} cannot be run`,
    hint: 'install Helm 3 (https://helm.sh; kubeasz brings one in /opt/kube/bin), or set metallb_helm to its path',
    cause,
  });
}

function helmFailure(verb: string, said: string, cause: unknown): InstallError {
  return new InstallError({
    kind: 'cluster',
    step: STEP,
    problem: `helm ${verb} failed: ${said}`,
    hint: `\`helm -n ${ADDON_NAMESPACE} history ${RELEASE_NAME}\` shows what it tried; --verbose shows all it said`,
    cause: cause instanceof Error ? cause : new Error(errorText(cause)),
  });
}

/** helm prints warnings first and one "Error: …" last. */
function lastError(stderr: string, fallback: string): string {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '');
  const error = lines.findLast((line) => line.startsWith('Error:'))?.slice('Error:'.length) ?? lines.at(-1) ?? fallback;
  return error.trim();
}
