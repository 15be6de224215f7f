/**
 * Asks the programs whether they took the configuration: each says so in a ConfigurationState of its own, the controller
 * in "controller" and every speaker in "speaker-NODE"; and on every pool and advertisement the controller says in the
 * condition Accepted for which generation of it that holds. Running is not enough; an addon that refused its pools runs too.
 */
import { InstallError } from '../errors.ts';
import type { KubeObject } from '../kube-object.ts';
import { ADDON_NAMESPACE } from '../plan/addon-plan.ts';
import { orInstallError } from './apply-objects.ts';
import { type Cluster, formatRef } from './cluster.ts';
import { type WaitOptions, waitFor } from './wait.ts';

export const VERIFY = 'ask whether the configuration is in force';
const STATE = { apiVersion: 'metallb.io/v1beta1', kind: 'ConfigurationState' };
/** A speaker does not say of which version its verdict is; it gets this long to read what was just written. */
const SETTLE_MS = 3_000;
/** Kinds whose objects the controller marks with the condition Accepted. */
const JUDGED_KINDS = ['IPAddressPool', 'L2Advertisement', 'BGPAdvertisement', 'BGPPeer', 'BFDProfile', 'Community'];

export interface VerifyInput {
  readonly cluster: Cluster;
  /** What was applied. */
  readonly objects: readonly KubeObject[];
  readonly wait: WaitOptions;
  /** Whether this run has changed what the programs read. */
  readonly hasChanged: boolean;
}

interface Verdict {
  /** "speaker-node1" for a program, "IPAddressPool metallb-system/default" for an object. */
  readonly name: string;
  /** undefined: there is no word on the present version yet. */
  readonly result: 'valid' | 'invalid' | undefined;
  readonly reason: string;
}

/** Gives how many programs agreed: "4 programs use it". */
export async function verifyConfiguration({ cluster, objects, wait, hasChanged }: VerifyInput): Promise<string> {
  const start = wait.pace.now();
  let programs: readonly Verdict[] = [];
  let judged: readonly Verdict[] = [];
  const settled = await waitFor(async () => {
    [programs, judged] = await Promise.all([readProgramVerdicts(cluster), readObjectVerdicts(cluster, objects)]);
    if (hasChanged && wait.pace.now() - start < SETTLE_MS) return undefined;
    // The controller has judged this very version of the object: waiting would not change its mind.
    if (judged.some(({ result }) => result === 'invalid'))
      throw notInForce([...judged, ...programs], wait.timeoutSeconds);
    return [...programs, ...judged].every(({ result }) => result === 'valid') ? true : undefined;
  }, wait);
  if (settled) return `${programs.length} programs use it`;
  throw notInForce([...judged, ...programs], wait.timeoutSeconds);
}

async function readObjectVerdicts(cluster: Cluster, objects: readonly KubeObject[]): Promise<readonly Verdict[]> {
  const refs = objects.filter(({ kind }) => JUDGED_KINDS.includes(kind));
  const found = await orInstallError(VERIFY, Promise.all(refs.map((ref) => cluster.get(ref))));
  return refs.map((ref, index) => objectVerdict(formatRef(ref), found[index]));
}

function objectVerdict(name: string, object: KubeObject | undefined): Verdict {
  const status = (object?.['status'] ?? {}) as { conditions?: readonly Readonly<Record<string, unknown>>[] };
  const accepted = status.conditions?.find(({ type }) => type === 'Accepted');
  const isCurrent = accepted !== undefined && accepted['observedGeneration'] === object?.metadata['generation'];
  if (!isCurrent) return { name, result: undefined, reason: '' };
  const result = accepted['status'] === 'True' ? 'valid' : 'invalid';
  return { name, result, reason: String(accepted['message'] ?? '') };
}

/** One verdict for the controller and for every node that has a speaker. */
async function readProgramVerdicts(cluster: Cluster): Promise<readonly Verdict[]> {
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
    programVerdict(
      name,
      states.find(({ metadata }) => metadata.name === name),
    ),
  );
}

function programVerdict(name: string, state: KubeObject | undefined): Verdict {
  const status = (state?.['status'] ?? {}) as { result?: string; errorSummary?: string };
  const results: Readonly<Record<string, Verdict['result']>> = { Valid: 'valid', Invalid: 'invalid' };
  return { name, result: results[status.result ?? ''], reason: status.errorSummary ?? '' };
}

function notInForce(verdicts: readonly Verdict[], timeoutSeconds: number): InstallError {
  const invalid = verdicts.filter(({ result }) => result === 'invalid');
  if (invalid.length > 0) {
    // The programs repeat what the object itself says.
    const objects = invalid.filter(({ name }) => name.includes(' '));
    const refused = invalid.filter(
      (one) => objects.includes(one) || !objects.some(({ name }) => one.reason.includes(name)),
    );
    return new InstallError({
      kind: 'cluster',
      step: VERIFY,
      problem: refused.map(({ name, reason }) => `the configuration is not in force; ${name} says: ${oneLine(reason)}`),
      hint: 'correct the inventory, the template, or the object named; until then the last good configuration is in force',
    });
  }
  const silent = verdicts.filter(({ result }) => result === undefined).map(({ name }) => name);
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
