/** The installer against a real cluster: what it refuses and how it says so, what it previews, and the other ways in. */
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execa } from 'execa';
import { createUserKubeconfig } from '../../src/sandbox/sandbox.ts';
import { type Cluster, cluster, install, root } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';

const SOON_MS = 20_000;

let c: Cluster;
let temporary: string;
beforeAll(async () => {
  c = await cluster();
  temporary = await mkdtemp(path.join(os.tmpdir(), 'metallb-e2e-'));
});
afterAll(async () => {
  await rm(temporary, { recursive: true, force: true });
});

/** Two lines, the exit code, and not one object written. */
async function refused(args: readonly string[], exitCode: number, want: readonly RegExp[], cwd = root): Promise<void> {
  const before = await state();
  const run = await install(['addon', 'metallb', ...args], cwd);
  const told = run.output.split('\n').filter((line) => /^(error:| {2}hint:)/.test(line));
  expect(told.filter((line) => line.startsWith('error:'))).not.toHaveLength(0);
  expect(told.at(-1)).toMatch(/^ {2}hint: \S/);
  for (const pattern of want) expect(run.output).toMatch(pattern);
  expect(run.exitCode).toBe(exitCode);
  expect(await state()).toEqual(before);
}

/** The addon's objects with their versions, statuses aside. */
async function state(): Promise<readonly string[]> {
  const kinds = 'ipaddresspools,l2advertisements,bgppeers,bgpadvertisements,deployments,daemonsets,secrets,configmaps';
  const objects = await c.list(kinds, '-n', 'metallb-system');
  const listed = objects.map(({ kind, metadata, spec }) => `${kind} ${metadata.name} ${JSON.stringify(spec)}`);
  expect(listed.length).toBeGreaterThan(3);
  return listed.sort();
}

describe('bad input: two lines, an exit code, nothing half-applied', () => {
  test('a missing inventory', () => refused(['-i', '/nowhere'], 4, [/\/nowhere/]), 60_000);

  test('a malformed hosts file, by file and line', async () => {
    const inventory = await copyInventory('malformed', { hosts: (text) => `${text}\n[broken\n` });
    await refused(['-i', inventory], 4, [/hosts:\d+/]);
  }, 60_000);

  test.each([
    {
      name: 'an unknown variable, with the nearest known',
      set: 'metallb_vip_pol=x',
      want: /metallb_vip_pol .*metallb_vip_pool/,
    },
    { name: 'an unknown protocol', set: 'metallb_protocol=ospf', want: /metallb_protocol is "ospf"/ },
    { name: 'an empty pool', set: 'metallb_vip_pool=', want: /metallb_vip_pool/ },
    { name: 'a malformed pool', set: 'metallb_vip_pool=10.6.204.300/24', want: /10\.6\.204\.300/ },
    { name: 'a reversed pool', set: 'metallb_vip_pool=10.6.204.30-10.6.204.20', want: /reversed/ },
  ])('$name', ({ set, want }) => refused(['-i', c.inventory, '-e', set], 4, [want]), 60_000);

  test('overlapping pools, by file and line', async () => {
    const inventory = await copyInventory('overlap', {
      'config.yml': (text) =>
        `${text}\nmetallb_pools:\n  - name: other\n    addresses: ["${c.network}.21-${c.network}.40"]\n`,
    });
    await refused(['-i', inventory], 4, [/overlap/, /config\.yml:\d+/]);
  }, 60_000);

  test(
    'a layer-2 pool outside every node’s subnet',
    () => refused(['-i', c.inventory, '-e', 'metallb_vip_pool=192.0.2.10-192.0.2.20'], 4, [/192\.0\.2\.10.*subnet/]),
    60_000,
  );

  test('no reachable cluster', async () => {
    const kubeconfig = path.join(temporary, 'unreachable');
    const text = await readFile(c.handle.kubeconfigPath, 'utf8');
    await writeFile(kubeconfig, text.replace(/server: .*/, 'server: https://127.0.0.1:1'));
    await refused(['-i', c.inventory, '-e', `metallb_kubeconfig=${kubeconfig}`], 6, [/127\.0\.0\.1:1/]);
  }, 60_000);

  test('no permission', async () => {
    const kubeconfig = await createUserKubeconfig(c.handle, 'reader', ['nobody']);
    await refused(['-i', c.inventory, '-e', `metallb_kubeconfig=${kubeconfig}`], 7, [/forbidden|may not/]);
  }, 60_000);

  test('no helm', () => refused(['-i', c.inventory, '-e', 'metallb_helm=/no/helm'], 3, [/\/no\/helm/]), 60_000);

  test(
    'no image file',
    () => refused(['-i', c.inventory, '-e', 'metallb_offline=/no/image.tar'], 8, [/\/no\/image\.tar/]),
    60_000,
  );

  test.each([
    {
      name: 'an unclosed block',
      edit: (text: string) => text.replace(/{{\/each}}\s*$/, ''),
      want: /layer2\.yaml\.hbs:\d+/,
    },
    {
      name: 'a variable nobody has',
      edit: (text: string) => text.replace('{{yaml autoAssign}}', '{{yaml autoAsign}}'),
      want: /layer2\.yaml\.hbs.*autoAsign/,
    },
    {
      name: 'a field the resource does not have',
      edit: (text: string) => text.replace('  addresses:', '  adresses:'),
      want: /layer2\.yaml\.hbs.*\n?.*adresses/,
    },
  ])(
    'a hand-edited template with $name, by line',
    async ({ edit, want }) => {
      const project = await copyProject();
      const template = path.join(project, 'roles/cluster-addon/templates/metallb/layer2.yaml.hbs');
      await writeFile(template, edit(await readFile(template, 'utf8')));
      const before = await state();
      const run = await runIn(project, ['addon', 'metallb', '-i', c.inventory]);
      expect(run.output).toMatch(want);
      expect(run.output).toMatch(/^ {2}hint: \S/m);
      expect(run.exitCode).toBe(5);
      expect(await state()).toEqual(before);
    },
    60_000,
  );
});

