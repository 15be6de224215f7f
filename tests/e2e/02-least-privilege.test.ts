/** What the two programs may do on a node and in the API, read off the running processes, not off the chart. */
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { execa } from 'execa';
import { type Cluster, cluster } from '../support/cluster.ts';

const CAP_NET_RAW = 1n << 13n;

let c: Cluster;
beforeAll(async () => {
  c = await cluster();
});

describe('the running processes', () => {
  test('the controllers have no capability, no root and no writable root file system', async () => {
    const pids = await c.pidsOf('controller');
    expect(pids).toHaveLength(2);
    for (const pid of pids) {
      const status = await processStatus(pid);
      expect(status).toMatchObject({ CapEff: 0n, CapPrm: 0n, CapBnd: 0n, uid: 65534, NoNewPrivs: 1n });
      expect(await rootIsReadOnly(pid)).toBe(true);
    }
  });

  test('the two controllers are on different nodes', async () => {
    const pods = await c.list('pods', '-n', 'metallb-system', '-l', 'component=controller');
    expect(new Set(pods.map((pod) => pod.spec.nodeName)).size).toBe(2);
  });

  test('the speaker has NET_RAW and nothing else', async () => {
    const [pid = 0] = await c.pidsOf('speaker');
    const status = await processStatus(pid);
    expect(status).toMatchObject({ CapEff: CAP_NET_RAW, CapPrm: CAP_NET_RAW, CapBnd: CAP_NET_RAW, NoNewPrivs: 1n });
    expect(await rootIsReadOnly(pid)).toBe(true);
  });
});

describe('the service accounts', () => {
  test.each([
    { account: 'controller', verb: 'get', resource: 'secrets' },
    { account: 'controller', verb: 'update', resource: 'services' },
    { account: 'controller', verb: 'delete', resource: 'services' },
    { account: 'controller', verb: 'create', resource: 'pods' },
    { account: 'controller', verb: 'patch', resource: 'nodes' },
    { account: 'controller', verb: 'update', resource: 'ipaddresspools.metallb.io' },
    { account: 'controller', verb: 'patch', resource: 'leases.coordination.k8s.io' },
    { account: 'speaker', verb: 'update', resource: 'secrets' },
    { account: 'speaker', verb: 'patch', resource: 'services', subresource: 'status' },
    { account: 'speaker', verb: 'create', resource: 'pods' },
    { account: 'speaker', verb: 'patch', resource: 'nodes' },
    { account: 'speaker', verb: 'update', resource: 'ipaddresspools.metallb.io' },
  ])('$account may not $verb $resource', async ({ account, verb, resource, subresource }) => {
    expect(await can(account, verb, resource, subresource)).toBe('no');
  });

  test.each([
    { account: 'controller', verb: 'watch', resource: 'services' },
    { account: 'controller', verb: 'patch', resource: 'services', subresource: 'status' },
    { account: 'controller', verb: 'watch', resource: 'leases.coordination.k8s.io/controller' },
    { account: 'controller', verb: 'patch', resource: 'leases.coordination.k8s.io/controller' },
    { account: 'speaker', verb: 'watch', resource: 'endpointslices.discovery.k8s.io' },
    // Passwords of BGP peers, in its own namespace.
    { account: 'speaker', verb: 'list', resource: 'secrets' },
    { account: 'speaker', verb: 'create', resource: 'servicel2statuses.metallb.io' },
    { account: 'speaker', verb: 'patch', resource: 'servicel2statuses.metallb.io', subresource: 'status' },
    { account: 'speaker', verb: 'create', resource: 'bgpsessionstatuses.metallb.io' },
    { account: 'speaker', verb: 'patch', resource: 'bgpsessionstatuses.metallb.io', subresource: 'status' },
  ])('$account may $verb $resource, which it needs', async ({ account, verb, resource, subresource }) => {
    expect(await can(account, verb, resource, subresource)).toBe('yes');
  });
});

async function can(account: string, verb: string, resource: string, subresource?: string): Promise<string> {
  const { stdout } = await execa(
    c.handle.bin.kubectl,
    [
      'auth',
      'can-i',
      verb,
      resource,
      ...(subresource === undefined ? [] : ['--subresource', subresource]),
      '-n',
      'metallb-system',
      '--as',
      `system:serviceaccount:metallb-system:${account}`,
    ],
    { env: { KUBECONFIG: c.handle.kubeconfigPath }, reject: false },
  );
  return stdout.trim();
}

async function processStatus(pid: number): Promise<Record<string, bigint | number>> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8');
  const field = (name: string): string => new RegExp(`^${name}:\\s+(\\S+)`, 'm').exec(text)?.[1] ?? '';
  const hex = (name: string): bigint => BigInt(`0x${field(name)}`);
  return {
    uid: Number(field('Uid')),
    CapEff: hex('CapEff'),
    CapPrm: hex('CapPrm'),
    CapBnd: hex('CapBnd'),
    NoNewPrivs: BigInt(field('NoNewPrivs')),
  };
}

async function rootIsReadOnly(pid: number): Promise<boolean> {
  const mounts = await readFile(`/proc/${pid}/mounts`, 'utf8');
  return mounts.split('\n').some((line) => {
    const [, where, , options] = line.split(' ');
    return where === '/' && options?.split(',').includes('ro') === true;
  });
}
