/**
 * The Helm chart before a real API server: it lints, everything it renders is taken (RBAC, pod security and all), the
 * release installs, upgrades and goes away, and each program may do what it does and no more.
 */
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { type ControlPlane, startControlPlaneForTests } from '../support/control-plane.ts';

const chart = resolve(import.meta.dirname, '../../roles/cluster-addon/files/metallb');
const namespace = 'metallb-system';
const release = ['metallb', chart, '-n', namespace];
/** A helm built without Kubernetes' version takes itself for one of 1.20. */
const kubeVersion = ['--kube-version', '1.34.0'];

let plane: ControlPlane;
beforeAll(async () => {
  plane = await startControlPlaneForTests();
  await plane.kubectl(['create', 'namespace', namespace]);
  const labels = ['enforce', 'audit', 'warn'].map((mode) => `pod-security.kubernetes.io/${mode}=privileged`);
  await plane.kubectl(['label', 'namespace', namespace, ...labels]);
}, 120_000);
afterAll(async () => plane?.stop());

interface Rendered {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly [field: string]: unknown;
}

interface SpeakerPods {
  readonly spec: {
    readonly template: {
      readonly spec: { readonly containers: readonly Container[]; readonly terminationGracePeriodSeconds: number };
    };
  };
}

interface Container {
  readonly args: readonly string[];
  readonly securityContext: { readonly capabilities: object };
}

async function render(...flags: readonly string[]): Promise<Rendered[]> {
  const done = await plane.helm(['template', ...release, ...kubeVersion, ...flags]);
  expect(done).toMatchObject({ exitCode: 0 });
  return parseAllDocuments(done.stdout)
    .map((document) => document.toJS() as Rendered | null)
    .filter((object) => object !== null);
}

/** Kinds and names of what is rendered, "Role/controller", ordered. */
async function names(...flags: readonly string[]): Promise<string[]> {
  return (await render(...flags)).map(({ kind, metadata }) => `${kind}/${metadata.name}`).sort();
}

test('helm lint has nothing to say', async () => {
  expect(await plane.helm(['lint', '--strict', chart, ...kubeVersion])).toMatchObject({ exitCode: 0 });
});

