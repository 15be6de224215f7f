import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { KNOWN_VARIABLES } from '../../../../src/installer/plan/known-variables.ts';
import { makePlan, PROJECT, problemsOf, tryPlan } from './make-plan.ts';

const POOL = 'metallb_vip_pool: "10.6.204.20-10.6.204.22"\n';

describe('what is wrong is said with its line', () => {
  const rows: readonly { name: string; given: string; want: string[] }[] = [
    {
      name: 'a misspelt variable',
      given: `${POOL}metallb_vip_pol: x`,
      want: ['config.yml:2: there is no variable metallb_vip_pol (did you mean "metallb_vip_pool"?)'],
    },
    {
      name: 'a variable like no other',
      given: `${POOL}metallb_zzzzzzzzzzzz: x`,
      want: ['config.yml:2: there is no variable metallb_zzzzzzzzzzzz'],
    },
    {
      name: 'an unknown protocol',
      given: `${POOL}metallb_protocol: layer3`,
      want: [
        'config.yml:2: metallb_protocol is "layer3", it must be "layer2" or "bgp" or "calico" (did you mean "layer2"?)',
      ],
    },
    {
      name: 'an unknown election',
      given: `${POOL}metallb_election: hash`,
      want: ['config.yml:2: metallb_election is "hash", it must be "spread" or "metallb"'],
    },
    {
      name: 'no pool at all',
      given: 'metallb_protocol: layer2',
      want: [
        'config.yml: there is no address pool: set metallb_vip_pool (or metallb_pools) to the addresses that Services may get',
      ],
    },
    {
      name: 'an empty pool',
      given: 'metallb_vip_pool: ""',
      want: [
        'config.yml:1: there is no address pool: set metallb_vip_pool (or metallb_pools) to the addresses that Services may get',
      ],
    },
    {
      name: 'a reversed range',
      given: 'metallb_vip_pool: 10.6.204.22-10.6.204.20',
      want: [
        'config.yml:1: metallb_vip_pool: the range is reversed: 10.6.204.22 comes after 10.6.204.20; write 10.6.204.20-10.6.204.22',
      ],
    },
    {
      name: 'a single address',
      given: 'metallb_vip_pool: 10.6.204.20',
      want: ['config.yml:1: metallb_vip_pool: "10.6.204.20" is a single address: write 10.6.204.20/32'],
    },
    {
      name: 'a malformed list item',
      given: 'metallb_vip_pool:\n  - 10.6.204.32/29\n  - 10.6.204.300/29',
      want: ['config.yml:3: metallb_vip_pool[1]: "10.6.204.300/29" is not a CIDR: "10.6.204.300" is not an IP address'],
    },
    {
      name: 'two pools that overlap',
      given: `${POOL}metallb_pools:\n  - name: b\n    addresses:\n      - 10.6.204.16/29`,
      want: [
        'config.yml:5: 10.6.204.16/29 of the pool "b" overlaps 10.6.204.20-10.6.204.22 of the pool "default" (config.yml:1)',
      ],
    },
    {
      name: 'a pool without addresses',
      given: `${POOL}metallb_pools:\n  - name: b\n    addresses: []`,
      want: ['config.yml:4: the pool "b" has no addresses'],
    },
    {
      name: 'a pool without a name',
      given: `${POOL}metallb_pools:\n  - addresses: 10.1.0.0/24`,
      want: ['config.yml:3: metallb_pools[0].name is missing'],
    },
    {
      name: 'a second default pool',
      given: `${POOL}metallb_pools:\n  - {name: default, addresses: 10.1.0.0/24}`,
      want: ['config.yml:3: the pool name "default" belongs to metallb_vip_pool (config.yml:1): choose another'],
    },
    {
      name: 'a misspelt key of a pool',
      given: `${POOL}metallb_pools:\n  - name: b\n    adresses: 10.1.0.0/24`,
      want: [
        'config.yml:4: metallb_pools[0] has no key "adresses" (did you mean "addresses"?)',
        'config.yml:3: metallb_pools[0].addresses is missing',
      ],
    },
    {
      name: 'a bad object name',
      given: `${POOL}metallb_pools:\n  - {name: Web_1, addresses: 10.1.0.0/24}`,
      want: [
        'config.yml:3: metallb_pools[0].name "Web_1" cannot name a Kubernetes object: use lower-case letters, digits, "-" and "." only',
      ],
    },
    {
      name: 'outside the subnets that the inventory tells',
      given: `${POOL}metallb_node_subnets: 192.168.1.0/24`,
      want: [
        'config.yml:1: 10.6.204.20-10.6.204.22 of the pool "default" is not within the nodes\' subnets (metallb_node_subnets: 192.168.1.0/24)',
      ],
    },
    {
      name: 'a Jinja expression',
      given: `metallb_vip_pool: "{{ pool }}"`,
      want: [
        'config.yml:1: metallb_vip_pool holds a Jinja expression, which is not evaluated here: write the value itself',
      ],
    },
    {
      name: 'neither yes nor no',
      given: `${POOL}metallb_install: perhaps`,
      want: ['config.yml:2: metallb_install is "perhaps", it must be "yes" or "no"'],
    },
    {
      name: 'what a pool holds back',
      given: `${POOL}metallb_pools:\n  - name: b\n    addresses: 10.1.0.0/24\n    exclude_addresses: [10.1.0.300]\n    retention: 1d\n    quarantine: 9000h\n    on_conflict: reallocate\n    drain: MoveService\n    max_addresses_per_namespace: 0`,
      want: [
        'config.yml:5: metallb_pools[0].exclude_addresses[0]: "10.1.0.300" is no address (10.0.0.1), no CIDR (10.0.0.0/24) and no range (10.0.0.1-10.0.0.9)',
        ...[
          'config.yml:6: metallb_pools[0].retention is "1d"',
          'config.yml:7: metallb_pools[0].quarantine is "9000h"',
        ].map((start) => `${start}, it must be a time such as "24h", "10m" or "1h30m", at most 8760h`),
        'config.yml:8: metallb_pools[0].on_conflict is "reallocate", it must be "Keep" or "Reallocate" or "Defend" (did you mean "Reallocate"?)',
        'config.yml:9: metallb_pools[0].drain is "MoveService", it must be "NoNewAddresses" or "MoveServices" (did you mean "MoveServices"?)',
        'config.yml:10: metallb_pools[0].max_addresses_per_namespace is 0, it must be a number from 1 to 1000000',
      ],
    },
    {
      name: 'what the default pool holds back',
      given: `${POOL}metallb_exclude_addresses: [10.6.204.20, x]\nmetallb_retention: 1.5h\nmetallb_quarantine: -5m`,
      want: [
        'config.yml:2: metallb_exclude_addresses[1]: "x" is no address (10.0.0.1), no CIDR (10.0.0.0/24) and no range (10.0.0.1-10.0.0.9)',
        ...['config.yml:3: metallb_retention is "1.5h"', 'config.yml:4: metallb_quarantine is "-5m"'].map(
          (start) => `${start}, it must be a time such as "24h", "10m" or "1h30m", at most 8760h`,
        ),
      ],
    },
    {
      name: 'no controller at all',
      given: `${POOL}metallb_controller_replicas: 0`,
      want: ['config.yml:2: metallb_controller_replicas is 0, it must be a number from 1 to 9'],
    },
    {
      name: 'a number out of bounds',
      given: `${POOL}metallb_wait_seconds: 0`,
      want: ['config.yml:2: metallb_wait_seconds is 0, it must be a number from 1 to 3600'],
    },
    {
      name: 'bgp without peers',
      given: `${POOL}metallb_protocol: bgp`,
      want: ['config.yml:2: metallb_protocol is "bgp", and metallb_peers names no router to speak to'],
    },
    {
      name: 'a bad regular expression',
      given: `${POOL}metallb_exclude_interfaces: ["eth("]`,
      want: ['config.yml:2: metallb_exclude_interfaces[0]: Invalid regular expression: /eth(/: Unterminated group'],
    },
    {
      name: 'an image name with a tag',
      given: `${POOL}metallb_image_repository: "Reg.io/x:1!"`,
      want: [
        'config.yml:2: metallb_image_repository is "Reg.io/x:1!", it must be an image name without a tag, such as "localhost/metallb-addon"',
      ],
    },
  ];
  test.each(rows)('$name', ({ given, want }) => {
    expect(problemsOf(given)).toEqual(want);
  });

  test('everything at once, hosts and -e included', () => {
    const problems = problemsOf('metallb_protocol: x\nmetallb_vip_pool: y', '[all:vars]\nmetallb_vers=1\n', {
      metallb_helmm: 'h',
    });
    expect(problems).toEqual([
      'hosts:2: there is no variable metallb_vers (did you mean "metallb_ver"?)',
      '-e: there is no variable metallb_helmm (did you mean "metallb_helm"?)',
      'config.yml:1: metallb_protocol is "x", it must be "layer2" or "bgp" or "calico"',
      'config.yml:2: metallb_vip_pool: "y" is neither a CIDR (10.0.0.0/24) nor a range (10.0.0.1-10.0.0.9)',
    ]);
  });
});

