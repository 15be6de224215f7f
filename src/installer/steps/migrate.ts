/**
 * The steps of a migration that write. The ConfigMap is in force until everything that takes its place is there and
 * judged: the pools are made with WAITING_ANNOTATION, and taking that off them is the switch. Until the ConfigMap is
 * deleted at the end, putting it back on is the way back.
 */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import { configDifferences } from '../../runtime/decide/configuration/config-differences.ts';
import { configResources } from '../../runtime/decide/configuration/config-from-configmap.ts';
import { configFromResources } from '../../runtime/decide/configuration/config-from-resources.ts';
import { IGNORED_ANNOTATION, ignoredNote } from '../../runtime/decide/configuration/config-ignored.ts';
import { WAITING_ANNOTATION } from '../../runtime/decide/configuration/config-source.ts';
import type { Config } from '../../runtime/model/config.ts';
import { errorCode, errorText, InstallError } from '../errors.ts';
import type { KubeObject } from '../kube-object.ts';
import { ADDON_NAMESPACE } from '../plan/addon-plan.ts';
import { rawResource } from '../render/controller-rules.ts';
import { orInstallError, type PlannedChange, previewObjects, writeObjects } from './apply-objects.ts';
import { type Cluster, formatRef } from './cluster.ts';
import { CONFIG_MAP_REF } from './migration-source.ts';
import { type WaitOptions, waitFor } from './wait.ts';

export const COMPARE = 'compare with what is there';
export const SAVE = 'save the ConfigMap';
export const CREATE = 'create the custom resources';
export const SWITCH = 'put them in force';
export const DELETE = 'delete the ConfigMap';
export const BACKUP_FILE = 'metallb-config-backup.yaml';
/** Speakers and the controller get this long to act on the switch, should they act on it at all. */
const SETTLE_MS = 3_000;

const KINDS = ['IPAddressPool', 'L2Advertisement', 'BGPAdvertisement', 'Community', 'BFDProfile']
  .map((kind) => ({ apiVersion: 'metallb.io/v1beta1', kind }))
  .concat({ apiVersion: 'metallb.io/v1beta2', kind: 'BGPPeer' });

export function waiting(object: KubeObject): KubeObject {
  if (object.kind !== 'IPAddressPool') return object;
  const { annotations } = object.metadata as { annotations?: object };
  const marked = { ...annotations, [WAITING_ANNOTATION]: 'true' };
  return { ...object, metadata: { ...object.metadata, annotations: marked } };
}

/**
 * The configuration that will be in force: the converted objects and whatever is there besides. Throws unless that does
 * just what the ConfigMap does now.
 */
export async function configAfter(
  cluster: Cluster,
  objects: readonly KubeObject[],
  converted: Config,
): Promise<Config> {
  const scope = { namespace: ADDON_NAMESPACE };
  const lists = await orInstallError(COMPARE, Promise.all(KINDS.map((kind) => cluster.list(kind, scope))));
  const names = new Set(objects.map(formatRef));
  const others = lists.flat().filter((object) => !names.has(formatRef(object)));
  const { config } = configFromResources(configResources([...others, ...objects].map(rawResource)));
  const differences = configDifferences(
    { name: 'the ConfigMap', config: converted },
    { name: 'the custom resources', config },
  );
  if (differences.length === 0) return config;
  throw new InstallError({
    kind: 'cluster',
    step: COMPARE,
    problem: [
      `with the ConfigMap gone other custom resources would be in force as well: ${others.map(formatRef).join(', ')}`,
      ...differences,
    ],
    hint: 'delete those objects, or carry the ConfigMap over by hand: `./install migrate` prints its equivalent; nothing was written',
  });
}

