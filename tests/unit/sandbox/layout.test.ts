/** An instance's names and addresses follow from its options alone. */
import { describe, expect, test } from '@jest/globals';
import { parseAddressRange, rangesOverlap } from '../../../src/runtime/model/range.ts';
import { SandboxError } from '../../../src/sandbox/errors.ts';
import { handleOf, layoutOfHandle } from '../../../src/sandbox/handle.ts';
import { formatInventory } from '../../../src/sandbox/inventory.ts';
import { namespacesOf, POD_CIDR6, planLayout, SERVICE_CIDR6 } from '../../../src/sandbox/layout.ts';

const stateRoot = '/state';

describe('the default layout', () => {
  const layout = planLayout({ stateRoot });

  test('has the addresses of the seed cluster', () => {
    expect(layout.nodes.map(({ name, ip, podCidr }) => [name, ip, podCidr])).toEqual([
      ['master', '10.6.204.1', '172.20.0.0/24'],
      ['node1', '10.6.204.2', '172.20.1.0/24'],
      ['node2', '10.6.204.3', '172.20.2.0/24'],
    ]);
    expect([layout.client.ip, layout.hostIp, layout.routerIp]).toEqual([
      '10.6.204.100',
      '10.6.204.250',
      '10.6.204.254',
    ]);
    expect(layout.apiServer).toBe('https://10.6.204.1:6443');
  });

  test('has an IPv6 address beside each IPv4 one, of the same digits', () => {
    expect(layout.nodes.map(({ ip6, podCidr6 }) => [ip6, podCidr6])).toEqual([
      ['fd00:10:6:204::1', 'fd00:172:20::/64'],
      ['fd00:10:6:204::2', 'fd00:172:20:1::/64'],
      ['fd00:10:6:204::3', 'fd00:172:20:2::/64'],
    ]);
    expect([layout.subnet6, layout.client.ip6, layout.hostIp6, layout.routerIp6]).toEqual([
      'fd00:10:6:204::/64',
      'fd00:10:6:204::100',
      'fd00:10:6:204::250',
      'fd00:10:6:204::254',
    ]);
    expect(layout.podCidrs).toEqual(['172.20.0.0/16', 'fd00:172:20::/48']);
    expect(layout.serviceCidrs).toEqual(['10.68.0.0/16', 'fd00:10:68::/112']);
  });

  test('names everything after the instance', () => {
    expect(namespacesOf(layout)).toEqual([
      'metallb-switch',
      'metallb-master',
      'metallb-node1',
      'metallb-node2',
      'metallb-client',
    ]);
    expect([layout.hostInterface, layout.cgroup, layout.stateDir]).toEqual([
      'sb-metallb',
      'sandbox-metallb',
      '/state/metallb',
    ]);
  });

  test('is written as an inventory in kubeasz’s shape, the master among the nodes', () => {
    const text = formatInventory(layout);
    expect(text).toContain("[kube_master]\n10.6.204.1 k8s_nodename='master'\n");
    expect(text).toContain(
      "[kube_node]\n10.6.204.1 k8s_nodename='master'\n10.6.204.2 k8s_nodename='node1'\n10.6.204.3 k8s_nodename='node2'\n",
    );
    expect(text).toContain(
      'SERVICE_CIDR="10.68.0.0/16,fd00:10:68::/112"\nCLUSTER_CIDR="172.20.0.0/16,fd00:172:20::/48"\n',
    );
    expect(text).toContain('ansible_ssh_private_key_file=/state/metallb/ssh/id_ed25519\n');
  });
});

