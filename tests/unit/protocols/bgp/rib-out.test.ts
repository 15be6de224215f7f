/** What a peer has been told, whichever list of routes follows which. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { AdvertisedRoute } from '../../../../src/runtime/model/bgp-plan.ts';
import { IPV4_UNICAST } from '../../../../src/runtime/protocols/bgp/codec/family.ts';
import { OwnPaths } from '../../../../src/runtime/protocols/bgp/own-path.ts';
import { RibOut } from '../../../../src/runtime/protocols/bgp/rib-out.ts';
import { NEXT_HOPS, route } from '../../../support/bgp-script.ts';

const paths = () =>
  new OwnPaths({
    localAsn: 64512,
    agreement: { peerKind: 'external', ipv4NextHops: 'ipv4', families: [IPV4_UNICAST] },
    nextHops: NEXT_HOPS,
    gracefulShutdown: 'off',
  });

/** Prefix and metric of everything that the peer knows, after so many prefixes at a time. */
function tell(rib: RibOut, known: Map<string, number | undefined>, most: number): void {
  while (rib.dueRoutes > 0) {
    const { withdrawn, announced } = rib.take(most);
    for (const prefix of withdrawn) known.delete(prefix);
    for (const { path, prefixes } of announced) {
      for (const prefix of prefixes) known.set(prefix, path.attributes.multiExitDisc);
    }
  }
}

const anyList = fc
  .uniqueArray(fc.record({ last: fc.nat(12), metric: fc.nat(1) }), { selector: ({ last }) => last, maxLength: 13 })
  .map((routes) => routes.map(({ last, metric }) => route(`10.0.0.${last}/32`, { multiExitDisc: metric })));

test('the last list is what it knows: lists of any order, with routes that come, go and change', () => {
  fc.assert(
    fc.property(fc.array(anyList, { minLength: 2, maxLength: 6 }), fc.integer({ min: 1, max: 5 }), (lists, most) => {
      const rib = new RibOut();
      const known = new Map<string, number | undefined>();
      for (const [at, list] of lists.entries()) {
        rib.want(at + 1, list);
        // The first list is there before the connection is.
        if (at === 0) rib.begin(paths(), 'nothing');
        tell(rib, known, most);
        expect(known).toEqual(new Map(list.map(({ prefix, multiExitDisc }) => [prefix, multiExitDisc])));
        expect(rib.toldRoutes).toBe(list.length);
      }
    }),
    { numRuns: 500 },
  );
});

test.each([
  { what: 'one more in front', change: (list: AdvertisedRoute[]) => [route('10.1.0.0/32'), ...list], prefixes: 1 },
  { what: 'one less in the midst', change: (list: AdvertisedRoute[]) => list.toSpliced(4, 1), prefixes: 1 },
  { what: 'the same in another order', change: (list: AdvertisedRoute[]) => list.toReversed(), prefixes: 0 },
])('$what: $prefixes to tell', ({ change, prefixes }) => {
  const list = Array.from({ length: 9 }, (_, last) => route(`10.0.0.${last}/32`));
  const rib = new RibOut();
  rib.want(1, list);
  rib.begin(paths(), 'nothing');
  tell(rib, new Map(), 100);
  rib.want(2, change(structuredClone(list)));
  expect(rib.dueRoutes).toBe(prefixes);
});
