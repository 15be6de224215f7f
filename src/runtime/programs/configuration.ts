/**
 * The configuration in the cluster, watched: what decide/configuration/config-source chooses from, and what it chose
 * last. Both programs read the configuration through this, so that they agree on what is in force.
 */
import { readConfigMapYaml } from '../adapters/kube/config-map-yaml.ts';
import { type AnyInformer, Informer } from '../adapters/kube/informer.ts';
import { corePath, type MetallbPlural, metallbPath, NAMESPACES_PATH } from '../adapters/kube/paths.ts';
import { toConfigMapView, toNamespaceView, toRawResource } from '../adapters/kube/read-model.ts';
import type { Untyped } from '../adapters/kube/untyped.ts';
import {
  type ConfigSources,
  type DecidedConfig,
  decideConfig,
  NO_MEMORY,
} from '../decide/configuration/config-source.ts';
import type { LabelledNode } from '../decide/configuration/node-choice.ts';
import type { Clock, KubeApi, Random } from '../engine/ports.ts';
import type { ConfigMapView, NamespaceView } from '../model/cluster.ts';
import type { RawResource } from '../model/resource.ts';
import type { Result } from '../model/result.ts';
import { PeerSecrets } from './peer-secrets.ts';

/** The old ConfigMap's name. */
const CONFIG_MAP = 'config';

/** The kinds that a user configures with, by their plurals. */
export const CONFIG_KINDS = {
  ipaddresspools: 'IPAddressPool',
  l2advertisements: 'L2Advertisement',
  bgpadvertisements: 'BGPAdvertisement',
  bgppeers: 'BGPPeer',
  communities: 'Community',
  bfdprofiles: 'BFDProfile',
} as const satisfies Partial<Record<MetallbPlural, string>>;

export type ConfigPlural = keyof typeof CONFIG_KINDS;
export const CONFIG_PLURALS = Object.keys(CONFIG_KINDS) as readonly ConfigPlural[];

/**
 * Whose absence is waited for: pools that seem to be gone take every address with them, and advertisements every
 * announcement. Clusters whose definitions are older than the BGP kinds are served all the same.
 */
const WAITED_FOR: readonly ConfigPlural[] = ['ipaddresspools', 'l2advertisements'];

export interface ConfigurationOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly random: Random;
  /** Where the custom resources and the old ConfigMap are. */
  readonly namespace: string;
  /** The cluster's nodes, to be asked once their owner has read them; whoever changes them calls nodesChanged. */
  readonly nodes?: () => readonly LabelledNode[];
  /** Only what concerns this node's BGP is looked at; absent: everything. */
  readonly nodeName?: string;
  /** 'read': the passwords of BGPPeers in Secrets of the namespace. Absent: nobody asks for Secrets. */
  readonly secrets?: 'read';
  readonly onChange: () => void;
  readonly onError: (error: Error) => void;
}

export class Configuration {
  readonly #options: ConfigurationOptions;
  readonly resources: Readonly<Record<ConfigPlural, Informer<RawResource>>>;
  readonly #namespaces: Informer<NamespaceView>;
  /** Holds the old ConfigMap, or nothing. */
  readonly configMaps: Informer<ConfigMapView>;
  /** The ConfigMap's content as YAML, of the version that was read last. */
  #yaml: { readonly resourceVersion: string; readonly content: Result<unknown> } | undefined;
  readonly #secrets: PeerSecrets | undefined;
  #memory = NO_MEMORY;
  #nodesText = '';
  /** Undefined: something changed since it was decided. */
  #decided: DecidedConfig | undefined;

  constructor(options: ConfigurationOptions) {
    this.#options = options;
    const { namespace } = options;
    this.resources = Object.fromEntries(
      CONFIG_PLURALS.map((plural) => [
        plural,
        this.#informer(metallbPath(plural, namespace), toRawResource(CONFIG_KINDS[plural]), {
          whenMissing: WAITED_FOR.includes(plural) ? 'wait' : 'empty',
        }),
      ]),
    ) as Record<ConfigPlural, Informer<RawResource>>;
    this.#namespaces = this.#informer(NAMESPACES_PATH, toNamespaceView);
    this.configMaps = this.#informer(corePath('configmaps', namespace), toConfigMapView, {
      fieldSelector: `metadata.name=${CONFIG_MAP}`,
    });
    if (options.secrets === 'read') this.#secrets = new PeerSecrets({ ...options, onChange: () => this.#changed() });
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
    const areSecretsSettled = this.#secrets?.isSettled ?? true;
    return isConfigMapRead && areSecretsSettled && this.#waitedFor().every((informer) => informer.synced);
  }

  /** Those that run; one for Secrets joins them when it is needed. */
  informers(): readonly AnyInformer[] {
    return [...this.#waitedFor(), ...(this.#secrets?.informers() ?? [])];
  }

  #waitedFor(): readonly AnyInformer[] {
    return [...Object.values(this.resources), this.#namespaces, this.configMaps];
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
    const { ipaddresspools, l2advertisements, bgpadvertisements, bgppeers, communities, bfdprofiles } = this.resources;
    const nodes = this.#options.nodes?.();
    const resources = {
      pools: ipaddresspools.list(),
      l2Advertisements: l2advertisements.list(),
      bgpAdvertisements: bgpadvertisements.list(),
      bgpPeers: bgppeers.list(),
      communities: communities.list(),
      bfdProfiles: bfdprofiles.list(),
      namespaces: this.#namespaces.list(),
      nodes,
      node: this.#ownNode(nodes),
      secrets: this.#secrets?.view(),
    };
    if (configMap === undefined || this.#yaml === undefined) return { resources };
    const path = `ConfigMap ${configMap.namespace}/${configMap.name}`;
    return { resources, configMap: { path, yaml: this.#yaml.content } };
  }

  /** A node that the cluster does not know is one without labels. */
  #ownNode(nodes: readonly LabelledNode[] | undefined): LabelledNode | undefined {
    const { nodeName } = this.#options;
    if (nodeName === undefined) return undefined;
    return nodes?.find(({ name }) => name === nodeName) ?? { name: nodeName, labels: {} };
  }

  #informer<View extends object>(
    path: string,
    toView: (raw: Untyped) => View | undefined,
    rest: { readonly fieldSelector?: string; readonly whenMissing?: 'wait' | 'empty' } = {},
  ): Informer<View> {
    const { api, clock, random, onError } = this.#options;
    return new Informer<View>({
      api,
      clock,
      random,
      path,
      ...rest,
      toView,
      onChange: () => this.#changed(),
      onError,
    });
  }

  /** Nodes came, went or changed. Of interest are their names and labels only, which seldom do. */
  nodesChanged(): void {
    const nodes = this.#options.nodes?.() ?? [];
    const text = JSON.stringify(nodes.map(({ name, labels }) => [name, Object.entries(labels).sort()]).sort());
    if (text === this.#nodesText) return;
    this.#nodesText = text;
    this.#decided = undefined;
  }

  #changed(): void {
    const configMap = this.configMap();
    if (configMap === undefined) this.#yaml = undefined;
    else if (configMap.resourceVersion !== this.#yaml?.resourceVersion) void this.#readConfigMap(configMap);
    this.#secrets?.readIfNamed(this.resources.bgppeers.list());
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
