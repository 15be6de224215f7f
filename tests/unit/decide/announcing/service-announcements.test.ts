import { expect, test } from '@jest/globals';
import {
  announcementsByService,
  type PlannedOwner,
} from '../../../../src/runtime/decide/announcing/service-announcements.ts';
import { ip } from '../../../support/views.ts';

function plan(address: string, owner: string | undefined, given: Partial<PlannedOwner> = {}): PlannedOwner {
  return {
    ip: ip(address),
    services: ['web/nginx'],
    interfaces: 'in-subnet',
    ...(owner === undefined ? {} : { owner }),
    ...given,
  };
}

test.each<{ name: string; given: readonly PlannedOwner[]; want: object | undefined }>([
  { name: 'announced by nobody', given: [plan('10.0.0.1', undefined)], want: undefined },
  { name: 'announced elsewhere', given: [plan('10.0.0.1', 'n2')], want: { nodes: ['n2'] } },
  {
    name: 'announced here',
    given: [plan('10.0.0.1', 'n1')],
    want: { nodes: ['n1'], own: { addresses: ['10.0.0.1'], interfaces: [] } },
  },
  {
    name: 'its addresses on two nodes',
    given: [plan('10.0.0.1', 'n2'), plan('fd00::1', 'n1'), plan('10.0.0.2', undefined)],
    want: { nodes: ['n1', 'n2'], own: { addresses: ['fd00::1'], interfaces: [] } },
  },
  {
    name: 'restricted to interfaces',
    given: [plan('10.0.0.1', 'n1', { interfaces: ['eth1', 'eth0'] }), plan('10.0.0.2', 'n1', { interfaces: ['eth2'] })],
    want: { nodes: ['n1'], own: { addresses: ['10.0.0.1', '10.0.0.2'], interfaces: ['eth0', 'eth1', 'eth2'] } },
  },
  {
    name: 'one address restricted and another not',
    given: [plan('10.0.0.1', 'n1', { interfaces: ['eth1'] }), plan('10.0.0.2', 'n1')],
    want: { nodes: ['n1'], own: { addresses: ['10.0.0.1', '10.0.0.2'], interfaces: [] } },
  },
  {
    name: 'sharing an address',
    given: [plan('10.0.0.1', 'n1', { services: ['web/nginx', 'web/other'] })],
    want: { nodes: ['n1'], own: { addresses: ['10.0.0.1'], interfaces: [] } },
  },
])('a Service $name', ({ given, want }) => {
  expect(announcementsByService(given, 'n1').get('web/nginx')).toEqual(want);
});
