import { expect, test } from '@jest/globals';
import { ClaimBook } from '../../../../src/runtime/protocols/liveness/claim-book.ts';
import { ip } from '../../../support/views.ts';

const VIP = ip('10.6.204.20');
const told = { ip: VIP, node: 'b', epoch: 7 };

test('what a third speaker tells of a claim counts until its node’s own list tells of the address', () => {
  const book = new ClaimBook('a', () => true);
  book.claim([VIP]);
  book.heardSay(told);
  book.release([VIP]);
  expect(book.owner(VIP)).toEqual(told);
  expect(book.claims()).toEqual([told]);
  expect(book.epoch).toBe(7);
  book.step('b', { version: 1, claimed: [{ epoch: 7, ips: [VIP] }], released: [] });
  expect(book.claims()).toEqual([told]);
  book.step('b', { version: 2, claimed: [], released: [VIP] });
  expect(book.owner(VIP)).toBeUndefined();
});

test('hearsay of a node whose whole list does not tell of the address is forgotten, as is that of a node that is', () => {
  const book = new ClaimBook('a', () => true);
  book.heardSay(told);
  expect(book.replace('b', 1, [])).toEqual([VIP]);
  expect(book.owner(VIP)).toBeUndefined();
  book.heardSay(told);
  expect(book.forget('b')).toEqual([VIP]);
  expect(book.owner(VIP)).toBeUndefined();
});

test('hearsay is no news where the list knows more, nor of this speaker, nor of one that is dead', () => {
  const dead = new Set<string>();
  const book = new ClaimBook('a', (node) => !dead.has(node));
  book.step('b', { version: 1, claimed: [{ epoch: 9, ips: [VIP] }], released: [] });
  book.heardSay(told);
  expect(book.claims()).toEqual([{ ...told, epoch: 9 }]);
  book.heardSay({ ...told, node: 'a', epoch: 12 });
  expect(book.owner(VIP)).toEqual({ ...told, epoch: 9 });
  book.heardSay({ ...told, node: 'c', epoch: 11 });
  dead.add('c');
  expect(book.owner(VIP)).toEqual({ ...told, epoch: 9 });
});
