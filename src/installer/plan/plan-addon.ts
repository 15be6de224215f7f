/**
 * Inventory → AddonPlan. Pure: it opens no file and asks no cluster. All faults of the inventory come back together,
 * each with its place; a plan is only there when there are none.
 */
import { isAbsolute, join, resolve } from 'node:path';
import type { Inventory } from '../inventory/inventory.ts';
import { formatPosition, type Located, type Problem } from '../inventory/located.ts';
import type {
  AddonPlan,
  ClusterAccess,
  PlannedImage,
  PlannedPool,
  PlannedRange,
  PlannedSpeakers,
} from './addon-plan.ts';
import { readBgp, reportAdvertisementFaults } from './bgp.ts';
import { readClusterNetworks } from './cluster-networks.ts';
import { readRange } from './domain-readers.ts';
import { KNOWN_VARIABLES } from './known-variables.ts';
import { didYouMean } from './nearest-name.ts';
import { planNodes } from './nodes.ts';
import { poolWarnings, rangesOutsideSubnets, readPools } from './pools.ts';
import {
  type Fields,
  fieldsOf,
  type Reader,
  type Report,
  readInteger,
  readList,
  readOneOf,
  readText,
  readTextMap,
  readYesNo,
} from './readers.ts';

export interface PlanInput {
  readonly inventory: Inventory;
  /** From roles/cluster-addon/defaults/main.yml. */
  readonly defaults: ReadonlyMap<string, Located>;
  /** Absolute; what relative paths given by -e are relative to. */
  readonly workingDirectory: string;
}

export type PlanResult =
  | { readonly ok: true; readonly plan: AddonPlan }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export function planAddon(input: PlanInput): PlanResult {
  const problems: Problem[] = [];
  const report: Report = (at, message) => problems.push({ at, message });
  const { inventory } = input;
  reportUnknownNames(inventory, report);
  const merged = new Map([...input.defaults, ...setVariables(inventory.variables)]);
  const variables = fieldsOf(merged, { file: 'config.yml' }, (name) => name, report);

  const protocol = variables.get('metallb_protocol', readOneOf(['layer2', 'bgp', 'calico'])) ?? 'layer2';
  const nodes = planNodes(inventory, report);
  const problemsBeforePools = problems.length;
  const pools = readPools(variables, report);
  if (pools.length === 0 && problems.length === problemsBeforePools) {
    report(
      positionInInventory(inventory, 'metallb_vip_pool'),
      'there is no address pool: set metallb_vip_pool (or metallb_pools) to the addresses that Services may get',
    );
  }
  const bgp = readBgp(variables, report);
  const nodeSubnets = variables.get('metallb_node_subnets', readList(readRange)) ?? [];
  if (protocol === 'layer2') reportStrayRanges(pools, nodeSubnets, report);
  if (protocol === 'bgp') reportAdvertisementFaults(pools, bgp, report);
  if (protocol === 'bgp' && bgp.peers.length === 0 && !isSet(merged.get('metallb_peers'))) {
    report(
      positionInInventory(inventory, 'metallb_protocol'),
      'metallb_protocol is "bgp", and metallb_peers names no router to speak to',
    );
  }
  const networks = readClusterNetworks(inventory);
  const plan: AddonPlan = {
    wanted: variables.get('metallb_install', readYesNo) ?? true,
    protocol,
    pools,
    bgp,
    nodeSubnets,
    podNetworks: networks.pods,
    serviceNetworks: networks.services,
    nodes,
    image: readImage(variables, input, report),
    installMethod: variables.get('metallb_install_method', readOneOf(['helm', 'yaml'])) ?? 'helm',
    ...optional('loadBalancerClass', variables.get('metallb_loadbalancer_class', readClass)),
    logLevel:
      variables.get('metallb_log_level', readOneOf(['all', 'debug', 'info', 'warn', 'error', 'none'])) ?? 'info',
    controllerReplicas: variables.get('metallb_controller_replicas', readInteger(1, 9)) ?? 2,
    waitSeconds: variables.get('metallb_wait_seconds', readInteger(1, 3600)) ?? 180,
    ...readSpeakers(variables),
    access: readAccess(variables, input),
    warnings: [
      ...poolWarnings(pools, nodes, protocol),
      ...idleDefaults(pools, inventory),
      ...networks.warnings,
      ...(protocol !== 'bgp' && bgp.peers.length > 0
        ? [
            `${formatPosition(variables.positionOf('metallb_peers'))}: metallb_peers has no effect with metallb_protocol "${protocol}"`,
          ]
        : []),
    ],
  };
  return problems.length === 0 ? { ok: true, plan: deepFreeze(plan) } : { ok: false, problems };
}

function readSpeakers(variables: Fields): PlannedSpeakers {
  return {
    excludeInterfaces: variables.get('metallb_exclude_interfaces', readList(readPattern)) ?? [],
    election: variables.get('metallb_election', readOneOf(['spread', 'metallb'])) ?? 'spread',
    answerPing: variables.get('metallb_answer_ping', readYesNo) ?? false,
    realTime: variables.get('metallb_real_time', readYesNo) ?? false,
    ...optional('bgpListenPort', variables.get('metallb_bgp_listen_port', readInteger(1, 65_535))),
    bgpGracefulShutdownSeconds: variables.get('metallb_bgp_graceful_shutdown_seconds', readInteger(0, 120)) ?? 1,
    speakerNodeSelector: variables.get('metallb_speaker_node_selector', readTextMap) ?? {},
  };
}

