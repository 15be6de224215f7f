import { describe, expect, test } from '@jest/globals';
import type { PlannedNode } from '../../../../src/installer/plan/addon-plan.ts';
import type { NodeShell, ShellResult } from '../../../../src/installer/steps/node-shell.ts';
import { type ProbeTarget, probeAddresses } from '../../../../src/installer/steps/probe.ts';
import { parseProbe } from '../../../../src/installer/steps/probe-node.ts';
import { ip } from '../../../support/views.ts';

const VIP = ip('10.6.204.20');
const TARGET: ProbeTarget = { ip: VIP, announcedBy: ['n2'], near: ['n3'], ports: [80] };
const mac = (node: number): string => `02:00:00:00:00:0${node}`;
const ok = (stdout: string): ShellResult => ({ exitCode: 0, stdout, stderr: '' });
const DEAD: ShellResult = { exitCode: undefined, stdout: '', stderr: 'ssh: connect: No route to host' };

interface Call {
  readonly node: string;
  readonly kind: 'probe' | 'macs';
  readonly timeoutMs: number | undefined;
}

/** Nodes n1 … n4, each with a MAC address of its number; `probe` says what a node sees, or how it fails. */
function network(probe: (node: string) => ShellResult, unreachable: readonly string[] = []) {
  const calls: Call[] = [];
  const nodes = ['n1', 'n2', 'n3', 'n4'].map((name) => ({ name, node: { name } as PlannedNode }));
  const shell: NodeShell = async ({ name }, script, options = {}) => {
    const kind = script.includes('/sys/class/net/*/address') ? 'macs' : 'probe';
    calls.push({ node: name, kind, timeoutMs: options.timeoutMs });
    if (unreachable.includes(name)) return DEAD;
    if (kind === 'probe') return probe(name);
    return { exitCode: 1, stdout: `00:00:00:00:00:00\n${mac(Number(name.slice(1)))}\n`, stderr: 'cat: tunl0' };
  };
  return { calls, nodes, shell, told: () => calls.map(({ node, kind }) => `${kind} ${node}`) };
}

function sees(...nodes: readonly number[]): ShellResult {
  const answers = nodes.map((node) => ({ mac: mac(node), ms: 0.2 }));
  const tcp = nodes.map((node) => ({ mac: mac(node), port: 80, result: 'open', ms: 0.5 }));
  return ok(JSON.stringify({ interface: 'eth0', source: '10.6.204.3', answers, tcp }));
}

describe('an address is looked at', () => {
  test('from a near node that does not announce it, and the announcing one is asked for its MAC addresses first', async () => {
    const { nodes, shell, told } = network(() => sees(2));
    const [finding] = await probeAddresses([TARGET], nodes, shell);
    expect(finding).toMatchObject({
      outcome: 'answered',
      inOrder: true,
      from: 'n3',
      macs: [{ mac: mac(2), node: 'n2' }],
    });
    expect(told()).toEqual(['probe n3', 'macs n2']);
  });

  test('the others are asked only when the answer is not the announcing node’s', async () => {
    const { nodes, shell, told } = network(() => sees(4));
    const [finding] = await probeAddresses([TARGET], nodes, shell);
    expect(finding).toMatchObject({ outcome: 'answered-by-another-node', macs: [{ node: 'n4' }] });
    expect(told()).toEqual(['probe n3', 'macs n2', 'macs n1', 'macs n3', 'macs n4']);
  });

  test('a MAC address that nobody has is a foreign host’s', async () => {
    const { nodes, shell } = network(() => sees(9));
    expect(await probeAddresses([TARGET], nodes, shell)).toMatchObject([{ outcome: 'answered-by-foreign-host' }]);
  });

  test('unless a node could not be asked', async () => {
    const { nodes, shell } = network(() => sees(9), ['n4']);
    const [finding] = await probeAddresses([TARGET], nodes, shell);
    expect(finding?.outcome).toBe('answered-by-unknown-host');
    expect(finding?.message).toContain('n4 could not');
  });

  test('from the next node where one cannot ask', async () => {
    const answers: Record<string, ShellResult> = {
      n1: { exitCode: 127, stdout: '', stderr: 'sudo: a password is required' },
      n3: ok('{"error":"no-interface-in-subnet"}'),
      n4: sees(2),
    };
    const { nodes, shell, told } = network((node) => answers[node] ?? DEAD);
    const [finding] = await probeAddresses([TARGET], nodes, shell);
    expect(finding).toMatchObject({ outcome: 'answered', from: 'n4' });
    expect(told().slice(0, 3)).toEqual(['probe n3', 'probe n1', 'probe n4']);
  });

  test('by nobody: each reason is told', async () => {
    const answers: Record<string, ShellResult> = {
      n1: ok('{"error":"not-permitted"}'),
      n3: ok('{"error":"no-python"}'),
      n4: ok('bash: something odd'),
    };
    const { nodes, shell } = network((node) => answers[node] ?? DEAD, []);
    const [finding] = await probeAddresses([TARGET], nodes, shell);
    expect(finding?.message).toBe(
      'no node could ask: n3: has no Python, and its kernel holds the address itself (kube-proxy in ipvs mode); ' +
        'n1: may not open packet sockets (log in as root, or set ansible_become); n4: bash: something odd',
    );
  });

  test('every call has a time limit that grows with the ports', async () => {
    const { nodes, shell, calls } = network(() => sees(2));
    await probeAddresses([TARGET, { ...TARGET, ports: Array.from({ length: 50 }, (_, i) => i + 1) }], nodes, shell);
    const limits = calls.filter(({ kind }) => kind === 'probe').map(({ timeoutMs }) => timeoutMs);
    // 20 ports at most.
    expect(limits).toEqual([18_000, 56_000]);
    expect(calls.every(({ timeoutMs }) => timeoutMs !== undefined)).toBe(true);
  });

  test('from nowhere where the inventory has just the announcing node', async () => {
    const { nodes, shell } = network(() => sees(2));
    const [finding] = await probeAddresses([TARGET], nodes.slice(1, 2), shell);
    expect(finding?.message).toBe('no node could ask: the inventory has none beside the announcing one');
  });
});

test.each([
  { name: 'nothing', given: '', want: { error: 'failed', detail: '' } },
  { name: 'null', given: 'null', want: { error: 'failed', detail: 'null' } },
  {
    name: 'a failure',
    given: '{"error":"failed","detail":"OSError: x"}',
    want: { error: 'failed', detail: 'OSError: x' },
  },
  {
    name: 'odd answers, which are left out',
    given:
      '{"interface":"eth0","answers":[{"mac":"x"},{}],"tcp":[{"mac":"02:00:00:00:00:02","port":"80","result":"open"}]}',
    want: { interface: 'eth0', answers: [], tcp: [] },
  },
  { name: 'no ports', given: '{"interface":"eth0","answers":[]}', want: { interface: 'eth0', answers: [] } },
])('what a node prints is not trusted: $name', ({ given, want }) => {
  expect(parseProbe(given)).toEqual(want);
});