describe('layouts asked for', () => {
  const accepted = [
    { name: 'one node', given: { nodes: 1 }, want: { subnet: '10.6.204.0/24', nodes: 1 } },
    { name: 'another subnet', given: { subnet: '10.99.0.0/24' }, want: { subnet: '10.99.0.0/24', nodes: 3 } },
    { name: 'host bits are dropped', given: { subnet: '10.99.0.7/24' }, want: { subnet: '10.99.0.0/24', nodes: 3 } },
    { name: 'a wide subnet', given: { subnet: '10.99.0.0/16' }, want: { subnet: '10.99.0.0/16', nodes: 3 } },
    {
      name: 'the longest name whose interface fits 15 characters',
      given: { name: 'abcdefghij-2' },
      want: { subnet: '10.6.204.0/24', nodes: 3 },
    },
  ];
  test.each(accepted)('$name', ({ given, want }) => {
    const layout = planLayout({ stateRoot, ...given });
    expect({ subnet: layout.subnet, nodes: layout.nodes.length }).toEqual(want);
    expect(layout.hostInterface.length).toBeLessThanOrEqual(15);
  });

  test('without IPv6', () => {
    const layout = planLayout({ stateRoot, families: 'ipv4' });
    expect([layout.subnet6, layout.nodes[0]?.ip6, layout.nodes[0]?.podCidr6, layout.client.ip6]).toEqual(
      Array(4).fill(undefined),
    );
    expect([layout.podCidrs, layout.serviceCidrs]).toEqual([['172.20.0.0/16'], ['10.68.0.0/16']]);
  });

  test('IPv6 networks of subnets that differ do not meet, and no LAN is the pods’ or the Services’', () => {
    const subnets = ['10.6.204.0/24', '10.6.205.0/24', '10.62.4.0/24', '10.215.0.0/16', '172.21.0.0/24', '10.6.8.0/24'];
    const networks = subnets.map((subnet) => planLayout({ stateRoot, subnet }).subnet6 ?? '');
    const ranges = [...networks, POD_CIDR6, SERVICE_CIDR6].map((network) => {
      const range = parseAddressRange(network);
      if (!range.ok) throw new Error(range.error);
      return range.value;
    });
    const meeting = ranges.flatMap((a, i) => ranges.slice(i + 1).filter((b) => rangesOverlap(a, b)));
    expect([ranges.length, meeting]).toEqual([8, []]);
  });

  test('a handle leads back to its layout', () => {
    for (const families of ['dual-stack', 'ipv4'] as const) {
      const layout = planLayout({ stateRoot, name: 'a', subnet: '10.99.0.0/16', nodes: 2, families });
      expect(layoutOfHandle(handleOf(layout, { kubectl: '/k', helm: '/h' }))).toEqual(layout);
    }
  });

  const refused = [
    { name: 'a name too long', given: { name: 'abcdefghijklm' }, want: /cannot name a sandbox/ },
    { name: 'a name with a slash', given: { name: 'a/b' }, want: /cannot name a sandbox/ },
    { name: 'a name that leads out of the folder', given: { name: '..' }, want: /cannot name a sandbox/ },
    { name: 'a name that ends in a dash', given: { name: 'a-' }, want: /cannot name a sandbox/ },
    { name: 'no nodes', given: { nodes: 0 }, want: /cannot have 0 nodes/ },
    { name: 'half a node', given: { nodes: 1.5 }, want: /cannot have 1.5 nodes/ },
    { name: 'not a number of nodes', given: { nodes: Number('three') }, want: /cannot have NaN nodes/ },
    { name: 'nodes up to the client’s address', given: { nodes: 100 }, want: /cannot have 100 nodes/ },
    { name: 'not a subnet', given: { subnet: 'lan' }, want: /it is not a CIDR/ },
    { name: 'a range', given: { subnet: '10.0.0.1-10.0.0.9' }, want: /it is not a CIDR/ },
    { name: 'IPv6', given: { subnet: 'fd00::/64' }, want: /it is not IPv4/ },
    { name: 'too small for .254', given: { subnet: '10.0.0.0/25' }, want: /hosts up to .254/ },
    { name: 'the Service network', given: { subnet: '10.68.3.0/24' }, want: /uses 10.68.0.0\/16 inside/ },
    { name: 'the pod network', given: { subnet: '172.20.3.0/24' }, want: /uses 172.20.0.0\/16 inside/ },
  ];
  test.each(refused)('refused: $name', ({ given, want }) => {
    const plan = () => planLayout({ stateRoot, ...given });
    expect(plan).toThrow(SandboxError);
    expect(plan).toThrow(want);
  });
});
