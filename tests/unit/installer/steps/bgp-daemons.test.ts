/** Before BGP is installed: another BGP daemon of a node that has the port, or the router, which the speaker is to have. */
import { describe, expect, test } from '@jest/globals';
import { checkBgpDaemons } from '../../../../src/installer/steps/bgp-daemons.ts';
import type { NodeShell } from '../../../../src/installer/steps/node-shell.ts';
import { parseSockets, socketsScript } from '../../../../src/installer/steps/node-sockets.ts';
import { readClusterFacts } from '../../../../src/installer/steps/preflight.ts';
import { makePlan } from '../plan/make-plan.ts';
import { linesOf } from './failure.ts';
import { clusterNode, FakeCluster, pod } from './fake-cluster.ts';

const POD = '1f91989e-41f4-490a-93ce-8424c08e1af6';
const HEADER = 'State  Recv-Q Send-Q Local Address:Port  Peer Address:PortProcess';
const BIRD_LISTENS = 'LISTEN 0      8            0.0.0.0:179        0.0.0.0:*    users:(("bird",pid=71,fd=7))';
const BIRD_TALKS = 'ESTAB  0      0         10.6.204.2:40312 10.6.204.254:179  users:(("bird",pid=71,fd=9))';
const cgroupfs = (pid: number): string => `pid=${pid} 9:name=systemd:/kubepods/burstable/pod${POD}/8f7b8fb1ec 0::/ `;
const systemd = (pid: number): string =>
  `pid=${pid} 0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${POD.replaceAll('-', '_')}.slice/cri-containerd-8f7b.scope `;

const BGP = `metallb_vip_pool: "10.9.0.16/28"
metallb_protocol: bgp
metallb_bgp_my_asn: 64512
`;
const PEERS = 'metallb_peers: [{name: tor, peer_asn: 64513, peer_address: 10.6.204.254}]\n';
const LISTENING = `${BGP}${PEERS}metallb_bgp_listen_port: 179\n`;

/** What ss prints, by the node's address; "": nothing; undefined: ssh does not reach it. */
type Sockets = Readonly<Record<string, string | undefined>>;
const NOBODY: Sockets = { '10.6.204.1': '', '10.6.204.2': '', '10.6.204.3': '' };

async function check(config: string, sockets: Sockets, rack?: string): Promise<readonly string[]> {
  const nodes = ['master', 'n1', 'n2'].map((name, index) => clusterNode(name, `10.6.204.${index + 1}`));
  const labelled = nodes.map((node) =>
    node.metadata.name === rack ? { ...node, metadata: { ...node.metadata, labels: { rack: 'a' } } } : node,
  );
  const speaker = pod('speaker', 'speaker-x');
  const cluster = new FakeCluster([...labelled, { ...speaker, metadata: { ...speaker.metadata, uid: POD } }]);
  const shell: NodeShell = async ({ address }) => {
    const told = sockets[address];
    return told === undefined
      ? { exitCode: undefined, stdout: '', stderr: 'ssh: connect: timed out' }
      : { exitCode: 0, stdout: [HEADER, told].join('\n'), stderr: '' };
  };
  return checkBgpDaemons(makePlan(config), await readClusterFacts(cluster), { cluster, shell });
}

describe('the port that the speaker is to listen at', () => {
  test('is another program’s: refused, with the nodes, the program and what to do', async () => {
    const taken = check(LISTENING, { ...NOBODY, '10.6.204.2': BIRD_LISTENS, '10.6.204.3': BIRD_LISTENS });
    expect(await linesOf(taken)).toEqual([
      'error: metallb_bgp_listen_port is 179, and another program listens there already: "bird" (pid 71) on 10.6.204.2, ' +
        '"bird" (pid 71) on 10.6.204.3; the speaker could not',
      '  hint: leave metallb_bgp_listen_port empty (the nodes open all sessions), choose another port, or stop that program',
      'exit 6',
    ]);
  });

  test('is that of a program which a login without root is not told', async () => {
    const taken = check(LISTENING, { ...NOBODY, '10.6.204.2': BIRD_LISTENS.replace(/users.*/, '') });
    expect((await linesOf(taken))[0]).toContain('a program on 10.6.204.2');
  });

  test.each([
    { name: 'nobody listens', config: LISTENING, socket: '' },
    { name: 'on another port', config: LISTENING.replace('179', '1179'), socket: BIRD_LISTENS },
    { name: 'the speaker is not to listen', config: `${BGP}${PEERS}`, socket: BIRD_LISTENS },
    {
      name: 'the speaker that runs has it (cgroupfs)',
      config: LISTENING,
      socket: `${BIRD_LISTENS.replace('bird', 'MainThread')}\n${cgroupfs(71)}`,
    },
    {
      name: 'a pod of MetalLB that is taken over has it (systemd)',
      config: LISTENING,
      socket: `${BIRD_LISTENS}\n${systemd(71)}`,
    },
    { name: 'layer 2 needs no port', config: 'metallb_vip_pool: "10.6.204.20/32"\n', socket: BIRD_LISTENS },
    {
      name: 'no speaker is to run there',
      config: `${LISTENING}metallb_speaker_node_selector: {rack: a}\n`,
      socket: BIRD_LISTENS,
    },
  ])('is no trouble: $name', async ({ config, socket }) => {
    expect(await check(config, { ...NOBODY, '10.6.204.2': socket }, 'n2')).toEqual([]);
  });

  test('is not known where a node could not be asked, and that is said', async () => {
    expect(await check(LISTENING, { '10.6.204.1': '' })).toEqual([
      'whether port 179 (metallb_bgp_listen_port) is free was not found out on 10.6.204.2, 10.6.204.3 (10.6.204.2: ssh: connect: timed out)',
    ]);
    expect(await check(`${BGP}${PEERS}`, {})).toEqual([]);
  });
});