describe('what is wrong with BGP', () => {
  const peer = (fields: string): string => `${POOL}metallb_protocol: bgp\nmetallb_peers:\n  - {name: r, ${fields}}`;
  const rows: readonly { name: string; given: string; want: string[] }[] = [
    {
      name: 'no AS number of our own',
      given: peer('peer_asn: 2, peer_address: 10.0.0.1'),
      want: ['config.yml:4: metallb_peers[0].my_asn is missing, and metallb_bgp_my_asn is not set either'],
    },
    {
      name: 'no address',
      given: peer('my_asn: 1, peer_asn: 2'),
      want: ['config.yml:4: metallb_peers[0].peer_address is missing'],
    },
    {
      name: 'a hold time that BGP has not',
      given: peer('my_asn: 1, peer_asn: 2, peer_address: 10.0.0.1, hold_time: 2s'),
      want: ['config.yml:4: metallb_peers[0].hold_time must be 0 (off) or from 3 to 65535 seconds'],
    },
    {
      name: 'an AS number that does not exist',
      given: peer('my_asn: 0, peer_asn: 4294967296, peer_address: 10.0.0.1'),
      want: [
        'config.yml:4: metallb_peers[0].my_asn is 0, it must be a number from 1 to 4294967295',
        'config.yml:4: metallb_peers[0].peer_asn is 4294967296, it must be a number from 1 to 4294967295',
      ],
    },
    {
      name: 'multihop within one AS',
      given: peer('my_asn: 1, peer_asn: 1, peer_address: 10.0.0.1, ebgp_multihop: yes'),
      want: [
        'config.yml:4: metallb_peers[0].ebgp_multihop is for a peer of another AS; my_asn and peer_asn are both 1',
      ],
    },
    {
      name: 'a BFD profile that is not there',
      given: peer('my_asn: 1, peer_asn: 2, peer_address: 10.0.0.1, bfd_profile: fast'),
      want: ['config.yml:4: the peer "r" names the BFD profile "fast", which metallb_bfd_profiles does not have'],
    },
    {
      name: 'a router id that is no IPv4 address',
      given: peer('my_asn: 1, peer_asn: 2, peer_address: 10.0.0.1, router_id: "fd00::1"'),
      want: ['config.yml:4: metallb_peers[0].router_id must be written as an IPv4 address, not fd00::1'],
    },
    {
      name: 'a community that is none',
      given: `${peer('my_asn: 1, peer_asn: 2, peer_address: 10.0.0.1')}\nmetallb_communities: [{name: c, value: "1:99999"}]`,
      want: [
        'config.yml:5: metallb_communities[0].value "1:99999" must be two numbers up to 65535 ("65000:100") or a large community ("large:64512:1:2")',
      ],
    },
    {
      name: 'a pool for a peer that is not there',
      given: `${peer('my_asn: 1, peer_asn: 2, peer_address: 10.0.0.1')}\nmetallb_pools: [{name: p, addresses: 10.1.0.0/24, peers: [rr]}]`,
      want: ['config.yml:5: the pool "p" names the peer "rr", which metallb_peers does not have (did you mean "r"?)'],
    },
  ];
  test.each(rows)('$name', ({ given, want }) => {
    expect(problemsOf(given)).toEqual(want);
  });
});

