/**
 * Kubeconfig files: one for the user, one for each component, and one for any further user a test wants. Certificates are
 * embedded, so that a file works wherever it is copied.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import type { Layout, NodeLayout } from './layout.ts';
import { clusterAuthority, issueCertificate, type KeyPair, keyPair } from './pki.ts';

/** Components that speak to the API server as a user of their own; their certificate has the same name. */
const COMPONENTS = ['kube-controller-manager', 'kube-scheduler', 'kube-proxy'] as const;

export function componentKubeconfig(layout: Layout, component: (typeof COMPONENTS)[number]): string {
  return join(layout.pkiDir, `${component}.kubeconfig`);
}

export function kubeletKubeconfig(layout: Layout, node: NodeLayout): string {
  return join(layout.pkiDir, `kubelet-${node.name}.kubeconfig`);
}

export async function writeKubeconfigs(layout: Layout): Promise<void> {
  await Promise.all([
    writeKubeconfig({ layout, path: layout.kubeconfigPath, user: 'admin', pair: keyPair(layout, 'admin') }),
    ...COMPONENTS.map((name) =>
      writeKubeconfig({ layout, path: componentKubeconfig(layout, name), user: name, pair: keyPair(layout, name) }),
    ),
    ...layout.nodes.map((node) =>
      writeKubeconfig({
        layout,
        path: kubeletKubeconfig(layout, node),
        user: `system:node:${node.name}`,
        pair: keyPair(layout, `kubelet-${node.name}`),
      }),
    ),
  ]);
}

/** A kubeconfig for a user without any permission but those of its groups; returns the file. */
export async function writeUserKubeconfig(layout: Layout, user: string, groups: readonly string[]): Promise<string> {
  // Names of users may hold any sign; the digest keeps two that are spelled alike in a file name apart.
  const digest = createHash('sha256')
    .update(JSON.stringify([user, groups]))
    .digest('hex')
    .slice(0, 8);
  const file = `user-${user.replace(/[^\w.-]/g, '_')}-${digest}`;
  const pair = await issueCertificate(layout, { file, commonName: user, groups });
  const path = join(layout.stateDir, 'users', `${file}.kubeconfig`);
  await writeKubeconfig({ layout, path, user, pair });
  return path;
}

async function writeKubeconfig(from: { layout: Layout; path: string; user: string; pair: KeyPair }): Promise<void> {
  const { layout, path, user, pair } = from;
  const base64 = async (file: string) => (await readFile(file)).toString('base64');
  const content = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': layout.name,
    clusters: [
      {
        name: layout.name,
        cluster: {
          server: layout.apiServer,
          'certificate-authority-data': await base64(clusterAuthority(layout).cert),
        },
      },
    ],
    users: [
      {
        name: user,
        user: { 'client-certificate-data': await base64(pair.cert), 'client-key-data': await base64(pair.key) },
      },
    ],
    contexts: [{ name: layout.name, context: { cluster: layout.name, user } }],
  };
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, stringify(content, { lineWidth: 0 }), { mode: 0o600 });
}
