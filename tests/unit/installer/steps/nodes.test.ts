import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { PlannedNode } from '../../../../src/installer/plan/addon-plan.ts';
import { normalizeReference, readImageArchive } from '../../../../src/installer/steps/image-archive.ts';
import { findArchivedImage, loadImage, nodesWithoutImage } from '../../../../src/installer/steps/load-image.ts';
import { type NodeShell, nodeCommand, quoteWord } from '../../../../src/installer/steps/node-shell.ts';
import { checkPoolSubnets, parseIpAddr, readNodeSubnets } from '../../../../src/installer/steps/node-subnets.ts';
import { formatRange } from '../../../../src/runtime/model/range.ts';
import { makePlan } from '../plan/make-plan.ts';
import { linesOf } from './failure.ts';

const POOL = 'metallb_vip_pool: "10.6.204.20-10.6.204.22"\n';
const directory = mkdtempSync(path.join(tmpdir(), 'metallb-archive-'));
afterAll(() => rmSync(directory, { recursive: true }));

function tar(members: Record<string, unknown>): Buffer {
  const blocks = Object.entries(members).flatMap(([name, value]) => {
    const content = Buffer.from(JSON.stringify(value));
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
    header.write('        ', 148);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    return [header, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

function file(name: string, content: Buffer | string): string {
  const full = path.join(directory, name);
  writeFileSync(full, content);
  return full;
}

const MANIFEST = `sha256:${'a'.repeat(64)}`;
const CONFIG = `sha256:${'b'.repeat(64)}`;
const OCI = tar({
  'index.json': {
    manifests: [
      { digest: MANIFEST, annotations: { 'org.opencontainers.image.ref.name': 'localhost/metallb-addon:v0.1.0' } },
    ],
  },
  [`blobs/sha256/${'a'.repeat(64)}`]: { config: { digest: CONFIG } },
});

describe('image archives', () => {
  test('an OCI archive gives both digests', async () => {
    expect(await readImageArchive(file('oci.tar', OCI))).toEqual([
      { reference: 'localhost/metallb-addon:v0.1.0', manifestDigest: MANIFEST, configDigest: CONFIG },
    ]);
  });

  test('one of docker save gives the configuration’s', async () => {
    const content = tar({ 'manifest.json': [{ Config: `${'b'.repeat(64)}.json`, RepoTags: ['metallb-addon:v1'] }] });
    expect(await readImageArchive(file('docker.tar', content))).toEqual([
      { reference: 'docker.io/library/metallb-addon:v1', configDigest: CONFIG },
    ]);
  });

  const rows: readonly { name: string; content: Buffer | string; want: string }[] = [
    { name: 'text', content: 'x'.repeat(600), want: 'it is not a tar file' },
    {
      name: 'compressed',
      content: Buffer.concat([Buffer.from([0x1f, 0x8b]), Buffer.alloc(600, 1)]),
      want: 'it is compressed: gunzip it first',
    },
    { name: 'empty', content: '', want: 'it has neither index.json nor manifest.json' },
    { name: 'some other tar', content: tar({ 'a.json': {} }), want: 'it has neither index.json nor manifest.json' },
  ];
  test.each(rows)('refused: $name', async ({ name, content, want }) => {
    await expect(readImageArchive(file(`${name}.bad`, content))).rejects.toThrow(want);
  });

  test('an archive without the wanted image says what it holds', async () => {
    const archive = file('oci2.tar', OCI);
    const { image } = makePlan(`${POOL}metallb_offline: ${archive}\nmetallb_ver: v9`);
    expect(await linesOf(findArchivedImage(image))).toEqual([
      `error: config.yml:2: the image archive ${archive} holds localhost/metallb-addon:v0.1.0, not localhost/metallb-addon:v9`,
      '  hint: set metallb_ver (and metallb_image_repository) to what the archive holds, or make the archive anew',
      'exit 8',
    ]);
  });

  test('an archive that is not there', async () => {
    const { image } = makePlan(`${POOL}metallb_offline: gone.tar`);
    expect((await linesOf(findArchivedImage(image)))[0]).toBe(
      'error: config.yml:2: the image archive /inv/gone.tar is not there',
    );
  });

  test('names without a registry are Docker Hub’s', () => {
    expect(['a:1', 'u/a:1', 'localhost/a:1', 'r.io/a:1', 'r:5000/a:1'].map(normalizeReference)).toEqual([
      'docker.io/library/a:1',
      'docker.io/u/a:1',
      'localhost/a:1',
      'r.io/a:1',
      'r:5000/a:1',
    ]);
  });
});

describe('loading', () => {
  const image = { reference: 'localhost/metallb-addon:v0.1.0', manifestDigest: MANIFEST, configDigest: CONFIG };
  const input = (shell: NodeShell) => ({
    image,
    archivePath: '/img.tar',
    nodes: makePlan(POOL).nodes,
    runtimeOf: () => 'containerd' as const,
    shell,
  });

  test('only nodes without exactly this image get it, in the inventory’s order', async () => {
    const streamed: string[] = [];
    const shell: NodeShell = async (node, _script, options) => {
      if (options?.inputFile !== undefined) streamed.push(node.name);
      const digest = node.name === '10.6.204.2' ? MANIFEST : `sha256:${'c'.repeat(64)}`;
      return { exitCode: 0, stdout: `REF TYPE DIGEST\n${image.reference} t ${digest} 1 MiB`, stderr: '' };
    };
    const missing = await nodesWithoutImage(input(shell));
    expect(missing.map(({ name }) => name)).toEqual(['10.6.204.1', '10.6.204.3']);
    await loadImage(input(shell), missing);
    expect(streamed.sort()).toEqual(['10.6.204.1', '10.6.204.3']);
  });

  test('a node that ssh does not reach is named with its line', async () => {
    const shell: NodeShell = async () => ({
      exitCode: undefined,
      stdout: '',
      stderr: 'Permission denied (publickey).',
    });
    expect(await linesOf(nodesWithoutImage(input(shell)))).toEqual([
      'error: the node 10.6.204.1 (hosts:2) is not reached over ssh: Permission denied (publickey).',
      '  hint: `ssh root@10.6.204.1 true` must work without a question; see ansible_user, ansible_port and ansible_ssh_private_key_file',
      'exit 8',
    ]);
  });
});

describe('ssh', () => {
  const node = (hosts: string): PlannedNode => {
    const [first] = makePlan(POOL, `[kube_node]\n${hosts}\n`).nodes;
    if (first === undefined) throw new Error('no node');
    return first;
  };

  test('the inventory’s options come first, the script is one word', () => {
    const hosts = `n1 ansible_host=10.0.0.1 ansible_user=ops ansible_become=yes ansible_port=2222 ansible_ssh_private_key_file=key ansible_ssh_common_args='-o A=b'`;
    expect(nodeCommand(node(hosts), "echo 'a b' && id")).toEqual([
      ...[
        'ssh',
        '-o',
        'A=b',
        '-o',
        'BatchMode=yes',
        '-o',
        'ConnectTimeout=5',
        '-o',
        'StrictHostKeyChecking=accept-new',
      ],
      ...[
        '-o',
        'ServerAliveInterval=10',
        '-o',
        'ServerAliveCountMax=3',
        '-p',
        '2222',
        '-i',
        '/inv/key',
        '-l',
        'ops',
        '--',
      ],
      ...['10.0.0.1', `sudo -n sh -c 'echo '\\''a b'\\'' && id'`],
    ]);
  });

  test('a local connection needs no ssh', () => {
    expect(nodeCommand(node('n1 ansible_connection=local'), 'id')).toEqual(['sh', '-c', 'id']);
  });

  test('a quoted word has no end inside', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const quoted = quoteWord(text);
        // Outside of '…' and \' there is nothing that a shell would read.
        expect(quoted.replaceAll(/'[^']*'|\\'/g, '')).toMatch(/^[\w./:=@%+,-]*$/);
      }),
    );
  });
});