/** Variables of the default pool, where there is none. */
function idleDefaults(pools: readonly PlannedPool[], { variables }: Inventory): readonly string[] {
  if (pools.some(({ name }) => name === 'default')) return [];
  return ['metallb_exclude_addresses', 'metallb_retention', 'metallb_quarantine', 'metallb_on_conflict'].flatMap(
    (name) => {
      const value = variables.get(name);
      if (value === undefined || !isSet(value)) return [];
      return [`${formatPosition(value.at)}: ${name} has no effect without metallb_vip_pool; give the pools their own`];
    },
  );
}

/** A variable that is set to nothing gives way to its default. */
function setVariables(variables: ReadonlyMap<string, Located>): readonly (readonly [string, Located])[] {
  return [...variables].filter(([, value]) => isSet(value));
}

/** Where the user sets the variable, or should. */
function positionInInventory(inventory: Inventory, name: string): Located['at'] {
  return inventory.variables.get(name)?.at ?? { file: inventory.configLabel };
}

function isSet(value: Located | undefined): boolean {
  if (value === undefined) return false;
  if (value.kind === 'scalar') return value.value !== null && value.value !== '';
  return value.kind === 'list' ? value.items.length > 0 : value.entries.size > 0;
}

function reportUnknownNames(inventory: Inventory, report: Report): void {
  for (const [name, value] of inventory.variables) {
    if (name.startsWith('metallb_') && !KNOWN_VARIABLES.includes(name)) {
      report(value.at, `there is no variable ${name}${didYouMean(name, KNOWN_VARIABLES)}`);
    }
  }
}

function reportStrayRanges(pools: readonly PlannedPool[], subnets: readonly PlannedRange[], report: Report): void {
  if (subnets.length === 0) return;
  for (const { pool, address } of rangesOutsideSubnets(
    pools,
    subnets.map(({ range }) => range),
  )) {
    report(
      address.at,
      `${address.text} of the pool "${pool.name}" is not within the nodes' subnets ` +
        `(metallb_node_subnets: ${subnets.map(({ text }) => text).join(', ')})`,
    );
  }
}

function readImage(variables: Fields, input: PlanInput, report: Report): PlannedImage {
  const archivePath = variables.get('metallb_offline', readText);
  const at = variables.positionOf('metallb_offline');
  return {
    repository: variables.get('metallb_image_repository', readRepository) ?? 'localhost/metallb-addon',
    tag: variables.get('metallb_ver', readTag) ?? missingVersion(variables, report),
    pullPolicy:
      variables.get('metallb_image_pull_policy', readOneOf(['IfNotPresent', 'Always', 'Never'])) ?? 'IfNotPresent',
    ...(archivePath === undefined ? {} : { archive: { path: absolutePath(archivePath, at, input), at } }),
  };
}

/** Only a defaults file that was edited by hand comes here: it always has a version. */
function missingVersion(variables: Fields, report: Report): string {
  const at = variables.positionOf('metallb_ver');
  report(at, 'metallb_ver is not set: it must be the tag of the image to run');
  return '';
}

function readAccess(variables: Fields, input: PlanInput): ClusterAccess {
  const kubeconfig = variables.get('metallb_kubeconfig', readText);
  const helm = variables.get('metallb_helm', readText) ?? 'helm';
  return {
    ...(kubeconfig === undefined
      ? {}
      : { kubeconfig: absolutePath(kubeconfig, variables.positionOf('metallb_kubeconfig'), input) }),
    inventoryKubeconfig: join(input.inventory.directory, 'kubectl.kubeconfig'),
    helm: helm.includes('/') ? absolutePath(helm, variables.positionOf('metallb_helm'), input) : helm,
  };
}

/** Paths in a file are relative to the inventory; those of -e to where the command was given. */
function absolutePath(path: string, at: Located['at'], input: PlanInput): string {
  if (isAbsolute(path)) return path;
  return resolve(at.line === undefined ? input.workingDirectory : input.inventory.directory, path);
}

const readRepository: Reader<string> = textThatMatches(
  /^[a-z0-9]([a-z0-9._:/-]*[a-z0-9])?$/,
  'an image name without a tag, such as "localhost/metallb-addon"',
);
const readTag: Reader<string> = textThatMatches(
  /^[\w][\w.-]{0,127}$/,
  'an image tag, such as "0.1.0" (quote it: 1.10 is a number)',
);
/** https://kubernetes.io/docs/concepts/services-networking/service/#load-balancer-class: a label-style name. */
const readClass: Reader<string> = textThatMatches(
  /^([a-z0-9]([a-z0-9.-]*[a-z0-9])?\/)?[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?$/,
  'a class name, such as "example.com/metallb"',
);

function textThatMatches(pattern: RegExp, wanted: string): Reader<string> {
  return (value, what, report) => {
    const text = readText(value, what, report);
    if (text === undefined || pattern.test(text)) return text;
    report(value.at, `${what} is "${text}", it must be ${wanted}`);
    return undefined;
  };
}

const readPattern: Reader<string> = (value, what, report) => {
  const text = readText(value, what, report);
  if (text === undefined) return undefined;
  try {
    new RegExp(text);
    return text;
  } catch (error) {
    report(value.at, `${what}: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
};

function optional<K extends string, T>(key: K, value: T | undefined): Partial<Record<K, T>> {
  return (value === undefined ? {} : { [key]: value }) as Partial<Record<K, T>>;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) deepFreeze(part);
  }
  return value;
}