describe('--check', () => {
  test('says what would change and writes nothing', async () => {
    const before = await state();
    const range = `${c.network}.20-${c.network}.30`;
    const run = await install(['addon', 'metallb', '-i', c.inventory, '--check', '-e', `metallb_vip_pool=${range}`]);
    expect(run.output).toContain('IPAddressPool metallb-system/default');
    expect(run.output).toContain(range);
    expect(run.exitCode).toBe(0);
    expect(await state()).toEqual(before);
  }, 60_000);
});

describe('a hand-edited template', () => {
  test('is applied as it stands', async () => {
    const project = await copyProject();
    const template = path.join(project, 'roles/cluster-addon/templates/metallb/layer2.yaml.hbs');
    const extra = `
---
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: { name: by-hand, namespace: metallb-system }
spec: { addresses: ["${c.network}.40/32"], autoAssign: false }
`;
    await writeFile(template, (await readFile(template, 'utf8')) + extra);
    expect(await runIn(project, ['addon', 'metallb', '-i', c.inventory])).toMatchObject({ exitCode: 0 });
    expect((await c.get('ipaddresspool', '-n', 'metallb-system', 'by-hand')).spec.autoAssign).toBe(false);
    // Without it again: what is no longer in the template goes.
    expect(await install(['addon', 'metallb', '-i', c.inventory])).toMatchObject({ exitCode: 0 });
    expect(await c.list('ipaddresspools', '-n', 'metallb-system')).toHaveLength(1);
  }, 120_000);
});

