/**
 * The configuration in the cluster, watched: what decide/config-source chooses from, and what it chose last. Both
 * programs read the configuration through this, so that they agree on what is in force.
 */
import { readConfigMapYaml } from '../adapters/kube/config-map-yaml.ts';
import { type AnyInformer, Informer } from '../adapters/kube/informer.ts';
import { corePath, metallbPath, NAMESPACES_PATH } from '../adapters/kube/paths.ts';
import { toConfigMapView, toNamespaceView, toRawResource } from '../adapters/kube/read-model.ts';
import type { Untyped } from '../adapters/kube/untyped.ts';
import { type ConfigSources, type DecidedConfig, decideConfig, NO_MEMORY } from '../decide/config-source.ts';
import type { Clock, KubeApi, Random } from '../engine/ports.ts';
import type { ConfigMapView, NamespaceView } from '../model/cluster.ts';
import type { RawResource } from '../model/resource.ts';
import type { Result } from '../model/result.ts';

/** The old ConfigMap's name. */
const CONFIG_MAP = 'config';

export interface ConfigurationOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly random: Random;
  /** Where the custom resources and the old ConfigMap are. */
  readonly namespace: string;
  readonly onChange: () => void;
  readonly onError: (error: Error) => void;
}

export class Configuration {
  readonly #options: ConfigurationOptions;
  readonly pools: Informer<RawResource>;
  readonly l2Advertisements: Informer<RawResource>;
  readonly #namespaces: Informer<NamespaceView>;
  /** Holds the old ConfigMap, or nothing. */
  readonly configMaps: Informer<ConfigMapView>;
  /** The ConfigMap's content as YAML, of the version that was read last. */
  #yaml: { readonly resourceVersion: string; readonly content: Result<unknown> } | undefined;
  #memory = NO_MEMORY;
  /** Undefined: something changed since it was decided. */
  #decided: DecidedConfig | undefined;

  constructor(options: ConfigurationOptions) {
    this.#options = options;
    const { namespace } = options;
    // An unknown path is waited for, here of all places: pools that seem to be gone take every address with them.
    this.pools = this.#informer(metallbPath('ipaddresspools', namespace), toRawResource('IPAddressPool'));
    this.l2Advertisements = this.#informer(
      metallbPath('l2advertisements', namespace),
      toRawResource('L2Advertisement'),
    );
    this.#namespaces = this.#informer(NAMESPACES_PATH, toNamespaceView);
    this.configMaps = this.#informer(corePath('configmaps', namespace), toConfigMapView, {
      fieldSelector: `metadata.name=${CONFIG_MAP}`,
    });
  }

  start(): void {
    for (const informer of this.informers()) {
      informer.start();
      void informer.whenSynced().then(() => this.#changed());
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.informers().map((informer) => informer.stop()));
  }

  /** Whether everything it is made of was read at least once. */
  get synced(): boolean {
    const isConfigMapRead = this.configMap() === undefined || this.#yaml !== undefined;
    return isConfigMapRead && this.informers().every((informer) => informer.synced);
  }

  informers(): readonly AnyInformer[] {
    return [this.pools, this.l2Advertisements, this.#namespaces, this.configMaps];
  }

  /** The old ConfigMap, if it exists. */
  configMap(): ConfigMapView | undefined {
    return this.configMaps.get(`${this.#options.namespace}/${CONFIG_MAP}`);
  }

  namespaces(): readonly NamespaceView[] {
    return this.#namespaces.list();
  }

  /** What is in force now. Only to be asked once synced; the same value until something changes. */
  decide(): DecidedConfig {
    this.#decided ??= decideConfig(this.#sources(), this.#memory);
    this.#memory = this.#decided.memory;
    return this.#decided;
  }

  #sources(): ConfigSources {
    const configMap = this.configMap();
    const resources = {
      pools: this.pools.list(),
      l2Advertisements: this.l2Advertisements.list(),
      namespaces: this.#namespaces.list(),
    };
    if (configMap === undefined || this.#yaml === undefined) return { resources };
    const path = `ConfigMap ${configMap.namespace}/${configMap.name}`;
    return { resources, configMap: { path, yaml: this.#yaml.content } };
  }

  #informer<View extends object>(
    path: string,
    toView: (raw: Untyped) => View | undefined,
    selectors: { readonly fieldSelector?: string } = {},
  ): Informer<View> {
    const { api, clock, random, onError } = this.#options;
    return new Informer<View>({
      api,
      clock,
      random,
      path,
      ...selectors,
      toView,
      onChange: () => this.#changed(),
      onError,
    });
  }

  #changed(): void {
    const configMap = this.configMap();
    if (configMap === undefined) this.#yaml = undefined;
    else if (configMap.resourceVersion !== this.#yaml?.resourceVersion) void this.#readConfigMap(configMap);
    this.#decided = undefined;
    this.#options.onChange();
  }

  async #readConfigMap(configMap: ConfigMapView): Promise<void> {
    const { resourceVersion } = configMap;
    const content = await readConfigMapYaml(configMap);
    // A later version overtook this one: its own reading is under way.
    if (this.configMap()?.resourceVersion !== resourceVersion) return;
    this.#yaml = { resourceVersion, content };
    this.#changed();
  }
}
