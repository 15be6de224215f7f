import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { InstallError } from '../../../../src/installer/errors.ts';
import { type RenderedAddon, renderAddon } from '../../../../src/installer/render/render-addon.ts';
import { HOSTS, makePlan, PROJECT } from '../plan/make-plan.ts';
import { kinds, templateOf, valuesSchema } from './role-files.ts';

const POOL = 'metallb_vip_pool: "10.6.204.20-10.6.204.22"\n';
const GOLDEN = path.join(PROJECT, 'tests/golden/installer');

function render(config: string, edited: { resources?: string; values?: string } = {}, hosts = HOSTS): RenderedAddon {
  const plan = makePlan(config, hosts);
  const resources = templateOf(plan.protocol);
  const values = templateOf('values');
  return renderAddon({
    plan,
    resources: { ...resources, text: edited.resources ?? resources.text },
    values: { ...values, text: edited.values ?? values.text },
    kinds,
    valuesSchema,
  });
}

function failure(edited: { resources?: string; values?: string }): string[] {
  try {
    render(POOL, edited);
  } catch (error) {
    if (error instanceof InstallError && error.kind === 'template') return error.problem.split('\n');
    throw error;
  }
  throw new Error('it was rendered without complaint');
}

/** UPDATE_GOLDEN=1 writes them anew: read the difference before keeping it. */
function expectGolden(name: string, text: string): void {
  const file = path.join(GOLDEN, name);
  if (process.env['UPDATE_GOLDEN'] !== undefined || !existsSync(file)) {
    if (process.env['CI'] !== undefined) throw new Error(`${file} is missing`);
    writeFileSync(file, text);
  }
  expect(text).toBe(readFileSync(file, 'utf8'));
}

describe('golden files', () => {
  const everyPoolField = `metallb_pools:
  - name: web
    addresses: ["10.6.204.32/29", "fd00::/120"]
    auto_assign: "no"
    avoid_buggy_ips: "yes"
    priority: 10
    namespaces: [web, api]
    namespace_selectors: [{team: shop}]
    exclude_addresses: ["10.6.204.33", "fd00::1-fd00::f"]
    retention: 24h
    quarantine: 10m
    drain: NoNewAddresses
    on_conflict: Reallocate
    max_addresses_per_namespace: 5
    service_selectors: [{app: nginx}]
    node_selectors: [{matchExpressions: [{key: rack, operator: In, values: ["1"]}]}]
`;
  const rows: readonly { name: string; config: string; hosts?: string }[] = [
    { name: 'layer2-seed', config: POOL },
    { name: 'layer2-every-field', config: `${POOL}${everyPoolField}    interfaces: [eth0, bond0]\n` },
    {
      name: 'bgp-every-field',
      config: `${POOL}${everyPoolField}    communities: [no-export, "65000:1"]\n    peers: [router]\n    advertisements:
      - {}
      - {name: shop, aggregation_length: 32, service_selectors: [{app: shop}], as_path_prepend: 3, multi_exit_disc: 0, without_endpoints: Announce, communities: []}
metallb_protocol: bgp
metallb_bgp_my_asn: 64512
metallb_peers:
  - name: router
    peer_asn: 64513
    peer_address: 10.6.204.254
    hold_time: 1m30s
    source_address: 10.6.204.1
    router_id: 10.6.204.1
    password_secret: router-password
    ebgp_multihop: yes
    bfd_profile: fast
    node_selectors: [{rack: "1"}]
    local_asn: 64999
    keepalive_time: 30
    connect_time: 5
    vrf: red
    graceful_restart: "yes"
    dual_stack_address_family: "yes"
  - {name: plain, my_asn: 64999, peer_asn: 64514, peer_address: "fd00::fe", peer_port: 1179, ttl_security_hops: 1}
  - {name: unnumbered, dynamic_asn: external, interface: eth1, bfd_profile: slow}
metallb_bfd_profiles:
  - {name: fast, receive_interval: 100}
  - {name: slow, passive_mode: "yes", minimum_ttl: 250, echo_interval: 100}
metallb_communities: [{name: no-export, value: "65535:65281"}]
metallb_aggregation_length: 31
metallb_local_pref: 0
`,
    },
    { name: 'calico-every-field', config: `${POOL}${everyPoolField}metallb_protocol: calico\n` },
    { name: 'values-calico', config: `${POOL}${everyPoolField}metallb_protocol: calico\n` },
    {
      name: 'values-every-field',
      config: `${POOL}metallb_loadbalancer_class: example.com/lb
metallb_log_level: debug
metallb_controller_replicas: 3
metallb_exclude_interfaces: ["^veth.*", '^a"b$']
metallb_election: metallb
metallb_answer_ping: "yes"
metallb_real_time: "yes"
metallb_bgp_listen_port: 179
metallb_bgp_graceful_shutdown_seconds: 30
metallb_speaker_node_selector: {rack: "1"}
metallb_image_repository: registry.local:5000/lb
metallb_ver: "v7"
metallb_image_pull_policy: Never
`,
      hosts: `${HOSTS}CLUSTER_CIDR="172.20.0.0/16,fd00:20::/64"\nSERVICE_CIDR="10.68.0.0/16"\n`,
    },
  ];
  test.each(rows)('$name', ({ name, config, hosts }) => {
    const rendered = render(config, {}, hosts);
    const isValues = name.startsWith('values');
    expectGolden(`${name}.yaml`, isValues ? rendered.valuesText : rendered.resourcesText);
    expect(rendered.objects.length).toBeGreaterThanOrEqual(2);
  });

  test.each(['bgp-top-of-rack', 'bgp-route-reflectors'])('the example %s', (name) => {
    const read = (file: string): string => readFileSync(path.join(PROJECT, 'inventory.example', file), 'utf8');
    const config = read(`${name}.yml`);
    expect(makePlan(config, read('hosts')).warnings).toEqual([]);
    expectGolden(`${name}.yaml`, render(config, {}, read('hosts')).resourcesText);
  });

  test('the seed’s values', () => expectGolden('values-seed.yaml', render(POOL).valuesText));
});

