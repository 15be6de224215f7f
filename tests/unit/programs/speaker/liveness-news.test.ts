import { expect, test } from '@jest/globals';
import type { Claim } from '../../../../src/runtime/model/claim.ts';
import { LivenessNews, type LivenessNewsOptions } from '../../../../src/runtime/programs/speaker/liveness-news.ts';
import type { LivenessView } from '../../../../src/runtime/programs/speaker/messages.ts';
import type { PeerSnapshot } from '../../../../src/runtime/protocols/liveness/interface.ts';
import { ip } from '../../../support/views.ts';

const peer = (node: string, state: PeerSnapshot['state'], leaving: boolean) =>
  ({ node, state, leaving }) as PeerSnapshot;

function newsOf(given: { leaving: boolean; peers: readonly PeerSnapshot[]; claims?: readonly Claim[] }) {
  const due: (() => void)[] = [];
  const views: LivenessView[] = [];
  const said: string[] = [];
  const log = {
    info: (_: object, text: string) => said.push(text),
    warn: (_: object, text: string) => said.push(text),
  };
  const options: LivenessNewsOptions = {
    log,
    snapshot: () => ({ node: 'me', ...given }),
    claims: () => given.claims ?? [],
    soon: (callback) => due.push(callback),
    onView: (view) => views.push(view),
  };
  const run = (): void => {
    for (const callback of due.splice(0)) callback();
  };
  return { news: new LivenessNews(options), views, said, run };
}

test('who lives, who leaves and who claims what, as the machine believes it; of the dead nobody leaves', () => {
  const claims = [{ ip: ip('10.6.204.20'), node: 'a', epoch: 3 }];
  const peers = [
    peer('a', 'alive', true),
    peer('b', 'dead', true),
    peer('c', 'unknown', false),
    peer('d', 'alive', false),
  ];
  const { news, views, run } = newsOf({ leaving: true, peers, claims });
  news.changed();
  run();
  expect(views).toEqual([
    { states: { a: 'alive', b: 'dead', c: 'unknown', d: 'alive' }, leaving: ['a', 'me'], claims },
  ]);
});

test('one view for all that a turn brings, and none for what changes nothing in it', () => {
  const { news, views, said, run } = newsOf({ leaving: false, peers: [] });
  news.take({ kind: 'claims-changed', ips: [] });
  news.take({ kind: 'peer', node: 'a', state: 'alive', reason: 'heard' });
  news.changed();
  run();
  expect(views).toHaveLength(1);
  news.take({ kind: 'doubt', lateMs: 200 });
  news.take({ kind: 'assured', by: 'a peer' });
  news.take({ kind: 'cut-off', cutOff: true });
  run();
  expect(views).toHaveLength(1);
  expect(said).toEqual([
    'another speaker',
    'held up for so long that others may have taken over; asking them',
    'no other speaker is heard any more',
  ]);
});
