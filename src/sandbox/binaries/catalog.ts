/**
 * Which programs a sandbox runs, in which versions, and where each can be had: as an official release download, and as
 * a Go package. Plain values only; obtain.ts acts on them.
 */

export const KUBERNETES_VERSION = 'v1.34.4';
export const ETCD_VERSION = 'v3.6.16';
export const HELM_VERSION = 'v3.19.5';

export const COMPONENT_NAMES = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kube-proxy',
  'kubelet',
  'kubectl',
  'helm',
] as const;
export type ComponentName = (typeof COMPONENT_NAMES)[number];

/** Processor names as Go and the release servers spell them. */
export type GoArch = 'amd64' | 'arm64';

export interface Component {
  readonly name: ComponentName;
  /** The version that is downloaded or built, "v1.34.4". */
  readonly version: string;
  /** What to run to be told the version of a found program. */
  readonly versionArgs: readonly string[];
  /** Which versions of a found program do, in words for the user. */
  readonly acceptedVersions: string;
  readonly goModule: GoModule;
  /** The Go package of the program's main function. */
  readonly goPackage: string;
}

/** A Go module that several components may come from: they are built in one go. */
export interface GoModule {
  readonly path: string;
  readonly version: string;
  /** Set where the program would otherwise not know its version: linker "-X" assignments. */
  readonly linkerVariables: readonly string[];
}

const kubernetes: GoModule = {
  path: 'k8s.io/kubernetes',
  version: KUBERNETES_VERSION,
  linkerVariables: [
    `k8s.io/component-base/version.gitVersion=${KUBERNETES_VERSION}`,
    'k8s.io/component-base/version.gitMajor=1',
    'k8s.io/component-base/version.gitMinor=34',
    'k8s.io/component-base/version.gitTreeState=clean',
    `k8s.io/client-go/pkg/version.gitVersion=${KUBERNETES_VERSION}`,
  ],
};
const etcd: GoModule = { path: 'go.etcd.io/etcd/server/v3', version: ETCD_VERSION, linkerVariables: [] };
const helm: GoModule = {
  path: 'helm.sh/helm/v3',
  version: HELM_VERSION,
  linkerVariables: [`helm.sh/helm/v3/internal/version.version=${HELM_VERSION}`],
};

export function componentByName(name: ComponentName): Component {
  switch (name) {
    case 'etcd':
      return {
        name,
        version: ETCD_VERSION,
        versionArgs: ['--version'],
        acceptedVersions: '3.5 or newer 3.x',
        goModule: etcd,
        goPackage: etcd.path,
      };
    case 'helm':
      return {
        name,
        version: HELM_VERSION,
        versionArgs: ['version', '--short'],
        acceptedVersions: '3.x',
        goModule: helm,
        goPackage: `${helm.path}/cmd/helm`,
      };
    default:
      return {
        name,
        version: KUBERNETES_VERSION,
        versionArgs: name === 'kubectl' ? ['version', '--client'] : ['--version'],
        acceptedVersions: '1.34.x',
        goModule: kubernetes,
        goPackage: `${kubernetes.path}/cmd/${name}`,
      };
  }
}

/** The first version number in what a program printed about itself, without the "v": "1.34.4". */
export function parseVersion(printed: string): string | undefined {
  return /(?:^|[^\d.])v?(\d+\.\d+\.\d+)/.exec(printed)?.[1];
}

/** Whether a found program of this version serves instead of the catalogued one. */
export function acceptsVersion(name: ComponentName, version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  switch (name) {
    case 'etcd':
      return major === 3 && minor >= 5;
    case 'helm':
      return major === 3;
    default:
      return major === 1 && minor === 34;
  }
}

/** An official release file: a program as it is, or an archive with the program inside. */
export interface Release {
  readonly url: string;
  /** A file whose text holds the SHA-256 of the release file, alone or in a "digest  file" line. */
  readonly checksumUrl: string;
  /** Path of the program inside the .tar.gz; absent when the file is the program itself. */
  readonly archiveMember?: string;
}

export function releaseOf(component: Component, arch: GoArch): Release {
  const { name, version } = component;
  switch (name) {
    case 'etcd': {
      const base = `https://github.com/etcd-io/etcd/releases/download/${version}`;
      const folder = `etcd-${version}-linux-${arch}`;
      return {
        url: `${base}/${folder}.tar.gz`,
        checksumUrl: `${base}/SHA256SUMS`,
        archiveMember: `${folder}/etcd`,
      };
    }
    case 'helm': {
      const url = `https://get.helm.sh/helm-${version}-linux-${arch}.tar.gz`;
      return { url, checksumUrl: `${url}.sha256sum`, archiveMember: `linux-${arch}/helm` };
    }
    default: {
      const url = `https://dl.k8s.io/release/${version}/bin/linux/${arch}/${name}`;
      return { url, checksumUrl: `${url}.sha256` };
    }
  }
}

/** The digest for `file` in a checksum file: a bare digest, or the line that names the file. */
export function parseChecksum(text: string, file: string): string | undefined {
  const lines = text.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim().split(/\s+/)]));
  const named = lines.find(([, name]) => name?.replace(/^\*/, '') === file);
  const bare = lines.length === 1 && lines[0]?.length === 1 ? lines[0] : undefined;
  const digest = (named ?? bare)?.[0];
  return digest !== undefined && /^[0-9a-f]{64}$/.test(digest) ? digest : undefined;
}
