/**
 * What a speaker hears of a foreign host, on its way through a real API server to the Service: the speaker's Lease is
 * written as a speaker writes it, the controller is the real one.
 */
import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import {
  CONFLICTS_ANNOTATION,
  formatSpeakerConflicts,
  parseSpeakerConflicts,
} from '../../src/runtime/decide/lan-facts.ts';
import { type ControlPlane, startControlPlaneForTests } from '../support/control-plane.ts';
import { type ControllerProcess, startController } from '../support/controller-process.ts';
import { waitFor } from '../support/wait-for.ts';

const CRDS = resolve(import.meta.dirname, '../../roles/cluster-addon/files/metallb/crds');
const NS = 'metallb-system';
const PORTS = { health: 27474, metrics: 27475 };
const SOON = { withinMs: 10_000, everyMs: 50 };
const FOREIGN = '52:54:00:00:00:99';

let plane: ControlPlane;
let controller: ControllerProcess | undefined;

beforeAll(async () => {
  plane = await startControlPlaneForTests();
  await kubectl('apply', '--server-side', '-f', CRDS);
  await kubectl('wait', '--for=condition=Established', '--timeout=30s', 'crd', '--all');
  await kubectl('create', 'namespace', NS);
  controller = await startController(plane.kubeconfig, PORTS);
}, 120_000);
afterAll(async () => {
  await controller?.stop();
  await plane?.stop();
}, 30_000);

const kubectl = (...args: readonly string[]): Promise<string> => plane.run(...args);

const apply = (object: object): Promise<void> => plane.apply(object);

const pool = (onConflict: object = {}) =>
  apply({
    apiVersion: 'metallb.io/v1beta1',
    kind: 'IPAddressPool',
    metadata: { name: 'p', namespace: NS },
    spec: { addresses: ['192.0.2.1-192.0.2.4'], ...onConflict },
  });

const service = (name: string) =>
  apply({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { type: 'LoadBalancer', ports: [{ port: 80 }], selector: { app: name } },
  });

/** The Lease of n1's speaker, which hears foreign hosts answer for the addresses. */
function hears(...addresses: readonly string[]): Promise<void> {
  const told = addresses.map((ip) => ({ ip, mac: FOREIGN, interface: 'eth0', sinceMs: 1000 }));
  return apply({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name: 'speaker-n1',
      namespace: NS,
      labels: { app: 'metallb', component: 'speaker' },
      annotations: {
        [CONFLICTS_ANNOTATION]: formatSpeakerConflicts(parseSpeakerConflicts('n1', JSON.stringify(told))),
      },
    },
    spec: { holderIdentity: 'n1', leaseDurationSeconds: 4 },
  });
}

/** "192.0.2.1 Allocated": what the Service shows. */
async function shown(name: string): Promise<string> {
  const { status } = JSON.parse(await kubectl('get', 'service', name, '-o', 'json'));
  const condition = status.conditions?.find(({ type }: { type: string }) => type === 'metallb.io/Allocated');
  return `${status.loadBalancer.ingress?.[0]?.ip ?? 'none'} ${condition?.reason ?? 'nothing'}`;
}

const becomes = (name: string, want: string) =>
  waitFor(`${name} to be ${want}`, async () => (await shown(name)) === want, SOON);

const skipped = async () =>
  JSON.parse(await kubectl('get', 'ipaddresspool', 'p', '-n', NS, '-o', 'jsonpath={.status.skipped}'));

test('a foreign host takes an address: it is kept and told; the pool may let the Service leave it; it ends', async () => {
  await pool();
  await service('a');
  await becomes('a', '192.0.2.1 Allocated');

  await hears('192.0.2.1', '192.0.2.2');
  await becomes('a', '192.0.2.1 AddressConflict');
  await service('b');
  await becomes('b', '192.0.2.3 Allocated');
  await waitFor('the pool to tell', async () => (await skipped()).length === 2, SOON);
  expect(await skipped()).toEqual(
    ['192.0.2.1/32', '192.0.2.2/32'].map((addresses) => {
      return { addresses, reason: 'InUseOnLan', detail: `host ${FOREIGN}, seen by node n1` };
    }),
  );

  await pool({ onConflict: 'Reallocate' });
  await becomes('a', '192.0.2.4 Allocated');
  await waitFor('the Events', async () => (await kubectl('get', 'events')).includes('the Service leaves it'), SOON);
  const events = await kubectl('get', 'events', '--field-selector=reason=AddressConflict', '-o', 'json');
  const messages = JSON.parse(events).items.map(({ message }: { message: string }) => message);
  expect(messages.sort()).toEqual([
    `192.0.2.1 is in use on the LAN (host ${FOREIGN}, seen by node n1): the Service leaves it`,
    `192.0.2.1 is not announced until that ends: it is in use on the LAN (host ${FOREIGN}, seen by node n1); ask for another address`,
  ]);

  await hears();
  await service('c');
  await becomes('c', '192.0.2.1 Allocated');
  expect(await shown('a')).toBe('192.0.2.4 Allocated');
}, 60_000);