describe('what is fine', () => {
  test('the historical variables alone make a plan, frozen', () => {
    const plan = makePlan(
      `metallb_install: "yes"\nmetallb_protocol: "layer2"\n${POOL}metallb_ver: "v9"\nmetallb_offline: "img.tar"\n`,
    );
    expect(plan.pools.map(({ name, addresses }) => [name, addresses.map(({ text }) => text)])).toEqual([
      ['default', ['10.6.204.20-10.6.204.22']],
    ]);
    expect(plan.image).toMatchObject({
      repository: 'localhost/metallb-addon',
      tag: 'v9',
      archive: { path: '/inv/img.tar' },
    });
    expect(Object.isFrozen(plan.pools[0]?.addresses)).toBe(true);
  });

  test.each([
    { given: POOL, want: 'spread' },
    { given: `${POOL}metallb_election: ""`, want: 'spread' },
    { given: `${POOL}metallb_election: metallb`, want: 'metallb' },
  ])('elected $want: $given', ({ given, want }) => {
    expect(makePlan(given).election).toBe(want);
  });

  test('other variables of a kubeasz config.yml are not looked at', () => {
    expect(problemsOf(`${POOL}CLUSTER_NAME: "{{ cluster_name }}"\nprom_install: "no"\n`)).toEqual([]);
  });

  test('a path of -e is relative to where the command was given', () => {
    const result = tryPlan(POOL, undefined, { metallb_offline: 'img.tar', metallb_kubeconfig: '/abs/kc' });
    if (!result.ok) throw new Error('not a plan');
    expect(result.plan.image.archive?.path).toBe('/here/img.tar');
    expect(result.plan.access.kubeconfig).toBe('/abs/kc');
  });

  test('a node in a pool is a warning that names it', () => {
    expect(makePlan('metallb_vip_pool: 10.6.204.0/30').warnings).toEqual([
      'config.yml:1: the pool "default" contains 10.6.204.1, the address of the node 10.6.204.1; it is skipped, no Service gets it',
      'config.yml:1: the pool "default" contains 10.6.204.2, the address of the node 10.6.204.2; it is skipped, no Service gets it',
      'config.yml:1: the pool "default" contains 10.6.204.3, the address of the node 10.6.204.3; it is skipped, no Service gets it',
    ]);
  });

  test('a node in a pool that says so is no surprise', () => {
    const config = 'metallb_vip_pool: 10.6.204.0/30\nmetallb_exclude_addresses: ["10.6.204.1", "10.6.204.2/31"]';
    expect(makePlan(config).warnings).toEqual([]);
  });

  test('what the default pool holds back, where there is none, is a warning', () => {
    const config = 'metallb_retention: 24h\nmetallb_pools: [{name: b, addresses: 10.1.0.0/24}]';
    expect(makePlan(config).warnings).toEqual([
      'config.yml:1: metallb_retention has no effect without metallb_vip_pool; give the pools their own',
    ]);
  });

  test('0 is a time: none', () => {
    expect(makePlan(`${POOL}metallb_retention: 0\nmetallb_quarantine: 1h30m`).pools[0]).toMatchObject({
      retention: '0s',
      quarantine: '1h30m',
    });
  });

  describe('the networks that a kubeasz inventory names', () => {
    const hosts = (variables: string): string => `[kube_node]\nn1\n[all:vars]\n${variables}\n`;

    test('are known; they may be several', () => {
      const plan = makePlan(POOL, hosts('CLUSTER_CIDR="172.20.0.0/16,fd00:20::/64"\nSERVICE_CIDR="10.68.0.0/16"'));
      expect(plan).toMatchObject({
        podNetworks: ['172.20.0.0/16', 'fd00:20::/64'],
        serviceNetworks: ['10.68.0.0/16'],
        warnings: [],
      });
    });

    test('are unknown where it has none', () => {
      expect(makePlan(POOL)).toMatchObject({ podNetworks: [], serviceNetworks: [] });
    });

    test('are passed over, with a warning, where they are none', () => {
      const plan = makePlan(POOL, hosts('CLUSTER_CIDR="{{ pods }}"\nSERVICE_CIDR="10.68.0.0"'));
      expect(plan).toMatchObject({ podNetworks: [], serviceNetworks: [] });
      const end = 'which is no CIDR: it is passed over, and a pool that overlaps this network would not be noticed';
      expect(plan.warnings).toEqual([
        `hosts:4: CLUSTER_CIDR holds "{{ pods }}", ${end}`,
        `hosts:5: SERVICE_CIDR holds "10.68.0.0", ${end}`,
      ]);
    });
  });

  test('how ssh reaches a node', () => {
    const hosts = `[kube_node]\nn1 ansible_host=10.0.0.1 ansible_port=2222 ansible_user=ops ansible_become=yes ansible_ssh_common_args='-o A="b c"'\n`;
    expect(makePlan(POOL, hosts).nodes).toMatchObject([
      {
        name: 'n1',
        address: '10.0.0.1',
        aliases: ['n1', '10.0.0.1'],
        port: 2222,
        user: 'ops',
        usesSudo: true,
        sshArguments: ['-o', 'A=b c'],
      },
    ]);
  });

  test('an address that ssh would take for an option is refused', () => {
    expect(problemsOf(POOL, '[kube_node]\nn1 ansible_host=-oProxyCommand=x\n')).toEqual([
      'hosts:2: ansible_host of n1 must not begin with "-"',
    ]);
  });
});

