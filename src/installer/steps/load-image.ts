/**
 * Brings the image to the nodes without a registry: metallb_offline names an archive, which is streamed over ssh into
 * each node's container runtime. Nodes that have exactly this image already are left alone.
 */
import { errorCode, errorText, InstallError } from '../errors.ts';
import { formatPosition } from '../inventory/located.ts';
import type { PlannedImage, PlannedNode } from '../plan/addon-plan.ts';
import { type ArchivedImage, normalizeReference, readImageArchive } from './image-archive.ts';
import { type NodeShell, quoteWord } from './node-shell.ts';

export const LOAD_IMAGE = 'load the image on the nodes';
/** Streams at a time: more would only share the same uplink. */
const PARALLEL = 4;

export type ContainerRuntime = 'containerd' | 'docker';

export interface LoadInput {
  /** What the archive holds. */
  readonly image: ArchivedImage;
  readonly archivePath: string;
  readonly nodes: readonly PlannedNode[];
  readonly runtimeOf: (node: PlannedNode) => ContainerRuntime;
  readonly shell: NodeShell;
}

/** The archive's entry for the wanted image; throws InstallError of kind 'image' when it is not in there. */
export async function findArchivedImage(image: PlannedImage): Promise<ArchivedImage | undefined> {
  if (image.archive === undefined) return undefined;
  const { path, at } = image.archive;
  const wanted = normalizeReference(`${image.repository}:${image.tag}`);
  let images: readonly ArchivedImage[];
  try {
    images = await readImageArchive(path);
  } catch (cause) {
    const isMissing = errorCode(cause) === 'ENOENT';
    throw new InstallError({
      kind: 'image',
      step: LOAD_IMAGE,
      problem: `${formatPosition(at)}: the image archive ${path} ${isMissing ? 'is not there' : `cannot be used: ${errorText(cause)}`}`,
      hint: '`npm run image` makes one; relative paths in config.yml are relative to the inventory',
      cause,
    });
  }
  const found = images.find(({ reference }) => reference === wanted);
  if (found !== undefined) return found;
  const held = images.map(({ reference }) => reference).join(', ') || 'no named image';
  throw new InstallError({
    kind: 'image',
    step: LOAD_IMAGE,
    problem: `${formatPosition(at)}: the image archive ${path} holds ${held}, not ${wanted}`,
    hint: 'set metallb_ver (and metallb_image_repository) to what the archive holds, or make the archive anew',
  });
}

/** Only looks; gives the nodes that would get the image, in the inventory's order. */
export async function nodesWithoutImage(input: LoadInput): Promise<readonly PlannedNode[]> {
  const missing = new Set<PlannedNode>();
  await inParallel(input.nodes, async (node) => {
    if (!(await hasImage(input, node))) missing.add(node);
  });
  return input.nodes.filter((node) => missing.has(node));
}

/** Streams the archive to these nodes. */
export async function loadImage(input: LoadInput, nodes: readonly PlannedNode[]): Promise<void> {
  await inParallel(nodes, async (node) => {
    const command = input.runtimeOf(node) === 'docker' ? 'docker load' : 'ctr -n k8s.io images import -';
    const result = await input.shell(node, `${path(node)} && ${command}`, { inputFile: input.archivePath });
    if (result.exitCode !== 0) throw nodeFailure(node, result, 'does not take the image');
  });
}

async function hasImage(input: LoadInput, node: PlannedNode): Promise<boolean> {
  const { image } = input;
  const isDocker = input.runtimeOf(node) === 'docker';
  const expected = isDocker ? image.configDigest : image.manifestDigest;
  const reference = quoteWord(image.reference);
  const script = isDocker
    ? `${path(node)} && docker version >/dev/null && { docker image inspect --format '{{.Id}}' ${reference} 2>/dev/null || true; }`
    : `${path(node)} && ctr -n k8s.io images ls ${quoteWord(`name==${image.reference}`)}`;
  const result = await input.shell(node, script, { timeoutMs: 30_000 });
  if (result.exitCode !== 0) throw nodeFailure(node, result, 'cannot be asked for its images');
  // Without a digest to compare, a name is not proof: the image is sent again.
  return expected !== undefined && result.stdout.split(/\s+/).includes(expected);
}

/** kubeasz keeps its binaries outside the PATH of a login that is not interactive. */
function path(node: PlannedNode): string {
  return `PATH="$PATH:/usr/local/bin:${node.binDirectory}:${node.binDirectory}/containerd-bin"`;
}

function nodeFailure(
  node: PlannedNode,
  result: { readonly exitCode: number | undefined; readonly stderr: string },
  what: string,
): InstallError {
  const said = result.stderr.trim().split('\n').at(-1) ?? '';
  const isUnreachable = result.exitCode === undefined;
  return new InstallError({
    kind: 'image',
    step: LOAD_IMAGE,
    problem: isUnreachable
      ? `the node ${node.name} (${formatPosition(node.at)}) is not reached over ssh: ${said}`
      : `the node ${node.name} ${what}: ${said}`,
    hint: isUnreachable
      ? `\`ssh ${node.user === undefined ? '' : `${node.user}@`}${node.address} true\` must work without a question; see ansible_user, ansible_port and ansible_ssh_private_key_file`
      : 'the node needs ctr (containerd) or docker, and rights to use it: ansible_user=root, or ansible_become=yes',
  });
}

/** All of the work is finished, well or not, before the first failure is thrown: nothing goes on behind an error. */
async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const failures: unknown[] = [];
  const queue = [...items];
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      try {
        await work(item);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, items.length) }, worker));
  if (failures.length > 0) throw failures[0];
}