describe('helm template', () => {
  test('renders a complete install', async () => {
    expect(await names('--include-crds')).toEqual([
      'ClusterRole/metallb-system:controller',
      'ClusterRole/metallb-system:speaker',
      'ClusterRoleBinding/metallb-system:controller',
      'ClusterRoleBinding/metallb-system:speaker',
      'ConfigMap/metallb-excludel2',
      'CustomResourceDefinition/bfdprofiles.metallb.io',
      'CustomResourceDefinition/bgpadvertisements.metallb.io',
      'CustomResourceDefinition/bgppeers.metallb.io',
      'CustomResourceDefinition/bgpsessionstatuses.metallb.io',
      'CustomResourceDefinition/communities.metallb.io',
      'CustomResourceDefinition/configurationstates.metallb.io',
      'CustomResourceDefinition/ipaddresspools.metallb.io',
      'CustomResourceDefinition/l2advertisements.metallb.io',
      'CustomResourceDefinition/servicebgpstatuses.metallb.io',
      'CustomResourceDefinition/servicel2statuses.metallb.io',
      'DaemonSet/speaker',
      'Deployment/controller',
      'PodDisruptionBudget/controller',
      'Role/controller',
      'Role/speaker',
      'RoleBinding/controller',
      'RoleBinding/speaker',
      'ServiceAccount/controller',
      'ServiceAccount/speaker',
    ]);
  });

  test.each([
    {
      name: 'no speaker',
      given: ['--set', 'speaker.enabled=false'],
      want: [
        'ClusterRole/metallb-system:controller',
        'ClusterRoleBinding/metallb-system:controller',
        'Deployment/controller',
        'PodDisruptionBudget/controller',
        'Role/controller',
        'RoleBinding/controller',
        'ServiceAccount/controller',
      ],
    },
    {
      name: 'no rights and no excluded interfaces',
      given: ['--set', 'rbac.create=false,speaker.excludeInterfaces.enabled=false'],
      want: [
        'DaemonSet/speaker',
        'Deployment/controller',
        'PodDisruptionBudget/controller',
        'ServiceAccount/controller',
        'ServiceAccount/speaker',
      ],
    },
    {
      name: 'one controller, which a drain may evict',
      given: ['--set', 'rbac.create=false,speaker.enabled=false,controller.replicas=1'],
      want: ['Deployment/controller', 'ServiceAccount/controller'],
    },
  ])('$name', async ({ given, want }) => {
    expect(await names(...given)).toEqual(want);
  });

  test.each([
    { name: 'a misspelt value', given: 'speakr.enabled=false', want: 'speakr' },
    { name: 'a misspelt nested value', given: 'speaker.tolerateMasters=true', want: 'tolerateMasters' },
    { name: 'a log level that does not exist', given: 'controller.logLevel=loud', want: 'logLevel' },
    { name: 'a network that is none', given: 'controller.podNetworks={cluster}', want: 'podNetworks' },
    {
      name: 'two controllers without an election',
      given: 'controller.leaderElection.enabled=false',
      want: 'Set controller.replicas to 1 and controller.strategy.type to Recreate',
    },
    {
      name: 'a rollout with two controllers and no election',
      given: 'controller.leaderElection.enabled=false,controller.replicas=1',
      want: 'Set controller.replicas to 1 and controller.strategy.type to Recreate',
    },
    { name: 'a lease of no time', given: 'controller.leaderElection.leaseSeconds=0', want: 'leaseSeconds' },
    { name: 'something else for Calico to advertise', given: 'calico.advertise=services', want: 'calico' },
    { name: 'a port out of range', given: 'prometheus.metricsPort=70000', want: 'metricsPort' },
  ])('$name is refused', async ({ given, want }) => {
    const done = await plane.helm(['template', ...release, ...kubeVersion, '--set', given]);
    expect(done.exitCode).not.toBe(0);
    expect(done.stderr).toContain(want);
  });

  test('Kubernetes before 1.29 is refused', async () => {
    const done = await plane.helm(['template', ...release, '--kube-version', '1.28.9']);
    expect(done.stderr).toContain('requires kubeVersion: >=1.29');
  });

  test('two controllers, on different nodes where there are several, the new one ready before an old one goes', async () => {
    const objects = await render();
    const labels = { app: 'metallb', component: 'controller' };
    expect(objects.find(({ kind }) => kind === 'Deployment')).toMatchObject({
      spec: {
        replicas: 2,
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
        template: {
          spec: {
            terminationGracePeriodSeconds: 10,
            affinity: {
              podAntiAffinity: {
                preferredDuringSchedulingIgnoredDuringExecution: [
                  {
                    podAffinityTerm: { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: labels } },
                  },
                ],
              },
            },
            containers: [{ args: expect.arrayContaining(['--leader-elect=true', '--leader-lease-seconds=5']) }],
          },
        },
      },
    });
    expect(objects.find(({ kind }) => kind === 'PodDisruptionBudget')).toMatchObject({
      spec: { maxUnavailable: 1, selector: { matchLabels: labels } },
    });
  });

  test('an affinity of one’s own takes the place of that', async () => {
    const objects = await render('--set-json', 'controller.affinity={"nodeAffinity":{}}');
    const deployment = objects.find(({ kind }) => kind === 'Deployment');
    expect(deployment).toHaveProperty(['spec', 'template', 'spec', 'affinity'], { nodeAffinity: {} });
  });

  test.each([
    { port: 0, args: [], capabilities: ['NET_RAW'] },
    { port: 179, args: ['--bgp-listen-port=179'], capabilities: ['NET_RAW', 'NET_BIND_SERVICE'] },
    { port: 1023, args: ['--bgp-listen-port=1023'], capabilities: ['NET_RAW', 'NET_BIND_SERVICE'] },
    { port: 1024, args: ['--bgp-listen-port=1024'], capabilities: ['NET_RAW'] },
  ])('to listen for routers at port $port takes $capabilities', async ({ port, args, capabilities }) => {
    const objects = await render('--set', `speaker.bgpListenPort=${port}`);
    const speaker = objects.find(({ kind }) => kind === 'DaemonSet') as unknown as SpeakerPods;
    const [container] = speaker.spec.template.spec.containers;
    expect(container?.args.filter((arg) => arg.startsWith('--bgp-listen'))).toEqual(args);
    expect(container?.securityContext.capabilities).toEqual({ drop: ['ALL'], add: capabilities });
  });

  test.each([
    { seconds: 0, grace: 7 },
    { seconds: 1, grace: 8 },
    { seconds: 120, grace: 127 },
  ])('routers get $seconds s to turn to other nodes: the pod has so much longer to end', async ({ seconds, grace }) => {
    const objects = await render('--set', `speaker.bgpGracefulShutdownSeconds=${seconds}`);
    const speaker = objects.find(({ kind }) => kind === 'DaemonSet') as unknown as SpeakerPods;
    const { containers, terminationGracePeriodSeconds } = speaker.spec.template.spec;
    expect(containers[0]?.args).toContain(`--bgp-graceful-shutdown-seconds=${seconds}`);
    expect(terminationGracePeriodSeconds).toBe(grace);
  });

  test('real time takes SYS_NICE', async () => {
    const objects = await render('--set', 'speaker.realTime=true');
    const speaker = objects.find(({ kind }) => kind === 'DaemonSet') as unknown as SpeakerPods;
    const [container] = speaker.spec.template.spec.containers;
    expect(container?.args).toContain('--real-time');
    expect(container?.securityContext.capabilities).toEqual({ drop: ['ALL'], add: ['NET_RAW', 'SYS_NICE'] });
  });

  test('values reach the programs', async () => {
    const values = [
      'loadBalancerClass=example.com/lb',
      'speaker.ignoreExcludeLB=true',
      'speaker.logLevel=debug',
      'image.repository=easzlab.io.local:5000/metallb-addon',
      'image.tag=test',
      'speaker.answerPing=true',
      'prometheus.metricsPort=0',
    ];
    const objects = await render(...values.flatMap((value) => ['--set', value]));
    const speaker = objects.find(({ kind }) => kind === 'DaemonSet');
    expect(speaker).toMatchObject({
      spec: {
        template: {
          spec: {
            hostNetwork: true,
            containers: [
              {
                image: 'easzlab.io.local:5000/metallb-addon:test',
                args: [
                  '--log-level=debug',
                  '--port=0',
                  '--health-probe-port=17472',
                  '--lb-class=example.com/lb',
                  '--ml-bindport=7946',
                  '--election=spread',
                  '--ignore-exclude-lb',
                  '--answer-ping',
                  '--bgp-graceful-shutdown-seconds=1',
                ],
                securityContext: { capabilities: { drop: ['ALL'], add: ['NET_RAW'] }, readOnlyRootFilesystem: true },
                readinessProbe: { httpGet: { host: '127.0.0.1' } },
              },
            ],
          },
        },
      },
    });
  });
});

