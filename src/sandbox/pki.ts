/**
 * The instance's certificates: one authority for the cluster, one for the aggregation front proxy, and a certificate for
 * every server and user, all with elliptic curve keys by the openssl program (3.0 or newer). A key never leaves the
 * instance's folder and is never an argument of a command.
 */
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from './command.ts';
import { addressesOf, type Layout, masterOf } from './layout.ts';

/** Files of a certificate and its key, PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateRequest {
  /** Name of the files. */
  readonly file: string;
  /** Kubernetes takes it for the user's name. */
  readonly commonName: string;
  /** Kubernetes takes them for the user's groups. */
  readonly groups?: readonly string[];
  /** "DNS:name" or "IP:address"; with any, the certificate serves as well as calls. */
  readonly alternativeNames?: readonly string[];
  /** Defaults to the cluster's authority. */
  readonly authority?: KeyPair;
}

/** A sandbox is thrown away long before. */
const VALID_DAYS = 3650;

export function keyPair(layout: Layout, file: string): KeyPair {
  return { cert: join(layout.pkiDir, `${file}.crt`), key: join(layout.pkiDir, `${file}.key`) };
}

export function clusterAuthority(layout: Layout): KeyPair {
  return keyPair(layout, 'ca');
}

/** Signs the tokens of service accounts: a bare key and its public half. */
export function serviceAccountKey(layout: Layout): { readonly privateKey: string; readonly publicKey: string } {
  return { privateKey: join(layout.pkiDir, 'sa.key'), publicKey: join(layout.pkiDir, 'sa.pub') };
}

export async function createPki(layout: Layout): Promise<void> {
  await mkdir(layout.pkiDir, { recursive: true, mode: 0o700 });
  // The system's openssl.cnf would make every certificate an authority; this says nothing at all.
  await writeFile(configOf(layout), '[req]\ndistinguished_name = name\n[name]\n');
  await Promise.all([
    createAuthority(layout, 'ca', layout.name),
    createAuthority(layout, 'front-proxy-ca', 'front-proxy'),
  ]);
  await createServiceAccountKey(layout);
  await Promise.all(requestsOf(layout).map((request) => issueCertificate(layout, request)));
}

/** Makes a key and a certificate for it; returns their files. */
export async function issueCertificate(layout: Layout, request: CertificateRequest): Promise<KeyPair> {
  const authority = request.authority ?? clusterAuthority(layout);
  const serves = request.alternativeNames !== undefined;
  return newCertificate(layout, request.file, [
    '-subj',
    formatSubject(request.commonName, request.groups ?? []),
    '-CA',
    authority.cert,
    '-CAkey',
    authority.key,
    ...extensions({
      basicConstraints: 'critical,CA:FALSE',
      keyUsage: 'critical,digitalSignature',
      extendedKeyUsage: serves ? 'serverAuth,clientAuth' : 'clientAuth',
      ...(serves ? { subjectAltName: request.alternativeNames.join(',') } : {}),
    }),
  ]);
}

/** openssl's way to write a name: "/O=group/CN=user", with its own signs escaped. */
export function formatSubject(commonName: string, groups: readonly string[]): string {
  const escaped = (text: string) => text.replace(/[\\/+]/g, (sign) => `\\${sign}`);
  return [...groups.map((group) => `/O=${escaped(group)}`), `/CN=${escaped(commonName)}`].join('');
}

function requestsOf(layout: Layout): CertificateRequest[] {
  const master = masterOf(layout);
  const serviceNames = [
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    'kubernetes.default.svc.cluster.local',
  ];
  return [
    {
      file: 'etcd',
      commonName: 'etcd',
      alternativeNames: ['DNS:localhost', 'IP:127.0.0.1', `IP:${master.ip}`],
    },
    {
      file: 'kube-apiserver',
      commonName: 'kube-apiserver',
      alternativeNames: [
        ...[...serviceNames, master.name, 'localhost'].map((dns) => `DNS:${dns}`),
        ...[...addressesOf(master), layout.kubernetesServiceIp, '127.0.0.1'].map((ip) => `IP:${ip}`),
      ],
    },
    { file: 'apiserver-etcd-client', commonName: 'kube-apiserver' },
    { file: 'apiserver-kubelet-client', commonName: 'kube-apiserver-kubelet-client', groups: ['system:masters'] },
    { file: 'front-proxy-client', commonName: 'front-proxy-client', authority: keyPair(layout, 'front-proxy-ca') },
    { file: 'admin', commonName: 'admin', groups: ['system:masters'] },
    {
      file: 'kube-controller-manager',
      commonName: 'system:kube-controller-manager',
      alternativeNames: ['IP:127.0.0.1'],
    },
    { file: 'kube-scheduler', commonName: 'system:kube-scheduler', alternativeNames: ['IP:127.0.0.1'] },
    { file: 'kube-proxy', commonName: 'system:kube-proxy' },
    ...layout.nodes.map((node) => ({
      file: `kubelet-${node.name}`,
      commonName: `system:node:${node.name}`,
      groups: ['system:nodes'],
      alternativeNames: [`DNS:${node.name}`, ...addressesOf(node).map((ip) => `IP:${ip}`)],
    })),
  ];
}

function createAuthority(layout: Layout, file: string, commonName: string): Promise<KeyPair> {
  return newCertificate(layout, file, [
    '-subj',
    formatSubject(commonName, []),
    ...extensions({ basicConstraints: 'critical,CA:TRUE', keyUsage: 'critical,keyCertSign,cRLSign,digitalSignature' }),
  ]);
}

async function newCertificate(layout: Layout, file: string, rest: readonly string[]): Promise<KeyPair> {
  const pair = keyPair(layout, file);
  await runCommand([
    ...['openssl', 'req', '-x509', '-config', configOf(layout), '-days', String(VALID_DAYS), '-noenc'],
    ...['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-keyout', pair.key, '-out', pair.cert],
    ...rest,
  ]);
  return pair;
}

async function createServiceAccountKey(layout: Layout): Promise<void> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', {
    namedCurve: 'prime256v1',
    privateKeyEncoding: { type: 'sec1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const files = serviceAccountKey(layout);
  await writeFile(files.privateKey, privateKey, { mode: 0o600 });
  await writeFile(files.publicKey, publicKey);
}

function extensions(values: Readonly<Record<string, string>>): string[] {
  return Object.entries(values).flatMap(([name, value]) => ['-addext', `${name}=${value}`]);
}

function configOf(layout: Layout): string {
  return join(layout.pkiDir, 'openssl.cnf');
}