/** Asks the server about every object; objects of the same name that say something else are somebody's own. */
export async function planCreation(
  cluster: Cluster,
  objects: readonly KubeObject[],
): Promise<readonly PlannedChange[]> {
  const planned = await previewObjects(cluster, CREATE, objects.map(waiting));
  const foreign = planned.filter(
    ({ change }) => change.action === 'update' && change.fields.some((field) => field.startsWith('spec')),
  );
  if (foreign.length === 0) return planned;
  throw new InstallError({
    kind: 'cluster',
    step: CREATE,
    problem: foreign.map(
      ({ change }) => `${change.object} exists and says something else: ${change.fields.join('; ')}`,
    ),
    hint: 'delete those objects, or carry the ConfigMap over by hand: `./install migrate` prints its equivalent; nothing was written',
  });
}

export async function createObjects(cluster: Cluster, planned: readonly PlannedChange[]): Promise<void> {
  await writeObjects(cluster, CREATE, planned);
}

/** Writes the ConfigMap as it is into a new file; an older file of that name stays as it is. */
export async function saveBackup(configMap: KubeObject, workingDirectory: string): Promise<string> {
  const { name, namespace, labels } = configMap.metadata as KubeObject['metadata'] & { labels?: object };
  const metadata = { name, namespace, ...(labels === undefined ? {} : { labels }) };
  const text = stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: configMap['data'] });
  for (let number = 1; ; number++) {
    const file = number === 1 ? BACKUP_FILE : BACKUP_FILE.replace('.yaml', `-${number}.yaml`);
    try {
      await writeFile(path.join(workingDirectory, file), text, { flag: 'wx', mode: 0o600 });
      return file;
    } catch (cause) {
      if (errorCode(cause) === 'EEXIST' && number < 100) continue;
      throw new InstallError({
        kind: 'environment',
        step: SAVE,
        problem: `the ConfigMap cannot be saved to ${path.join(workingDirectory, file)}: ${errorText(cause)}`,
        hint: 'run this from a directory that you may write to; nothing was changed in the cluster',
        cause,
      });
    }
  }
}

/**
 * Takes the ConfigMap out of force and waits until the controller says that the resources do the same and until no Service
 * has changed its addresses; else puts it back.
 */
export async function switchOver(
  cluster: Cluster,
  { objects, addresses, wait }: { objects: readonly KubeObject[]; addresses: () => Promise<string>; wait: WaitOptions },
): Promise<void> {
  const pools = objects.filter(({ kind }) => kind === 'IPAddressPool');
  const write = async (as: (pool: KubeObject) => KubeObject): Promise<void> => {
    for (const pool of pools) await orInstallError(SWITCH, cluster.apply(as(pool), 'write'), formatRef(pool));
  };
  const before = await addresses();
  await write((pool) => pool);
  try {
    await waitForWord(cluster, wait);
    await wait.pace.sleep(SETTLE_MS);
    if ((await addresses()) === before) return;
    throw new InstallError({
      kind: 'cluster',
      step: SWITCH,
      problem: 'addresses of Services changed when the custom resources took over',
      hint: 'the ConfigMap is in force again; `kubectl describe service` shows the Events of those that changed',
    });
  } catch (error) {
    await write(waiting);
    throw error;
  }
}

async function waitForWord(cluster: Cluster, wait: WaitOptions): Promise<void> {
  const same = ignoredNote({ differences: [], errors: [] });
  let said = '';
  const agreed = await waitFor(async () => {
    const configMap = await orInstallError(SWITCH, cluster.get(CONFIG_MAP_REF));
    said = (configMap?.metadata['annotations'] as Record<string, string> | undefined)?.[IGNORED_ANNOTATION] ?? '';
    return said === same ? true : undefined;
  }, wait);
  if (agreed) return;
  throw new InstallError({
    kind: said === '' ? 'timeout' : 'cluster',
    step: SWITCH,
    problem:
      said === ''
        ? `after ${wait.timeoutSeconds} s the controller has not taken the custom resources up`
        : `the controller says of the ConfigMap: ${said}`,
    hint: `the ConfigMap is in force again; \`kubectl -n ${ADDON_NAMESPACE} logs -l app=metallb,component=controller\` tells more`,
  });
}
