import { describe, expect, test } from '@jest/globals';
import { losers } from '../../../../src/installer/plan/kept-addresses.ts';
import { planMigration } from '../../../../src/installer/plan/migration.ts';
import { config, ip, pool, service } from '../../../support/views.ts';
import { kinds } from '../render/role-files.ts';

const YAML = {
  peers: [{ 'my-asn': 64500, 'peer-asn': 64501, 'peer-address': '10.0.0.1' }],
  'address-pools': [
    { name: 'a', protocol: 'layer2', addresses: ['10.0.0.0/24'] },
    { name: 'b', protocol: 'bgp', addresses: ['10.0.1.0/24'] },
  ],
};
const plan = (yaml: unknown) => planMigration({ yaml, label: 'old.yaml', namespace: 'metallb-system' }, kinds);
const planned = (yaml: unknown) => {
  const result = plan(yaml);
  if (!result.ok) throw new Error(result.problems.join('\n'));
  return result.plan;
};

describe('the plan of a migration', () => {
  test('has every object in its own version, and the pools last', () => {
    expect(
      planned(YAML).objects.map(({ apiVersion, kind, metadata }) => `${apiVersion} ${kind} ${metadata.name}`),
    ).toEqual([
      'metallb.io/v1beta2 BGPPeer peer1',
      'metallb.io/v1beta1 BGPAdvertisement bgpadvertisement1',
      'metallb.io/v1beta1 L2Advertisement l2advertisement1',
      'metallb.io/v1beta1 IPAddressPool a',
      'metallb.io/v1beta1 IPAddressPool b',
    ]);
  });

  test.each([
    {
      name: 'a name that changes',
      yaml: { 'address-pools': [{ ...YAML['address-pools'][0], name: 'A' }] },
      want: 'the pool "A" becomes "a": Services',
    },
    {
      name: 'a password',
      yaml: { ...YAML, peers: [{ ...YAML.peers[0], password: 'x' }] },
      want: 'password stands readable',
    },
    { name: 'no pools', yaml: { 'address-pools': [] }, want: 'there are no address pools' },
  ])('warns of $name', ({ yaml, want }) => {
    expect(planned(yaml).warnings).toEqual([expect.stringContaining(want)]);
  });

  test('tells what the resource definition refuses at its place in the YAML', () => {
    const result = plan({ ...YAML, peers: [{ ...YAML.peers[0], 'peer-port': 17900 }] });
    expect(result).toEqual({
      ok: false,
      problems: [expect.stringContaining('old.yaml config.peers[0].peer-port: 17900')],
    });
  });
});

describe('Services when one configuration takes another’s place', () => {
  const holder = (name: string, given: object = {}) => service(name, { ingress: [{ ip: ip('10.0.0.1') }], ...given });
  const of = (before: string, after: string, services = [holder('web')]) =>
    losers({
      before: config({ pools: [pool(before, ['10.0.0.0/24'])] }),
      after: config({ pools: [pool(after, ['10.0.0.0/24'])] }),
      services,
      loadBalancerClass: undefined,
    });
  const allocated = { 'metallb.io/ip-allocated-from-pool': 'a' };

  test('keep their addresses when the pool has another name only', () => {
    expect(of('a', 'b', [holder('web', { annotations: allocated })])).toEqual([]);
  });

  test('that ask for the pool by its old name are told', () => {
    const asking = holder('web', { annotations: { ...allocated, 'metallb.io/address-pool': 'a' } });
    expect(of('a', 'b', [asking])).toEqual([expect.stringContaining('Service default/web')]);
  });

  test('that would lose their address are told', () => {
    const lost = losers({
      before: config({ pools: [pool('a', ['10.0.0.0/24'])] }),
      after: config({ pools: [pool('a', ['10.0.9.0/24'])] }),
      services: [holder('web', { annotations: allocated })],
      loadBalancerClass: undefined,
    });
    expect(lost).toEqual([expect.stringContaining('Service default/web would have 10.0.9.0 in place of 10.0.0.1')]);
  });
});
