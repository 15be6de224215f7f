import { expect, test } from '@jest/globals';
import { speakerStandings } from '../../../../src/installer/steps/layer2-world.ts';
import type { LeaseView } from '../../../../src/runtime/model/cluster.ts';

const NOW = Date.parse('2026-03-01T12:00:00Z');

/** A speaker's Lease of five seconds, renewed so many seconds before what is `NOW` here. */
function lease(holder: string, secondsAgo: number): LeaseView {
  return {
    namespace: 'metallb-system',
    name: `speaker-${holder}`,
    uid: holder,
    resourceVersion: '1',
    annotations: {},
    holder,
    durationSeconds: 5,
    renewTime: new Date(NOW - secondsAgo * 1000).toISOString().replace('Z', '000Z'),
  };
}

function alive(...leases: readonly LeaseView[]): string[] {
  return speakerStandings(leases, NOW)
    .filter((speaker) => speaker.alive)
    .map(({ nodeName }) => nodeName);
}

test.each<{ name: string; given: readonly LeaseView[]; want: string[] }>([
  { name: 'both renewed a moment ago', given: [lease('n1', 1), lease('n2', 2)], want: ['n1', 'n2'] },
  { name: 'one has run out', given: [lease('n1', 1), lease('n2', 30)], want: ['n1'] },
  {
    name: 'the nodes’ clocks are behind this machine’s',
    given: [lease('n1', 40), lease('n2', 42)],
    want: ['n1', 'n2'],
  },
  { name: 'the nodes’ clocks are ahead', given: [lease('n1', -600), lease('n2', -590)], want: ['n1'] },
  { name: 'nobody has renewed for hours', given: [lease('n1', 7200), lease('n2', 7201)], want: [] },
  { name: 'given up in good order', given: [{ ...lease('n1', 1), holder: '' }], want: [] },
])('speakers that live: $name', ({ given, want }) => {
  expect(alive(...given)).toEqual(want);
});
