/** The go.mod that makes Kubernetes build as an ordinary dependency. */
import { expect, test } from '@jest/globals';
import { componentByName } from '../../../../src/sandbox/binaries/catalog.ts';
import { goModText, stagingModulesIn } from '../../../../src/sandbox/binaries/go-modules.ts';

const kubernetesGoMod = `module k8s.io/kubernetes

go 1.24.0

require (
	github.com/blang/semver/v4 v4.0.0
	k8s.io/api v0.0.0
	k8s.io/klog/v2 v2.130.1
	k8s.io/kms v0.0.0 // indirect
	k8s.io/utils v0.0.0-20250604170112-4c0f3b243397
)

replace (
	k8s.io/api => ./staging/src/k8s.io/api
)
`;

test('staging modules are those required as v0.0.0', () => {
  expect(stagingModulesIn(kubernetesGoMod)).toEqual(['k8s.io/api', 'k8s.io/kms']);
});

test('they are replaced by their published versions', () => {
  const text = goModText(componentByName('kubelet').goModule, ['k8s.io/api', 'k8s.io/kms']);
  expect(text).toContain('require k8s.io/kubernetes v1.34.4\n');
  expect(text).toContain('replace k8s.io/api v0.0.0 => k8s.io/api v0.34.4\n');
  expect(text).toContain('replace k8s.io/kms v0.0.0 => k8s.io/kms v0.34.4\n');
});

test('a module without staging modules needs nothing replaced', () => {
  expect(goModText(componentByName('etcd').goModule, [])).not.toContain('replace');
});
