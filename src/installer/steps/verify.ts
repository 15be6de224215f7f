/**
 * Asks the programs whether they took the configuration: each says so in a ConfigurationState of its own, the controller
 * in "controller" and every speaker in "speaker-NODE". Running is not enough; an addon that refused its pools runs too.
 */
import { InstallError } from '../errors.ts';
import { ADDON_NAMESPACE } from '../plan/addon-plan.ts';
import type { KubeObject } from '../render/read-objects.ts';
import { orInstallError } from './apply-objects.ts';
import type { Cluster } from './cluster.ts';
import { type WaitOptions, waitFor } from './wait.ts';

export const VERIFY = 'ask whether the configuration is in force';
const STATE = { apiVersion: 'metallb.io/v1beta1', kind: 'ConfigurationState' };
/** A program needs a moment to read what was just written; until then its verdict may be of the configuration before. */
const SETTLE_MS = 3_000;

export interface VerifyInput {
  readonly cluster: Cluster;
  readonly wait: WaitOptions;
  /** Whether this run has changed what the programs read. */
  readonly hasChanged: boolean;
}

interface Verdict {
  readonly name: string;
  /** "Valid", "Invalid", "Unknown"; undefined: it has not said yet. */
  readonly result: string | undefined;
  readonly errorSummary: string;
}

/** Gives how many programs agreed: "4 programs use it". */
export async function verifyConfiguration({ cluster, wait, hasChanged }: VerifyInput): Promise<string> {
  const start = wait.pace.now();
  let verdicts: readonly Verdict[] = [];
  const settled = await waitFor(async () => {
    verdicts = await readVerdicts(cluster);
    if (hasChanged && wait.pace.now() - start < SETTLE_MS) return undefined;
    return verdicts.every(({ result }) => result === 'Valid') ? true : undefined;
  }, wait);
  if (settled) return `${verdicts.length} programs use it`;
  throw notInForce(verdicts, wait.timeoutSeconds);
}

/** One verdict for the controller and for every node that has a speaker. */
async function readVerdicts(cluster: Cluster): Promise<readonly Verdict[]> {
  const inNamespace = { namespace: ADDON_NAMESPACE };
  const [states, speakers] = await orInstallError(
    VERIFY,
    Promise.all([
      cluster.list(STATE, inNamespace),
      cluster.list(
        { apiVersion: 'v1', kind: 'Pod' },
        { ...inNamespace, labelSelector: 'app=metallb,component=speaker' },
      ),
    ]),
  );
  const nodes = speakers.map((pod) => (pod['spec'] as { nodeName?: string } | undefined)?.nodeName);
  const names = ['controller', ...nodes.filter((node) => node !== undefined).map((node) => `speaker-${node}`)];
  return [...new Set(names)].map((name) =>
    readVerdict(
      name,
      states.find(({ metadata }) => metadata.name === name),
    ),
  );
}

function readVerdict(name: string, state: KubeObject | undefined): Verdict {
  const status = (state?.['status'] ?? {}) as { result?: string; errorSummary?: string };
  return { name, result: status.result, errorSummary: status.errorSummary ?? '' };
}

function notInForce(verdicts: readonly Verdict[], timeoutSeconds: number): InstallError {
  const refusing = verdicts.filter(({ result }) => result === 'Invalid');
  if (refusing.length > 0) {
    const complaints = refusing.map(
      ({ name, errorSummary }) => `${name} refuses the configuration: ${oneLine(errorSummary)}`,
    );
    return new InstallError({
      kind: 'cluster',
      step: VERIFY,
      problem: complaints,
      hint: 'correct the inventory, the template, or the object named; until then the last good configuration is in force',
    });
  }
  const silent = verdicts.filter(({ result }) => result !== 'Valid').map(({ name }) => name);
  return new InstallError({
    kind: 'timeout',
    step: VERIFY,
    problem: `after ${timeoutSeconds} s there is no word on the configuration from ${silent.join(', ')}`,
    hint: `\`kubectl -n ${ADDON_NAMESPACE} logs -l app=metallb --tail=20\` tells what they are doing; metallb_wait_seconds lengthens the wait`,
  });
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*\n\s*/g, ' | ');
}