test('echo packets, which only IPv4 has', () => {
  const { objects } = render(`${POOL}metallb_protocol: bgp
metallb_peers: [{name: r, my_asn: 1, peer_asn: 2, peer_address: 10.6.204.254, bfd_profile: fast}]
metallb_bfd_profiles: [{name: fast, echo_mode: "yes", echo_interval: 50}]
`);
  expect(objects[0]).toMatchObject({ kind: 'BFDProfile', spec: { echoMode: true, echoInterval: 50 } });
});

const HAND_MADE = `apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata:
  name: mine
spec:
  addresses:
    - 10.6.204.40/30
`;

test('a template may be replaced by plain YAML; the namespace is filled in', () => {
  const { objects } = render(POOL, { resources: HAND_MADE });
  expect(objects.map(({ kind, metadata }) => [kind, metadata])).toEqual([
    ['IPAddressPool', { name: 'mine', namespace: 'metallb-system' }],
  ]);
});

describe('a template that was edited and is faulty', () => {
  const edit = (from: string, to: string): string => {
    expect(HAND_MADE).toContain(from);
    return HAND_MADE.replace(from, to);
  };
  const at = 'layer2.yaml.hbs:';
  const rows: readonly { name: string; given: string; want: string[] }[] = [
    {
      name: 'broken YAML',
      given: edit('spec:', 'spec: ['),
      want: [
        `${at}7: not well-formed YAML: Block collections are not allowed within flow collections (in the line \`- 10.6.204.40/30\`)`,
      ],
    },
    {
      name: 'a misspelt field',
      given: edit('addresses:', 'adresses:'),
      want: [
        `${at}5: IPAddressPool mine: spec: the field "addresses" is missing (in the line \`spec:\`)`,
        `${at}6: IPAddressPool mine: spec.adresses: there is no such field (did you mean "addresses"?) (in the line \`adresses:\`)`,
      ],
    },
    {
      name: 'a wrong type',
      given: `${HAND_MADE}  autoAssign: "no"\n`,
      want: [`${at}8: IPAddressPool mine: spec.autoAssign: "no" must be boolean (in the line \`autoAssign: "no"\`)`],
    },
    {
      name: 'a kind that is none',
      given: edit('kind: IPAddressPool', 'kind: IpAddressPool'),
      want: [
        `${at}2: metallb.io/v1beta1 IpAddressPool is not a kind of this addon (did you mean "IPAddressPool"?) (in the line \`kind: IpAddressPool\`)`,
      ],
    },
    {
      name: 'a version that is none',
      given: edit('v1beta1', 'v1'),
      want: [
        `${at}1: IPAddressPool is of metallb.io/v1beta1, not of metallb.io/v1 (in the line \`apiVersion: metallb.io/v1\`)`,
      ],
    },
    {
      name: 'another namespace',
      given: edit('name: mine', 'name: mine\n  namespace: default'),
      want: [
        `${at}5: IPAddressPool mine: metadata.namespace must be metallb-system (or absent), objects elsewhere are not read (in the line \`namespace: default\`)`,
      ],
    },
    {
      name: 'no name',
      given: edit('  name: mine\n', '  labels: {}\n'),
      want: [`${at}3: IPAddressPool: metadata.name is missing (in the line \`metadata:\`)`],
    },
    {
      name: 'the old ConfigMap',
      given: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\n',
      want: [`${at}2: v1 ConfigMap is not a kind of this addon (in the line \`kind: ConfigMap\`)`],
    },
    {
      name: 'a reversed range',
      given: edit('10.6.204.40/30', '10.6.204.9-10.6.204.1'),
      want: [
        `${at}7: IPAddressPool mine spec.addresses[0]: the range is reversed: 10.6.204.9 comes after 10.6.204.1; write 10.6.204.1-10.6.204.9 (in the line \`- 10.6.204.9-10.6.204.1\`)`,
      ],
    },
    {
      name: 'the same object twice',
      given: `${HAND_MADE}---\n${HAND_MADE}`,
      want: [`${at}9: IPAddressPool mine is there twice (in the line \`apiVersion: metallb.io/v1beta1\`)`],
    },
    {
      name: 'nothing at all',
      given: '# empty\n',
      want: [`${at}1: the template gives no object at all (in the line \`# empty\`)`],
    },
    {
      name: 'a name that the plan has not',
      given: `${HAND_MADE}# {{yaml pool}}\n`,
      want: [`${at}8: {{yaml pool}} names a value that there is not`],
    },
  ];
  test.each(rows)('$name', ({ given, want }) => {
    expect(failure({ resources: given })).toEqual(want);
  });

  test('inside a block the template’s line is named, not that of what came out', () => {
    const template = templateOf('layer2').text.replace('  autoAssign:', '  autoAsign:');
    const line = template.split('\n').findIndex((text) => text.includes('autoAsign')) + 1;
    expect(failure({ resources: template })).toEqual([
      `layer2.yaml.hbs:${line}: IPAddressPool default: spec.autoAsign: there is no such field (did you mean "autoAssign"?) (in the line \`autoAsign: true\`)`,
    ]);
  });

  const valueRows: readonly { name: string; given: string; want: string[] }[] = [
    {
      name: 'an unknown value',
      given: 'speaker:\n  logLevl: info\n',
      want: [
        'values.yaml.hbs:2: speaker must NOT have additional properties ("logLevl") (in the line `logLevl: info`)',
      ],
    },
    {
      name: 'values that are a list',
      given: '- a\n',
      want: ['values.yaml.hbs:1: the values must be a map (in the line `- a`)'],
    },
    {
      name: 'values that are no YAML',
      given: 'a: 1\nb: "\n',
      want: ['values.yaml.hbs:3: not well-formed YAML: Missing closing "quote'],
    },
  ];
  test.each(valueRows)('$name', ({ given, want }) => {
    expect(failure({ values: given })).toEqual(want);
  });
});
