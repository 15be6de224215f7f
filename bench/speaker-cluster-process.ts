/**
 * A cluster of one node, with the speaker's program on it: a bare control plane, Services that hold addresses and are
 * served on the node, and a BGPPeer. Run in the node's network namespace by speaker-cluster.ts, with the router's address
 * and AS number, the node's AS number, and how many Services there are to be; prints "ready" when all is there.
 *
 *     start   ─▶ the speaker is being started, as in a pod     kill   ─▶ it is gone by SIGKILL
 *
 * Each line is answered by "done". Ends, and takes all with it, when its input ends.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { ENDPOINT_SLICES_PATH } from '../src/runtime/adapters/kube/paths.ts';
import { type ControlPlane, findBinaries, startControlPlane } from '../tests/support/control-plane.ts';
import { PodPrograms } from './pod-process.ts';
import { collect, withController } from './running-controller.ts';
import { BenchServices, inParallel } from './services.ts';

const CRDS = path.resolve(import.meta.dirname, '../roles/cluster-addon/files/metallb/crds');
const NAMESPACE = 'metallb-system';
const NODE_NAME = 'node';
const POOL = '10.64.0.0/16';
const CLIENTS = 16;
const PATIENCE_MS = 120_000;
const SLICES_PATH = ENDPOINT_SLICES_PATH.replace('/endpointslices', '/namespaces/default/endpointslices');

const [routerAddress = '', routerAsn = '', nodeAsn = '', count = ''] = process.argv.slice(2);

const binaries = findBinaries();
if (typeof binaries === 'string') throw new Error(binaries);
const plane = await startControlPlane(binaries);
try {
  const programs = await PodPrograms.make(plane.kubeconfig);
  try {
    await configure(plane);
    await makeServices(plane, programs, Number(count));
    console.log('ready');
    await serve(programs);
  } finally {
    await programs.remove();
  }
} finally {
  await plane.stop();
}

async function configure({ run, apply }: ControlPlane): Promise<void> {
  await run('apply', '--server-side', '-f', CRDS);
  await run('wait', '--for=condition=Established', '--timeout=60s', 'crd', '--all');
  await run('create', 'namespace', NAMESPACE);
  await apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: NODE_NAME } });
  const metadata = { namespace: NAMESPACE, name: 'default' };
  const peer = {
    peerAddress: routerAddress,
    peerASN: Number(routerAsn),
    myASN: Number(nodeAsn),
    // The router decides whether it keeps anything.
    enableGracefulRestart: true,
  };
  await apply({ apiVersion: 'metallb.io/v1beta1', kind: 'IPAddressPool', metadata, spec: { addresses: [POOL] } });
  await apply({ apiVersion: 'metallb.io/v1beta1', kind: 'BGPAdvertisement', metadata, spec: {} });
  await apply({ apiVersion: 'metallb.io/v1beta2', kind: 'BGPPeer', metadata, spec: peer });
}

/** With addresses that the controller has given. */
async function makeServices({ kubeconfig }: ControlPlane, programs: PodPrograms, size: number): Promise<void> {
  const names = Array.from({ length: size }, (_, index) => `many-${index}`);
  const services = new BenchServices({ kubeconfigPath: kubeconfig });
  await services.start();
  await inParallel(
    names,
    async (name) => {
      await services.create({ name, endpoints: 'none' });
      await services.api.request({
        op: 'create endpoint slice',
        method: 'POST',
        path: SLICES_PATH,
        body: endpointSlice(name),
      });
    },
    CLIENTS,
  );
  await withController(programs, async ({ died }) => {
    await Promise.race([Promise.all(names.map((name) => services.hasAddress(name, PATIENCE_MS))), died]);
  });
  await services.leave();
}

function endpointSlice(service: string): object {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: service, labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    ports: [{ port: 80 }],
    endpoints: [{ addresses: ['172.20.0.2'], nodeName: NODE_NAME, conditions: { ready: true } }],
  };
}

async function serve(programs: PodPrograms): Promise<void> {
  let speaker: ChildProcess | undefined;
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === 'start') speaker = startSpeaker(programs);
    else if (speaker !== undefined) await kill(speaker);
    console.log('done');
  }
}

function startSpeaker(programs: PodPrograms): ChildProcess {
  const speaker = programs.start('speaker', [`--node-name=${NODE_NAME}`]);
  const output = collect(speaker);
  speaker.once('exit', (code) => {
    if (code !== null) console.error(`the speaker ended with ${code}: ${output.text}`);
  });
  return speaker;
}

async function kill(speaker: ChildProcess): Promise<void> {
  const ended = once(speaker, 'exit');
  speaker.kill('SIGKILL');
  await ended;
}