test('the networks of pods and Services reach the controller, where they are set', async () => {
  const argsOf = async (...flags: readonly string[]): Promise<readonly string[]> => {
    const controller = (await render(...flags)).find(({ kind }) => kind === 'Deployment');
    const { spec } = (controller as unknown as { spec: { template: { spec: { containers: [{ args: string[] }] } } } })
      .spec.template;
    return spec.containers[0].args;
  };
  expect((await argsOf()).filter((arg) => arg.includes('networks'))).toEqual([]);
  const set = 'controller.podNetworks={172.20.0.0/16,fd00:20::/64},controller.serviceNetworks={10.68.0.0/16}';
  expect((await argsOf('--set', set)).filter((arg) => arg.includes('networks'))).toEqual([
    '--pod-networks=172.20.0.0/16,fd00:20::/64',
    '--service-networks=10.68.0.0/16',
  ]);
});

describe('with Calico advertising', () => {
  const flags = ['--set', 'calico.advertise=pools,speaker.enabled=false'];
  const bgpConfigurations = (objects: readonly Rendered[]): unknown => {
    const role = objects.find(({ kind }) => kind === 'ClusterRole') as unknown as {
      rules: readonly { resources: readonly string[]; verbs: readonly string[]; resourceNames?: readonly string[] }[];
    };
    return role.rules
      .filter(({ resources }) => resources.includes('bgpconfigurations'))
      .map(({ verbs, resourceNames = ['any'] }) => `${verbs.join(' ')}: ${resourceNames.join(' ')}`);
  };

  test('the controller is told to, and may write that one object; there is no speaker', async () => {
    const objects = await render(...flags);
    expect(objects.map(({ kind }) => kind)).not.toContain('DaemonSet');
    expect(objects.find(({ kind }) => kind === 'Deployment')).toMatchObject({
      spec: { template: { spec: { containers: [{ args: expect.arrayContaining(['--calico-advertise=pools']) }] } } },
    });
    expect(bgpConfigurations(objects)).toEqual(['get list watch create: any', 'patch: default']);
  });

  test('otherwise it may not even look at Calico’s objects', async () => {
    const objects = await render();
    expect(bgpConfigurations(objects)).toEqual([]);
    expect(JSON.stringify(objects)).not.toContain('calico-advertise');
  });

  test('the notes name a pool alone', async () => {
    const notes = async (...given: readonly string[]): Promise<string> =>
      (await plane.helm(['install', ...release, '--dry-run=server', ...given])).stdout.split('NOTES:')[1] ?? '';
    expect(await notes(...flags)).toContain('kind: IPAddressPool');
    expect(await notes(...flags)).not.toContain('L2Advertisement');
    expect(await notes()).toContain('L2Advertisement');
  });
});

