/**
 * Command lines of the control plane: etcd, API server, controller manager and scheduler, all in the master's namespace,
 * TLS on every connection, RBAC and the node restriction on. Times (node monitoring above all) are Kubernetes' defaults,
 * because tests measure against them; only leader election is off, as there is one of each.
 */
import { join } from 'node:path';
import type { Binaries } from './binaries/obtain.ts';
import { componentKubeconfig } from './kubeconfig.ts';
import { type Layout, masterOf } from './layout.ts';
import { clusterAuthority, keyPair, serviceAccountKey } from './pki.ts';

export function etcdCommand(layout: Layout, bin: Binaries): string[] {
  const { ip, name, dir } = masterOf(layout);
  const pair = keyPair(layout, 'etcd');
  const authority = clusterAuthority(layout).cert;
  return [
    bin.etcd,
    `--name=${name}`,
    `--data-dir=${join(dir, 'etcd')}`,
    '--listen-client-urls=https://127.0.0.1:2379',
    '--advertise-client-urls=https://127.0.0.1:2379',
    `--listen-peer-urls=https://${ip}:2380`,
    `--initial-advertise-peer-urls=https://${ip}:2380`,
    `--initial-cluster=${name}=https://${ip}:2380`,
    ...[`--cert-file=${pair.cert}`, `--key-file=${pair.key}`, `--trusted-ca-file=${authority}`, '--client-cert-auth'],
    ...[`--peer-cert-file=${pair.cert}`, `--peer-key-file=${pair.key}`, `--peer-trusted-ca-file=${authority}`],
    '--peer-client-cert-auth',
    // The data is thrown away with the sandbox: it need not survive a power cut.
    '--unsafe-no-fsync',
  ];
}

export function apiServerCommand(layout: Layout, bin: Binaries): string[] {
  const master = masterOf(layout);
  const authority = clusterAuthority(layout).cert;
  const serving = keyPair(layout, 'kube-apiserver');
  const etcd = keyPair(layout, 'apiserver-etcd-client');
  const kubelet = keyPair(layout, 'apiserver-kubelet-client');
  const proxy = keyPair(layout, 'front-proxy-client');
  const tokens = serviceAccountKey(layout);
  return [
    bin['kube-apiserver'],
    `--advertise-address=${master.ip}`,
    '--bind-address=0.0.0.0',
    '--secure-port=6443',
    ...[`--tls-cert-file=${serving.cert}`, `--tls-private-key-file=${serving.key}`, `--client-ca-file=${authority}`],
    '--etcd-servers=https://127.0.0.1:2379',
    ...[`--etcd-cafile=${authority}`, `--etcd-certfile=${etcd.cert}`, `--etcd-keyfile=${etcd.key}`],
    `--kubelet-certificate-authority=${authority}`,
    ...[`--kubelet-client-certificate=${kubelet.cert}`, `--kubelet-client-key=${kubelet.key}`],
    '--kubelet-preferred-address-types=InternalIP',
    ...[`--proxy-client-cert-file=${proxy.cert}`, `--proxy-client-key-file=${proxy.key}`],
    `--requestheader-client-ca-file=${keyPair(layout, 'front-proxy-ca').cert}`,
    '--requestheader-allowed-names=front-proxy-client',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-username-headers=X-Remote-User',
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-signing-key-file=${tokens.privateKey}`,
    `--service-account-key-file=${tokens.publicKey}`,
    `--service-cluster-ip-range=${layout.serviceCidrs.join(',')}`,
    '--service-node-port-range=30000-32767',
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--allow-privileged=true',
    '--enable-aggregator-routing=true',
  ];
}

export function controllerManagerCommand(layout: Layout, bin: Binaries): string[] {
  const authority = clusterAuthority(layout);
  const serving = keyPair(layout, 'kube-controller-manager');
  const kubeconfig = componentKubeconfig(layout, 'kube-controller-manager');
  return [
    bin['kube-controller-manager'],
    ...accessFlags(kubeconfig),
    ...[`--tls-cert-file=${serving.cert}`, `--tls-private-key-file=${serving.key}`, '--bind-address=127.0.0.1'],
    `--root-ca-file=${authority.cert}`,
    ...[`--cluster-signing-cert-file=${authority.cert}`, `--cluster-signing-key-file=${authority.key}`],
    `--service-account-private-key-file=${serviceAccountKey(layout).privateKey}`,
    '--use-service-account-credentials=true',
    // Each node's share is fixed by the layout, so that routes can be there before the nodes are.
    '--allocate-node-cidrs=false',
    `--cluster-cidr=${layout.podCidrs.join(',')}`,
    `--service-cluster-ip-range=${layout.serviceCidrs.join(',')}`,
    `--cluster-name=${layout.name}`,
    '--leader-elect=false',
  ];
}

export function schedulerCommand(layout: Layout, bin: Binaries): string[] {
  const serving = keyPair(layout, 'kube-scheduler');
  return [
    bin['kube-scheduler'],
    ...accessFlags(componentKubeconfig(layout, 'kube-scheduler')),
    ...[`--tls-cert-file=${serving.cert}`, `--tls-private-key-file=${serving.key}`, '--bind-address=127.0.0.1'],
    '--leader-elect=false',
  ];
}

function accessFlags(kubeconfig: string): string[] {
  return ['kubeconfig', 'authentication-kubeconfig', 'authorization-kubeconfig'].map(
    (flag) => `--${flag}=${kubeconfig}`,
  );
}
