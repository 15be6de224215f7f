/**
 * Boots an instance on a clean machine, everything in parallel that does not need another: nodes' machines, etcd and the
 * API server, containerd with its images; then, once the API answers, the rest. Ends when every node is Ready, every
 * kube-proxy has its rules and pods may be made.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type ApiClient, openApi, readNodes } from './api.ts';
import type { Binaries } from './binaries/obtain.ts';
import { createCgroups } from './cgroups.ts';
import { runCommand } from './command.ts';
import { apiServerCommand, controllerManagerCommand, etcdCommand, schedulerCommand } from './control-plane.ts';
import { writeInventory } from './inventory.ts';
import { writeKubeconfigs } from './kubeconfig.ts';
import { type Layout, masterOf, type NodeLayout } from './layout.ts';
import { createNetwork } from './network.ts';
import { enterMachine, startMachine } from './node-machine.ts';
import { type NodeServices, PROXY_HEALTH_PORT, prepareNodeServices } from './node-services.ts';
import { createPki } from './pki.ts';
import { waitFor } from './poll.ts';
import { type Daemon, startDaemon } from './processes.ts';
import type { Reporter } from './progress.ts';
import { prepareSsh, sshdCommand } from './ssh.ts';

export interface Provisions {
  readonly bin: Binaries;
  /** Tars of images that every node imports. */
  readonly images: readonly string[];
  readonly cniDir: string;
}

/** A node while it boots. */
interface BootingNode {
  readonly node: NodeLayout;
  readonly services: NodeServices;
  readonly enter: readonly string[];
}

/** Shared by the steps of one boot. */
interface Boot {
  readonly layout: Layout;
  readonly provisions: Provisions;
  readonly cgroupProcs: string;
  readonly daemons: Daemon[];
  /** Aborted when one part has failed, so that the others stop trying. */
  readonly givenUp: AbortController;
}

const API_TIMEOUT_MS = 120_000;
const NODES_TIMEOUT_MS = 180_000;
const IMPORT_TIMEOUT_MS = 60_000;

export async function bootCluster(layout: Layout, provisions: Provisions, reporter: Reporter): Promise<void> {
  reporter.step('laying cables, making keys');
  await mkdir(layout.logsDir, { recursive: true });
  const [cgroupProcs] = await Promise.all([
    createCgroups(layout),
    createNetwork(layout),
    createPki(layout).then(() => writeKubeconfigs(layout)),
    prepareSsh(layout),
    writeInventory(layout),
  ]);
  const networks = layout.subnet6 === undefined ? layout.subnet : `${layout.subnet} and ${layout.subnet6}`;
  reporter.done(`${networks}, ${layout.nodes.length} nodes and a client`);
  const boot: Boot = { layout, provisions, cgroupProcs, daemons: [], givenUp: new AbortController() };
  const api = await openApi(layout);
  try {
    reporter.step('starting the control plane and containerd');
    const nodes = await Promise.all(layout.nodes.map((node) => bootMachine(boot, node)));
    const master = nodes.find(({ node }) => node.controlPlane);
    if (master === undefined) throw new Error('a layout has a master');
    const images = Promise.all(nodes.map((node) => importImages(boot, node)));
    // Awaited below; without this, a failure before that would be nobody's.
    images.catch(() => undefined);
    await Promise.all([
      startOn(boot, master, 'etcd', etcdCommand(layout, provisions.bin)),
      startOn(boot, master, 'kube-apiserver', apiServerCommand(layout, provisions.bin)),
    ]);
    await waitForApi(boot, api);
    reporter.done('the API server answers');

    reporter.step('starting the nodes');
    await Promise.all([
      startOn(boot, master, 'kube-controller-manager', controllerManagerCommand(layout, provisions.bin)),
      startOn(boot, master, 'kube-scheduler', schedulerCommand(layout, provisions.bin)),
      ...nodes.map((node) => startNodeServices(boot, node)),
    ]);
    await Promise.all([images, waitForNodes(boot, api), waitForPods(boot, api), waitForProxies(boot)]);
    await Promise.all(layout.nodes.map((node) => describeNode(api, node)));
    reporter.done(`${layout.nodes.length} nodes are Ready`);
  } catch (error) {
    boot.givenUp.abort(error);
    throw error;
  } finally {
    api.close();
  }
}

async function bootMachine(boot: Boot, node: NodeLayout): Promise<BootingNode> {
  const { layout, provisions, cgroupProcs } = boot;
  const [machine, services] = await Promise.all([
    startMachine(layout, node, cgroupProcs),
    prepareNodeServices(layout, node, provisions),
  ]);
  boot.daemons.push(machine);
  const booting = { node, services, enter: enterMachine(machine.record.pid) };
  await startOn(boot, booting, 'containerd', services.containerd);
  return booting;
}

