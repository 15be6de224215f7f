/** A Helm whose release lives in a fake cluster. */
import type { KubeObject } from '../../../../src/installer/kube-object.ts';
import type { Helm } from '../../../../src/installer/steps/helm.ts';
import type { FakeCluster } from './fake-cluster.ts';

/** What the chart is made of. */
export const CHART: readonly KubeObject[] = [
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'controller', namespace: 'metallb-system' } },
];

export class FakeHelm implements Helm {
  readonly #cluster: FakeCluster;
  status: string | undefined;
  upgrades = 0;

  constructor(cluster: FakeCluster) {
    this.#cluster = cluster;
  }
  async version() {
    return 'v3.19.5';
  }
  async release() {
    return this.status === undefined ? undefined : { status: this.status, revision: 1, objects: CHART };
  }
  async template() {
    return CHART;
  }
  async upgrade() {
    this.upgrades++;
    this.status = 'deployed';
    for (const object of CHART) await this.#cluster.apply(object, 'write');
  }
  async uninstall() {
    this.status = undefined;
    for (const object of CHART) await this.#cluster.delete(object);
  }
}
