/** What is told of Calico's list of blocks, as an Event on the controller's ConfigurationState. */
import type { ClusterEvent } from '../../adapters/kube/events.ts';
import { metallbApiVersion } from '../../adapters/kube/paths.ts';
import type { BlockPlan } from '../../decide/calico/plan-blocks.ts';
import { CALICO_BGP_TEXT } from '../../model/calico.ts';
import type { ConfigError } from '../../model/config.ts';
import type { IpPrefix } from '../../model/ip-prefix.ts';
import type { RawResource } from '../../model/resource.ts';

export type CalicoNews = { readonly plan: BlockPlan } | { readonly fault: ConfigError };

export function calicoEvent({ namespace, name, uid, kind }: RawResource, news: CalicoNews): ClusterEvent {
  const object = { apiVersion: metallbApiVersion('configurationstates'), kind, namespace, name, uid };
  if ('fault' in news) {
    const { path, message } = news.fault;
    return { object, type: 'Warning', reason: 'CalicoNotInStep', message: `${path}: ${message}` };
  }
  return { object, type: 'Normal', reason: 'CalicoInStep', message: `${CALICO_BGP_TEXT}: ${changeWords(news.plan)}` };
}

function changeWords({ added, removed }: BlockPlan): string {
  const said = [listWords('added', added), listWords('removed', removed)].filter((text) => text !== '');
  return said.length === 0 ? 'the record of our blocks was put right' : said.join('; ');
}

function listWords(verb: string, prefixes: readonly IpPrefix[]): string {
  return prefixes.length === 0 ? '' : `${verb} ${prefixes.join(', ')}`;
}