async function startNodeServices(boot: Boot, booting: BootingNode): Promise<void> {
  await Promise.all([
    startOn(boot, booting, 'kubelet', booting.services.kubelet),
    startOn(boot, booting, 'kube-proxy', booting.services.kubeProxy),
    startOn(boot, booting, 'sshd', await sshdCommand(boot.layout, booting.node)),
  ]);
}

async function startOn(
  boot: Boot,
  { node, enter }: BootingNode,
  service: string,
  command: readonly string[],
): Promise<void> {
  boot.givenUp.signal.throwIfAborted();
  const daemon = await startDaemon({
    host: node.name,
    service,
    argv: [...enter, ...command],
    logFile: join(boot.layout.logsDir, node.name, `${service}.log`),
    processesDir: boot.layout.processesDir,
    cgroupProcs: boot.cgroupProcs,
  });
  boot.daemons.push(daemon);
}

async function importImages(boot: Boot, { node, enter }: BootingNode): Promise<void> {
  for (const tar of boot.provisions.images) {
    await waitFor(
      {
        what: `containerd on ${node.name}`,
        timeoutMs: IMPORT_TIMEOUT_MS,
        hint: `see ${join(boot.layout.logsDir, node.name, 'containerd.log')}`,
        assertHope: () => assertAllAlive(boot),
      },
      async () => (await runCommand([...enter, ...importCommand(tar)])) || true,
    );
  }
}

/** Puts an image tar into the containerd of the node it runs on, where kubelet finds it. */
export function importCommand(tar: string): string[] {
  return ['ctr', '--namespace', 'k8s.io', 'images', 'import', tar];
}

async function waitForApi(boot: Boot, api: ApiClient): Promise<void> {
  const log = join(boot.layout.logsDir, masterOf(boot.layout).name, 'kube-apiserver.log');
  await waitFor(
    {
      what: 'the API server',
      timeoutMs: API_TIMEOUT_MS,
      hint: `see ${log}`,
      assertHope: () => assertAllAlive(boot),
    },
    async () => (await api.get('/readyz')) === 'ok' || undefined,
  );
}

async function waitForNodes(boot: Boot, api: ApiClient): Promise<void> {
  await waitFor(
    {
      what: 'the last Ready node',
      timeoutMs: NODES_TIMEOUT_MS,
      hint: `see the kubelet.log of each node in ${boot.layout.logsDir}`,
      assertHope: () => assertAllAlive(boot),
    },
    async () => {
      const ready = (await readNodes(api)).filter((node) => node.ready);
      return ready.length === boot.layout.nodes.length || undefined;
    },
  );
}

/** Pods are refused until the controller manager has made their namespace's service account. */
async function waitForPods(boot: Boot, api: ApiClient): Promise<void> {
  await waitFor(
    {
      what: 'the default service account',
      timeoutMs: NODES_TIMEOUT_MS,
      hint: `see kube-controller-manager.log in ${join(boot.layout.logsDir, masterOf(boot.layout).name)}`,
      assertHope: () => assertAllAlive(boot),
    },
    () => api.get('/api/v1/namespaces/default/serviceaccounts/default'),
  );
}

async function waitForProxies(boot: Boot): Promise<void> {
  await Promise.all(
    boot.layout.nodes.map((node) =>
      waitFor(
        {
          what: `kube-proxy on ${node.name}`,
          timeoutMs: NODES_TIMEOUT_MS,
          hint: `see ${join(boot.layout.logsDir, node.name, 'kube-proxy.log')}`,
          assertHope: () => assertAllAlive(boot),
        },
        async () => (await fetch(`http://${node.ip}:${PROXY_HEALTH_PORT}/healthz`)).ok || undefined,
      ),
    ),
  );
}

/** What a cluster's installer says about its nodes, and a kubelet may not say about itself. */
async function describeNode(api: ApiClient, node: NodeLayout): Promise<void> {
  await api.patch(`/api/v1/nodes/${node.name}`, {
    metadata: { labels: { 'kubernetes.io/role': node.controlPlane ? 'master' : 'node' } },
    spec: { podCIDR: node.podCidr, podCIDRs: [node.podCidr, ...(node.podCidr6 === undefined ? [] : [node.podCidr6])] },
  });
}

function assertAllAlive(boot: Boot): void {
  boot.givenUp.signal.throwIfAborted();
  for (const daemon of boot.daemons) daemon.assertAlive();
}