describe('the nodes’ subnets', () => {
  const OUTPUT = `1: lo    inet 127.0.0.1/8 scope host lo
2: eth0    inet 10.6.204.2/24 brd 10.6.204.255 scope global eth0
2: eth0    inet6 fd00::2/64 scope global
2: eth0    inet6 fe80::1/64 scope link
3: docker0    inet 172.17.0.1/16 brd 172.17.255.255 scope global docker0
4: bond0    inet 192.168.7.9/32 scope global bond0
`;
  test('are those of LAN interfaces', () => {
    expect(parseIpAddr(OUTPUT).map(formatRange)).toEqual(['10.6.204.0/24', 'fd00::/64']);
  });

  const answer =
    (stdout: string): NodeShell =>
    async () => ({ exitCode: 0, stdout, stderr: '' });
  const silent: NodeShell = async () => ({ exitCode: undefined, stdout: '', stderr: 'Connection refused' });
  const check = async (config: string, shell: NodeShell): Promise<readonly string[]> => {
    const plan = makePlan(config);
    return checkPoolSubnets(plan, await readNodeSubnets(plan.nodes, shell, (node) => [node.address]));
  };

  test('a pool within one is fine', async () => {
    expect(await check(POOL, answer(OUTPUT))).toEqual([]);
  });

  test('a pool outside all of them is refused', async () => {
    expect(await linesOf(check('metallb_vip_pool: 10.9.0.0/24', answer(OUTPUT)))).toEqual([
      'error: config.yml:1: 10.9.0.0/24 of the pool "default" is not within any subnet of the nodes (10.6.204.0/24, fd00::/64)',
      '  hint: with layer2 a pool must lie in a subnet of the nodes; choose free addresses there, or use metallb_protocol "bgp"',
      'exit 4',
    ]);
  });

  test('a guess only warns', async () => {
    expect(await check(POOL, silent)).toEqual([]);
    expect(await check('metallb_vip_pool: 10.9.0.0/24', silent)).toEqual([
      'config.yml:1: 10.9.0.0/24 of the pool "default" is not within what is known of the nodes’ subnets (10.6.204.0/24); set metallb_node_subnets to be sure; 10.6.204.1 did not answer over ssh: Connection refused',
    ]);
  });
});
