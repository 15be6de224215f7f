/** A Service of the API as the ServiceView that decisions read; see read-model.ts for the manners. */
import { type IpFamily, parseIp } from '../../model/ip.ts';
import type { ConditionView, IngressView, ServicePort, ServiceView } from '../../model/service.ts';
import { ownAnnotations, parsedIps } from './read-model.ts';
import { asArray, asNumber, asObject, asString, asTexts, type Untyped } from './untyped.ts';

export function toServiceView(raw: Untyped): ServiceView {
  const metadata = asObject(raw['metadata']);
  const spec = asObject(raw['spec']);
  const status = asObject(raw['status']);
  const loadBalancerClass = asString(spec['loadBalancerClass']);
  const loadBalancerIp = asString(spec['loadBalancerIP']).trim();
  return {
    namespace: asString(metadata['namespace']),
    name: asString(metadata['name']),
    uid: asString(metadata['uid']),
    resourceVersion: asString(metadata['resourceVersion']),
    createdAtMs: Date.parse(asString(metadata['creationTimestamp'])) || 0,
    deleting: typeof metadata['deletionTimestamp'] === 'string',
    type: asString(spec['type']) || 'ClusterIP',
    ...(loadBalancerClass === '' ? {} : { loadBalancerClass }),
    labels: asTexts(metadata['labels']),
    annotations: ownAnnotations(metadata),
    // Servers before 1.20 have the single field only.
    clusterIps: parsedIps(asArray(spec['clusterIPs'] ?? [spec['clusterIP']])),
    ipFamilies: asArray(spec['ipFamilies']).flatMap(toFamily),
    ipFamilyPolicy: toPolicy(spec['ipFamilyPolicy']),
    externalTrafficPolicy: spec['externalTrafficPolicy'] === 'Local' ? 'Local' : 'Cluster',
    selector: asTexts(spec['selector']),
    ports: asArray(spec['ports']).flatMap(toPort),
    ...(loadBalancerIp === '' ? {} : { loadBalancerIp }),
    ingress: asArray(asObject(status['loadBalancer'])['ingress']).map((entry) => toIngress(asObject(entry))),
    conditions: asArray(status['conditions']).map((condition) => toCondition(asObject(condition))),
  };
}

function toFamily(family: unknown): IpFamily[] {
  return family === 'IPv4' ? ['ipv4'] : family === 'IPv6' ? ['ipv6'] : [];
}

function toPolicy(policy: unknown): ServiceView['ipFamilyPolicy'] {
  return policy === 'PreferDualStack' || policy === 'RequireDualStack' ? policy : 'SingleStack';
}

function toPort(raw: unknown): ServicePort[] {
  const { port, protocol } = asObject(raw);
  if (typeof port !== 'number') return [];
  return [{ port, protocol: protocol === 'UDP' || protocol === 'SCTP' ? protocol : 'TCP' }];
}

function toIngress(raw: Untyped): IngressView {
  const text = asString(raw['ip']);
  const ip = parseIp(text);
  const hostname = asString(raw['hostname']);
  const ipMode = asString(raw['ipMode']);
  return {
    ...(ip.ok ? { ip: ip.value } : {}),
    ...(!ip.ok && text !== '' ? { malformedIp: text } : {}),
    ...(hostname === '' ? {} : { hostname }),
    ...(ipMode === '' ? {} : { ipMode }),
  };
}

function toCondition(raw: Untyped): ConditionView {
  const status = raw['status'];
  const lastTransitionTime = asString(raw['lastTransitionTime']);
  return {
    type: asString(raw['type']),
    status: status === 'True' || status === 'False' ? status : 'Unknown',
    reason: asString(raw['reason']),
    message: asString(raw['message']),
    ...(typeof raw['observedGeneration'] === 'number'
      ? { observedGeneration: asNumber(raw['observedGeneration']) }
      : {}),
    ...(lastTransitionTime === '' ? {} : { lastTransitionTime }),
  };
}