describe('a session that another program holds with a router of ours', () => {
  const warned = (socket: string, peers = PEERS) => check(`${BGP}${peers}`, { ...NOBODY, '10.6.204.2': socket }, 'n2');

  test('is a warning, with the node, the program and what to do', async () => {
    expect(await warned(BIRD_TALKS)).toEqual([
      'config.yml:4: the router of the peer "tor", 10.6.204.254, has a session with "bird" (pid 71) on 10.6.204.2 already: ' +
        'it holds one with each address of a node, and refuses the speaker’s or ends the other; set source_address to ' +
        'another of the node’s addresses, give each its own routers or nodes (node_selectors), or let that program ' +
        'announce (docs/calico.md)',
    ]);
  });

  test.each([
    {
      name: 'that the router has opened',
      socket: BIRD_TALKS.replace(/10\.6\.204\.2:40312.*:179/, '10.6.204.2:179 10.6.204.254:40312'),
    },
    {
      name: 'over a socket of both families',
      socket: BIRD_TALKS.replace('10.6.204.254', '[::ffff:10.6.204.254]').replace(
        '10.6.204.2:',
        '[::ffff:10.6.204.2]:',
      ),
    },
    {
      name: 'over IPv6',
      socket: BIRD_TALKS.replace('10.6.204.254', '[fd00::fe]').replace('10.6.204.2:', '[fd00::2]:'),
      peers: PEERS.replace('10.6.204.254', '"fd00::fe"'),
    },
    {
      name: 'from the address that the speaker is to use',
      socket: BIRD_TALKS,
      peers: PEERS.replace('}', ', source_address: 10.6.204.2}'),
    },
  ])('counts: $name', async ({ socket, peers }) => {
    expect(await warned(socket, peers)).toEqual([expect.stringContaining('"bird" (pid 71) on 10.6.204.2')]);
  });

  test.each([
    { name: 'with another router', socket: BIRD_TALKS.replace('.254', '.253') },
    { name: 'at another port', socket: BIRD_TALKS, peers: PEERS.replace('}', ', peer_port: 1179}') },
    { name: 'that is not up yet', socket: BIRD_TALKS.replace('ESTAB', 'SYN-SENT') },
    { name: 'from another address', socket: BIRD_TALKS, peers: PEERS.replace('}', ', source_address: 10.7.0.2}') },
    {
      name: 'on a node that the peer is not for',
      socket: BIRD_TALKS,
      peers: PEERS.replace('}', ', node_selectors: [{matchLabels: {rack: a}}]}'),
    },
    { name: 'of a speaker that runs already', socket: `${BIRD_TALKS}\n${cgroupfs(71)}` },
  ])('does not count: $name', async ({ socket, peers }) => {
    expect(await warned(socket, peers)).toEqual([]);
  });
});

test('several programs of one socket, and a pod of each', () => {
  const line = 'LISTEN 0 8 *:179 *:* users:(("a",pid=1,fd=3),("b c",pid=2,fd=3))';
  expect(parseSockets([HEADER, line, systemd(2)].join('\n'))).toEqual([
    {
      kind: 'listening',
      port: 179,
      owners: [
        { program: 'a', pid: 1 },
        { program: 'b c', pid: 2, podUid: POD },
      ],
    },
  ]);
});

test('ss is asked for both sides of every port', () => {
  expect(socketsScript([179, 1179])).toContain(
    "ss -tanp '( sport = :179 or dport = :179 or sport = :1179 or dport = :1179 )'",
  );
});