test('the controller passes the restricted pod security standard, the speaker only the privileged one', async () => {
  const objects = await render();
  await plane.kubectl(['create', 'namespace', 'restricted']);
  await plane.kubectl(['label', 'namespace', 'restricted', 'pod-security.kubernetes.io/enforce=restricted']);
  const create = (program: string, into: string) => {
    const owner = objects.find(({ metadata, kind }) => metadata.name === program && /Deployment|DaemonSet/.test(kind));
    const { spec } = (owner as unknown as { spec: { template: { spec: object } } }).spec.template;
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: program }, spec };
    return plane.kubectl(['create', '--dry-run=server', '-n', into, '-f', '-'], { input: JSON.stringify(pod) });
  };
  expect(await create('controller', 'restricted')).toMatchObject({ exitCode: 0 });
  expect((await create('speaker', 'restricted')).stderr).toContain('hostNetwork=true');
  expect(await create('speaker', namespace)).toMatchObject({ exitCode: 0 });
});

describe('a release', () => {
  test('is installed, upgraded and removed', async () => {
    expect(await plane.helm(['install', ...release, '--dry-run=server'])).toMatchObject({ exitCode: 0 });
    expect(await plane.helm(['install', ...release])).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await plane.helm(['upgrade', ...release, '--set', 'loadBalancerClass=lb'])).toMatchObject({ exitCode: 0 });
    const args = '{.spec.template.spec.containers[0].args}';
    const shown = await plane.kubectl(['get', 'daemonset', 'speaker', '-n', namespace, '-o', `jsonpath=${args}`]);
    expect(shown.stdout).toContain('--lb-class=lb');
    expect(await plane.helm(['uninstall', 'metallb', '-n', namespace])).toMatchObject({ exitCode: 0 });
    const left = await plane.kubectl([
      'get',
      'all,configmaps,roles,clusterroles,poddisruptionbudgets',
      '-n',
      namespace,
      '-l',
      'app=metallb',
    ]);
    expect(left).toMatchObject({ stdout: '' });
    const crds = await plane.kubectl(['get', 'crd', '-l', 'app=metallb', '-o', 'name']);
    expect(crds.stdout.split('\n')).toHaveLength(10);
  }, 60_000);

  test('gives each program its rights and no more', async () => {
    expect(await plane.helm(['install', ...release])).toMatchObject({ exitCode: 0 });
    const wrong: string[] = [];
    await Promise.all(
      rights.map(async ([account, verb, resource, where, want]) => {
        const asked = await plane.kubectl([
          ...['auth', 'can-i', verb, ...resource.split(' ')],
          ...(where === 'cluster' ? ['--all-namespaces'] : ['-n', where]),
          `--as=system:serviceaccount:${namespace}:${account}`,
        ]);
        if ((asked.stdout.trim() === 'yes') !== (want === 'may'))
          wrong.push(`${account} ${verb} ${resource} in ${where}`);
      }),
    );
    expect(rights.length).toBeGreaterThan(40);
    expect(wrong).toEqual([]);
  }, 60_000);
});

