/**
 * Configuration files and command lines of what runs on every node: containerd, kubelet, kube-proxy. They use the
 * default places under /var/lib and /run, which are the node's own (see node-machine.ts).
 */
import { mkdir, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Binaries } from './binaries/obtain.ts';
import { BUSYBOX_IMAGE } from './images.ts';
import { componentKubeconfig, kubeletKubeconfig } from './kubeconfig.ts';
import { addressesOf, type Layout, type NodeLayout } from './layout.ts';
import { clusterAuthority, keyPair } from './pki.ts';

export const CONTAINERD_SOCKET = '/run/containerd/containerd.sock';
/** kube-proxy answers its health here, on the node's address. */
export const PROXY_HEALTH_PORT = 10256;

const OVERLAYFS_MAGIC = 0x794c7630;

export interface NodeServices {
  readonly containerd: readonly string[];
  readonly kubelet: readonly string[];
  readonly kubeProxy: readonly string[];
}

/** Writes the node's configuration files; returns the commands that use them. */
export async function prepareNodeServices(
  layout: Layout,
  node: NodeLayout,
  tools: { readonly bin: Binaries; readonly cniDir: string },
): Promise<NodeServices> {
  const etc = join(node.dir, 'etc');
  const cniConf = join(etc, 'cni');
  await mkdir(cniConf, { recursive: true });
  const snapshotter = (await statfs(node.dir)).type === OVERLAYFS_MAGIC ? 'native' : 'overlayfs';
  const files = {
    containerd: join(etc, 'containerd.toml'),
    cni: join(cniConf, '10-sandbox.conflist'),
    kubelet: join(etc, 'kubelet.yaml'),
    kubeProxy: join(etc, 'kube-proxy.yaml'),
  };
  await Promise.all([
    writeFile(
      files.containerd,
      containerdConfig({ cniConf, cniDir: tools.cniDir, snapshotter, optDir: join(node.dir, 'opt') }),
    ),
    writeFile(files.cni, `${JSON.stringify(cniConfig(node), null, 2)}\n`),
    writeFile(files.kubelet, stringify(kubeletConfig(layout, node))),
    writeFile(files.kubeProxy, stringify(kubeProxyConfig(layout, node))),
  ]);
  return {
    containerd: ['containerd', '--config', files.containerd],
    kubelet: [
      tools.bin.kubelet,
      `--config=${files.kubelet}`,
      `--kubeconfig=${kubeletKubeconfig(layout, node)}`,
      `--hostname-override=${node.name}`,
      `--node-ip=${addressesOf(node).join(',')}`,
    ],
    kubeProxy: [tools.bin['kube-proxy'], `--config=${files.kubeProxy}`],
  };
}

function containerdConfig(from: { cniConf: string; cniDir: string; snapshotter: string; optDir: string }): string {
  const quoted = (text: string) => JSON.stringify(text);
  return `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper"]

[grpc]
  address = ${quoted(CONTAINERD_SOCKET)}

[plugins."io.containerd.internal.v1.opt"]
  path = ${quoted(from.optDir)}

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = ${quoted(BUSYBOX_IMAGE)}
  # Without CAP_SYS_RESOURCE nobody may lower a process's OOM score, and runc dies trying.
  restrict_oom_score_adj = true
  tolerate_missing_hugetlb_controller = true
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"

[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = ${quoted(from.cniDir)}
  conf_dir = ${quoted(from.cniConf)}

[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = ${quoted(from.snapshotter)}
  default_runtime_name = "runc"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = false
`;
}

/**
 * Each pod has a cable to its node, which routes between them (ptp). A bridge would do too, but only with br_netfilter:
 * answers of a pod to its neighbour on the same bridge would pass by the rules that undo a Service's address. That module
 * changes how the whole host bridges, so it is better not needed.
 */
export function cniConfig(node: NodeLayout): unknown {
  const { podCidr, podCidr6 } = node;
  const networks = [
    { subnet: podCidr, everywhere: '0.0.0.0/0' },
    ...(podCidr6 === undefined ? [] : [{ subnet: podCidr6, everywhere: '::/0' }]),
  ];
  return {
    cniVersion: '1.0.0',
    name: 'sandbox',
    plugins: [
      ...(podCidr6 === undefined ? [] : WITHOUT_DUPLICATE_DETECTION),
      {
        type: 'ptp',
        ipMasq: false,
        ipam: {
          type: 'host-local',
          ranges: networks.map(({ subnet }) => [{ subnet }]),
          routes: networks.map(({ everywhere }) => ({ dst: everywhere })),
        },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  };
}

/**
 * ptp waits until a pod's IPv6 address has been looked for in vain on its cable, which makes every pod's start 1.8 s
 * longer (measured). The setting against that has to be there before the interface is; "tuning" cannot come first, as it
 * passes on an earlier plugin's result, so "loopback" gives it one.
 */
const WITHOUT_DUPLICATE_DETECTION: readonly unknown[] = [
  { type: 'loopback' },
  { type: 'tuning', sysctl: { 'net.ipv6.conf.default.accept_dad': '0' } },
];

function kubeletConfig(layout: Layout, node: NodeLayout): unknown {
  const serving = keyPair(layout, `kubelet-${node.name}`);
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: '0.0.0.0',
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: clusterAuthority(layout).cert },
    },
    authorization: { mode: 'Webhook' },
    tlsCertFile: serving.cert,
    tlsPrivateKeyFile: serving.key,
    containerRuntimeEndpoint: `unix://${CONTAINERD_SOCKET}`,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${layout.cgroup}/${node.name}`,
    failCgroupV1: false,
    failSwapOn: false,
    clusterDomain: 'cluster.local',
    clusterDNS: ['10.68.0.2'],
    resolvConf: '/etc/resolv.conf',
    makeIPTablesUtilChains: false,
    oomScoreAdj: 0,
    volumePluginDir: join(node.dir, 'volume-plugins'),
    // The disk is the host's, and often fuller than a node's may be; images cannot be pulled again.
    evictionHard: {
      'memory.available': '0%',
      'nodefs.available': '0%',
      'nodefs.inodesFree': '0%',
      'imagefs.available': '0%',
    },
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
  };
}

function kubeProxyConfig(layout: Layout, node: NodeLayout): unknown {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    clientConnection: { kubeconfig: componentKubeconfig(layout, 'kube-proxy') },
    mode: 'nftables',
    clusterCIDR: layout.podCidrs.join(','),
    hostnameOverride: node.name,
    bindAddress: node.ip,
    healthzBindAddress: `0.0.0.0:${PROXY_HEALTH_PORT}`,
    metricsBindAddress: '127.0.0.1:10249',
    oomScoreAdj: 0,
    // The table of connections belongs to the whole machine: zero leaves its settings as they are.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  };
}
