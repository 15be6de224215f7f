import { createHash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { toBgpSessionStatus } from '../../../../src/runtime/adapters/kube/bgp-session-status.ts';
import {
  type ToldSession,
  wantedSessionStatus,
} from '../../../../src/runtime/decide/announcing/session-status-objects.ts';

const sha256Hex = (text: string): string => createHash('sha256').update(text).digest('hex');
const LEAST: ToldSession = {
  peer: 'tor-1',
  state: 'active',
  since: '2026-08-01T10:00:00Z',
  advertisedPrefixes: 0,
  prefixes: [],
  notAdvertised: [],
  receivedPrefixes: 0,
  flaps: 0,
};
const MOST: ToldSession = {
  ...LEAST,
  state: 'established',
  address: '192.0.2.1',
  localAddress: '192.0.2.11',
  asn: 64512,
  identifier: '192.0.2.1',
  bfd: 'up',
  advertisedPrefixes: 1,
  prefixes: ['10.0.0.1/32'],
  notAdvertised: ['ipv6 unicast: the router does not speak it'],
  receivedPrefixes: 2,
  lastError: 'hold timer expired',
  flaps: 3,
};

test.each([
  { name: 'a session that has not come about', told: LEAST },
  { name: 'one of which there is everything to say', told: MOST },
])('what is written of $name is what is read', ({ told }) => {
  const { fixed, fields } = wantedSessionStatus({ node: 'n1', told }, sha256Hex);
  const stored = Object.entries({ ...fixed, ...fields }).filter(([, value]) => value !== null);
  expect(toBgpSessionStatus({ status: Object.fromEntries(stored) })).toEqual({ node: 'n1', ...told });
});

test.each([
  { name: 'without a status', given: {} },
  { name: 'that names no peer', given: { status: { node: 'n1', state: 'idle' } } },
  { name: 'in a state that there is not', given: { status: { node: 'n1', peer: 'p', state: 'fine' } } },
])('an object $name is nothing to read', ({ given }) => {
  expect(toBgpSessionStatus(given)).toBeUndefined();
});