type Right = readonly [account: string, verb: string, resource: string, where: string, want: 'may' | 'may not'];
const rights: readonly Right[] = [
  ...['get', 'list', 'watch'].flatMap((verb): Right[] =>
    ['services', 'nodes', 'namespaces'].flatMap((resource): Right[] => [
      ['controller', verb, resource, 'cluster', 'may'],
      ['speaker', verb, resource, 'cluster', 'may'],
    ]),
  ),
  ['controller', 'patch', 'services --subresource=status', 'cluster', 'may'],
  ['controller', 'update', 'services --subresource=status', 'cluster', 'may'],
  ['controller', 'patch', 'services', 'cluster', 'may not'],
  ['controller', 'create', 'events', 'cluster', 'may'],
  ['controller', 'patch', 'events.events.k8s.io', 'cluster', 'may'],
  ['controller', 'watch', 'ipaddresspools.metallb.io', namespace, 'may'],
  ['controller', 'watch', 'ipaddresspools.metallb.io', 'default', 'may not'],
  ['controller', 'patch', 'ipaddresspools.metallb.io', namespace, 'may not'],
  ['controller', 'patch', 'ipaddresspools.metallb.io --subresource=status', namespace, 'may'],
  ['controller', 'patch', 'l2advertisements.metallb.io --subresource=status', namespace, 'may'],
  ['controller', 'create', 'configurationstates.metallb.io', namespace, 'may'],
  ['controller', 'patch', 'configurationstates.metallb.io --subresource=status', namespace, 'may'],
  ['controller', 'watch', 'configmaps/config', namespace, 'may'],
  ['controller', 'patch', 'configmaps/config', namespace, 'may'],
  ['controller', 'get', 'configmaps/other', namespace, 'may not'],
  ['controller', 'list', 'configmaps', namespace, 'may not'],
  ['controller', 'get', 'pods', namespace, 'may'],
  ['controller', 'list', 'pods', namespace, 'may not'],
  ['controller', 'get', 'secrets', namespace, 'may not'],
  ['controller', 'create', 'leases.coordination.k8s.io', namespace, 'may'],
  ['controller', 'watch', 'leases.coordination.k8s.io', namespace, 'may'],
  ['controller', 'list', 'leases.coordination.k8s.io', 'kube-system', 'may not'],
  ['controller', 'watch', 'servicecidrs.networking.k8s.io', 'cluster', 'may'],
  ['controller', 'patch', 'servicecidrs.networking.k8s.io', 'cluster', 'may not'],
  ['controller', 'watch', 'leases.coordination.k8s.io/controller', namespace, 'may'],
  ['controller', 'patch', 'leases.coordination.k8s.io/controller', namespace, 'may'],
  ['controller', 'patch', 'leases.coordination.k8s.io/speaker-node1', namespace, 'may not'],
  ['controller', 'delete', 'leases.coordination.k8s.io/controller', namespace, 'may not'],
  ['controller', 'get', 'endpointslices.discovery.k8s.io', 'cluster', 'may not'],
  ['speaker', 'watch', 'endpointslices.discovery.k8s.io', 'cluster', 'may'],
  ['speaker', 'patch', 'services --subresource=status', 'cluster', 'may not'],
  ['speaker', 'create', 'events', 'cluster', 'may'],
  ['speaker', 'patch', 'servicel2statuses.metallb.io --subresource=status', namespace, 'may'],
  ['speaker', 'watch', 'servicel2statuses.metallb.io', namespace, 'may'],
  ['speaker', 'create', 'servicel2statuses.metallb.io', namespace, 'may'],
  ['speaker', 'patch', 'servicel2statuses.metallb.io', namespace, 'may'],
  ['speaker', 'delete', 'servicel2statuses.metallb.io', namespace, 'may'],
  ['speaker', 'update', 'servicel2statuses.metallb.io', namespace, 'may not'],
  ['speaker', 'create', 'servicel2statuses.metallb.io', 'default', 'may not'],
  ['controller', 'create', 'servicel2statuses.metallb.io', namespace, 'may not'],
  ['speaker', 'patch', 'servicebgpstatuses.metallb.io --subresource=status', namespace, 'may'],
  ['speaker', 'create', 'servicebgpstatuses.metallb.io', namespace, 'may'],
  ['speaker', 'delete', 'servicebgpstatuses.metallb.io', namespace, 'may'],
  ['speaker', 'create', 'servicebgpstatuses.metallb.io', 'default', 'may not'],
  ['controller', 'create', 'servicebgpstatuses.metallb.io', namespace, 'may not'],
  ['speaker', 'watch', 'bgpsessionstatuses.metallb.io', namespace, 'may'],
  ['speaker', 'patch', 'bgpsessionstatuses.metallb.io --subresource=status', namespace, 'may'],
  ['speaker', 'create', 'bgpsessionstatuses.metallb.io', namespace, 'may'],
  ['speaker', 'delete', 'bgpsessionstatuses.metallb.io', namespace, 'may'],
  ['speaker', 'create', 'bgpsessionstatuses.metallb.io', 'default', 'may not'],
  ['controller', 'patch', 'bgpsessionstatuses.metallb.io --subresource=status', namespace, 'may not'],
  ['speaker', 'patch', 'ipaddresspools.metallb.io --subresource=status', namespace, 'may not'],
  ['speaker', 'watch', 'configmaps/config', namespace, 'may'],
  ['speaker', 'patch', 'configmaps/config', namespace, 'may not'],
  ['speaker', 'watch', 'secrets', namespace, 'may'],
  ['speaker', 'delete', 'leases.coordination.k8s.io', namespace, 'may'],
  ['speaker', 'delete', 'leases.coordination.k8s.io', 'kube-system', 'may not'],
  ...['controller', 'speaker'].flatMap((account): Right[] => [
    [account, 'get', 'secrets', 'kube-system', 'may not'],
    [account, 'create', 'secrets', namespace, 'may not'],
    [account, 'create', 'pods', namespace, 'may not'],
    [account, 'patch', 'nodes', 'cluster', 'may not'],
  ]),
];
