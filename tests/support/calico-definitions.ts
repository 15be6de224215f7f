/**
 * Definitions of Calico's BGPConfiguration and BGPPeer, as small as tests need them: the fields that are read and
 * written here, every other kept, and none of Calico's own text.
 */
export type CalicoGroup = 'crd.projectcalico.org' | 'projectcalico.org';

const VERSIONS: Readonly<Record<CalicoGroup, string>> = { 'crd.projectcalico.org': 'v1', 'projectcalico.org': 'v3' };

const CIDR = {
  type: 'object',
  properties: { cidr: { type: 'string' } },
  'x-kubernetes-preserve-unknown-fields': true,
};

/** What a stricter server does not let in: stands for whatever another release of Calico may refuse. */
export const REFUSED_CIDR = '203.0.113.0/24';

export function bgpConfigurationDefinition(group: CalicoGroup): object {
  return definition(group, 'BGPConfiguration', {
    serviceLoadBalancerIPs: {
      type: 'array',
      maxItems: 100,
      items: CIDR,
      'x-kubernetes-validations': [
        { rule: `self.all(block, block.cidr != "${REFUSED_CIDR}")`, message: `not ${REFUSED_CIDR}` },
      ],
    },
  });
}

export function bgpPeerDefinition(group: CalicoGroup): object {
  return definition(group, 'BGPPeer', { peerIP: { type: 'string' } });
}

function definition(group: CalicoGroup, kind: string, fields: object): object {
  const singular = kind.toLowerCase();
  const plural = `${singular}s`;
  const spec = { type: 'object', properties: fields, 'x-kubernetes-preserve-unknown-fields': true };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Cluster',
      names: { kind, listKind: `${kind}List`, plural, singular },
      versions: [
        {
          name: VERSIONS[group],
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', properties: { spec } } },
        },
      ],
    },
  };
}