describe('switching layer2 to bgp where no router is', () => {
  test('takes nothing away, says which session fails, and is undone by switching back', async () => {
    const inventory = await copyInventory('bgp', {
      'config.yml': (text) =>
        `${text.replace(/^metallb_protocol:.*$/m, 'metallb_protocol: "bgp"')}
metallb_wait_seconds: 30
metallb_bgp_my_asn: 64512
metallb_peers:
  - { name: router, peer_asn: 64513, peer_address: "${c.network}.254" }
`,
    });
    const to = await install(['addon', 'metallb', '-i', inventory]);
    expect(to.output).toMatch(/after 30 s [0-9]+ of [0-9]+ Services are not announced by BGP: .*nginx/);
    expect(to.output).toMatch(/BGP session of node \S+ with "router" \(\S+\.254\) is not established: ./);
    expect(to.exitCode).toBe(9);
    expect(await c.list('l2advertisements', '-n', 'metallb-system')).toHaveLength(1);
    expect((await c.list('bgppeers', '-n', 'metallb-system'))[0]?.spec).toMatchObject({ myASN: 64512, peerASN: 64513 });
    expect(await c.externalIp('nginx')).toBe(`${c.network}.20`);
    await c.reachable('client', `${c.network}.20`, SOON_MS);

    const back = await install(['addon', 'metallb', '-i', c.inventory]);
    expect(back.exitCode).toBe(0);
    expect(await c.list('bgppeers', '-n', 'metallb-system')).toEqual([]);
    await c.reachable('client', `${c.network}.20`, SOON_MS);
  }, 180_000);
});

describe('the other ways in', () => {
  test('the playbook finds everything in place', async () => {
    const { stdout } = await execa('sh', ['src/bootstrap.sh', 'playbooks/07.cluster-addon.ts', '-i', c.inventory], {
      cwd: root,
      stdin: 'ignore',
    });
    expect(stdout).toContain('0 objects changed');
  }, 60_000);

  test('plain YAML instead of a Helm release', async () => {
    expect(await install(['addon', 'metallb', '-i', c.inventory, '--remove'])).toMatchObject({ exitCode: 0 });
    const yaml = ['addon', 'metallb', '-i', c.inventory, '-e', 'metallb_install_method=yaml'];
    expect(await install(yaml)).toMatchObject({ exitCode: 0 });
    expect(await c.list('secrets', '-n', 'metallb-system', '-l', 'owner=helm')).toEqual([]);
    await waitFor('the address', async () => (await c.externalIp('nginx')) === `${c.network}.20`, {
      withinMs: SOON_MS,
    });
    await c.reachable('client', `${c.network}.20`, SOON_MS);
    const again = await install(yaml);
    expect(again.output).toContain('up to date');
    expect(await install([...yaml, '--remove'])).toMatchObject({ exitCode: 0 });
    expect(await install(['addon', 'metallb', '-i', c.inventory])).toMatchObject({ exitCode: 0 });
    await c.reachable('client', `${c.network}.20`, SOON_MS);
  }, 300_000);
});

/** A copy of the cluster's inventory with some files edited. */
async function copyInventory(name: string, edits: Readonly<Record<string, (text: string) => string>>): Promise<string> {
  const folder = path.join(temporary, name);
  await cp(c.inventory, folder, { recursive: true });
  for (const [file, edit] of Object.entries(edits)) {
    const target = path.join(folder, file);
    await writeFile(target, edit(await readFile(target, 'utf8')));
  }
  return folder;
}

/** A copy of this project that a test may edit; its packages are the same. */
async function copyProject(): Promise<string> {
  const folder = await mkdtemp(path.join(temporary, 'project-'));
  for (const part of ['install', 'package.json', 'package-lock.json', 'src', 'roles', 'image', 'inventory.example']) {
    await cp(path.join(root, part), path.join(folder, part), { recursive: true, preserveTimestamps: true });
  }
  await symlink(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
  return folder;
}

async function runIn(project: string, args: readonly string[]): Promise<{ exitCode: number; output: string }> {
  const { exitCode, all } = await execa(path.join(project, 'install'), args, {
    cwd: project,
    reject: false,
    all: true,
    stdin: 'ignore',
    env: { NO_COLOR: '1' },
  });
  return { exitCode: exitCode ?? -1, output: all ?? '' };
}
