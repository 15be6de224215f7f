/** Versions, releases and checksums of the programs a sandbox runs. */
import { describe, expect, test } from '@jest/globals';
import {
  acceptsVersion,
  COMPONENT_NAMES,
  componentByName,
  parseChecksum,
  parseVersion,
  releaseOf,
} from '../../../../src/sandbox/binaries/catalog.ts';

describe('what programs print about their version', () => {
  const rows = [
    { name: 'kubelet', given: 'Kubernetes v1.34.4\n', want: '1.34.4' },
    { name: 'kubectl', given: 'Client Version: v1.32.2\nKustomize Version: v5.5.0\n', want: '1.32.2' },
    { name: 'etcd', given: 'etcd Version: 3.6.16\nGit SHA: Not provided\nGo Version: go1.26.8\n', want: '3.6.16' },
    { name: 'helm', given: 'v3.19.5+g0f2a\n', want: '3.19.5' },
    { name: 'nothing of the kind', given: 'usage: kubelet [flags]', want: undefined },
  ];
  test.each(rows)('$name', ({ given, want }) => {
    expect(parseVersion(given)).toBe(want);
  });
});

describe('versions that do', () => {
  const rows = [
    { name: 'kubelet', given: '1.34.0', want: true },
    { name: 'kubectl', given: '1.32.2', want: false },
    { name: 'kube-proxy', given: '2.34.0', want: false },
    { name: 'etcd', given: '3.5.9', want: true },
    { name: 'etcd', given: '3.4.30', want: false },
    { name: 'helm', given: '3.0.0', want: true },
    { name: 'helm', given: '4.0.0', want: false },
  ] as const;
  test.each(rows)('$name $given: $want', ({ name, given, want }) => {
    expect(acceptsVersion(name, given)).toBe(want);
  });
});

test('every component’s own version does', () => {
  const refused = COMPONENT_NAMES.filter((name) => !acceptsVersion(name, componentByName(name).version.slice(1)));
  expect(COMPONENT_NAMES.length).toBe(8);
  expect(refused).toEqual([]);
});

test('releases come over TLS, with a checksum beside them', () => {
  for (const name of COMPONENT_NAMES) {
    const { url, checksumUrl } = releaseOf(componentByName(name), 'arm64');
    expect(url).toMatch(/^https:\/\/.*arm64/);
    expect(new URL(checksumUrl).host).toBe(new URL(url).host);
  }
});

describe('checksum files', () => {
  const [a, b] = ['a'.repeat(64), 'b'.repeat(64)];
  const rows = [
    { name: 'a bare digest', given: `${a}\n`, want: a },
    { name: 'a digest and the file', given: `${a}  helm.tar.gz\n`, want: a },
    { name: 'one line of many', given: `${b}  other.tar.gz\n${a}  helm.tar.gz\n`, want: a },
    { name: 'none of many', given: `${a}  x.tar.gz\n${b}  other.tar.gz\n`, want: undefined },
    { name: 'a line for another file only', given: `${a}  x.tar.gz\n`, want: undefined },
    { name: 'a file whose name ends alike', given: `${a}  not-helm.tar.gz\n`, want: undefined },
    { name: 'an error page', given: '<html>no such file</html>', want: undefined },
  ];
  test.each(rows)('$name', ({ given, want }) => {
    expect(parseChecksum(given, 'helm.tar.gz')).toBe(want);
  });
});