test('where Calico advertises, how the routers are told is said in its own objects', () => {
  const { protocol, warnings } = makePlan(`${POOL}metallb_protocol: calico
metallb_bgp_my_asn: 64512
metallb_peers: [{name: r, peer_asn: 64513, peer_address: 10.6.204.254}]
metallb_pools: [{name: b, addresses: 10.9.0.0/24, node_selectors: [{rack: "1"}], peers: [r], interfaces: [eth0]}]
`);
  expect(protocol).toBe('calico');
  expect(warnings.map((text) => text.replace(/^config.yml:[0-9]+: /, ''))).toEqual([
    '"peers" of the pool "b" has no effect with metallb_protocol "calico"',
    '"interfaces" of the pool "b" has no effect with metallb_protocol "calico"',
    '"node_selectors" of the pool "b" has no effect with metallb_protocol "calico"',
    'metallb_peers has no effect with metallb_protocol "calico"',
  ]);
});

test('code, defaults and example know the same variables', () => {
  const namesIn = (file: string): string[] => {
    const text = readFileSync(path.join(PROJECT, file), 'utf8');
    return [...new Set([...text.matchAll(/^(?:# )?(metallb_[a-z0-9_]+):/gm)].map(([, name]) => name ?? ''))].sort();
  };
  expect(namesIn('roles/cluster-addon/defaults/main.yml')).toEqual([...KNOWN_VARIABLES].sort());
  expect(namesIn('inventory.example/config.yml')).toEqual([...KNOWN_VARIABLES].sort());
});

test('the example inventory is a plan, and so is it with every comment taken away', () => {
  const read = (name: string): string => readFileSync(path.join(PROJECT, 'inventory.example', name), 'utf8');
  const config = read('config.yml');
  expect(makePlan(config, read('hosts')).pools).toHaveLength(1);
  const uncommented = config.replaceAll(/^# (metallb_| {2})/gm, '$1');
  expect(makePlan(uncommented, read('hosts')).pools).toHaveLength(2);
});

test('the default image is of this version', () => {
  const { version } = JSON.parse(readFileSync(path.join(PROJECT, 'package.json'), 'utf8')) as { version: string };
  expect(makePlan(POOL).image.tag).toBe(`v${version}`);
});
