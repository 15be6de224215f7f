import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Ip } from '../../../../src/runtime/model/ip.ts';
import { type AddressEntry, Announced } from '../../../../src/runtime/programs/speaker/announced.ts';
import { ip } from '../../../support/views.ts';

const A = ip('10.6.204.20');
const B = ip('10.6.204.21');

let owners: Map<Ip, string>;
let announced: Announced;
beforeEach(() => {
  owners = new Map();
  announced = new Announced({
    nodeName: 'me',
    ownerOf: (address) => owners.get(address),
    isAnnounced: (address) => address === A,
  });
});

const entry = (address: Ip, standing: AddressEntry['standing'], holder?: string): AddressEntry => ({
  ip: address,
  interfaces: 'in-subnet',
  standing,
  policy: 'yield',
  held: 'by-nobody',
  ...(holder === undefined ? {} : { holder }),
});
const take = (...entries: readonly AddressEntry[]) => announced.take({ election: 'spread', entries });
const answered = () => announced.addresses().map((address) => address.ip);

describe('with claims', () => {
  test('nothing is claimed before the others’ claims are known', () => {
    expect(take(entry(A, 'to-claim'))).toEqual({ claim: [], release: [], takenOver: new Map() });
    expect(answered()).toEqual([]);
    expect(announced.allowClaims()).toEqual({ claim: [A], release: [], takenOver: new Map() });
    expect(answered()).toEqual([A]);
  });

  test('nothing is claimed that another has claimed since the plan was made', () => {
    announced.allowClaims();
    owners.set(A, 'other');
    expect(take(entry(A, 'to-claim'), entry(B, 'to-claim'))).toEqual({ claim: [B], release: [], takenOver: new Map() });
    expect(answered()).toEqual([B]);
    expect(take(entry(A, 'to-claim', 'other')).claim).toEqual([A]);
  });

  test('an address is answered until another claims it, however the plan stands', () => {
    announced.allowClaims();
    take(entry(A, 'to-claim'));
    owners.set(A, 'me');
    expect(take(entry(A, 'yielding', 'me'))).toEqual({ claim: [], release: [], takenOver: new Map() });
    expect(answered()).toEqual([A]);
    owners.set(A, 'other');
    announced.overtaken([A]);
    expect(answered()).toEqual([]);
    // A plan that was made before that.
    expect(take(entry(A, 'held', 'me'))).toEqual({ claim: [], release: [], takenOver: new Map() });
    expect(answered()).toEqual([]);
  });

  test('what is no longer planned is released', () => {
    announced.allowClaims();
    take(entry(A, 'to-claim'), entry(B, 'to-claim'));
    expect(take(entry(B, 'held', 'me'))).toEqual({ claim: [], release: [A], takenOver: new Map() });
    expect(answered()).toEqual([B]);
  });

  test('in doubt whether it counts as dead, nothing is answered', () => {
    announced.allowClaims();
    take(entry(A, 'to-claim'));
    announced.setDoubt(true);
    expect(answered()).toEqual([]);
    announced.setDoubt(false);
    expect(answered()).toEqual([A]);
  });
});

describe('what another node had before', () => {
  const fromOf = ({ takenOver }: ReturnType<typeof take>) => Object.fromEntries(takenOver);

  test('what another claims, and what one claimed that is dead, as the plan says; nothing that nobody had', () => {
    announced.allowClaims();
    owners.set(A, 'other');
    const C = ip('10.6.204.22');
    const changes = take(
      entry(A, 'to-claim', 'other'),
      { ...entry(B, 'to-claim'), from: 'dead' },
      entry(C, 'to-claim'),
    );
    expect(changes.claim).toEqual([A, B, C]);
    expect(fromOf(changes)).toEqual({ [A]: 'other', [B]: 'dead' });
  });

  test('told once, when it is claimed', () => {
    const plan = { ...entry(A, 'to-claim'), from: 'dead' };
    expect(fromOf(take(plan))).toEqual({});
    expect(fromOf(announced.allowClaims())).toEqual({ [A]: 'dead' });
    expect(fromOf(take(plan, entry(B, 'to-claim')))).toEqual({});
  });

  test('not what this node has released and takes again', () => {
    announced.allowClaims();
    owners.set(A, 'me');
    expect(fromOf(take({ ...entry(A, 'to-claim'), from: 'other' }))).toEqual({});
  });

  test('elected by hash: what came into the table, not what was answered already', () => {
    announced.allowClaims();
    take(entry(A, 'to-claim'));
    const byHash = (...entries: readonly AddressEntry[]) => announced.take({ election: 'metallb', entries });
    const [a, b] = [A, B].map((address) => ({ ...entry(address, 'to-claim'), from: 'other' })) as [
      AddressEntry,
      AddressEntry,
    ];
    expect(fromOf(byHash(a, b))).toEqual({ [B]: 'other' });
    expect(fromOf(byHash(a, b))).toEqual({});
  });
});

describe('whether the LAN is to be asked first', () => {
  test('not for what another speaker claims, or has claimed by what the plan says', () => {
    announced.allowClaims();
    owners.set(A, 'other');
    take(entry(A, 'to-claim', 'other'), { ...entry(B, 'to-claim'), held: 'by-a-speaker', policy: 'defend' });
    expect(announced.hold(A)).toEqual({ policy: 'yield', held: 'by-a-speaker' });
    expect(announced.hold(B)).toEqual({ policy: 'defend', held: 'by-a-speaker' });
  });

  test('for what nobody claimed, and again when it has been given back', () => {
    announced.allowClaims();
    take(entry(A, 'to-claim'));
    expect(announced.hold(A)).toEqual({ policy: 'yield', held: 'by-nobody' });
    owners.set(A, 'other');
    announced.overtaken([A]);
    take(entry(A, 'to-claim', 'other'));
    expect(announced.hold(A).held).toBe('by-a-speaker');
    take();
    owners.delete(A);
    take(entry(A, 'to-claim'));
    expect(announced.hold(A).held).toBe('by-nobody');
    expect(announced.hold(B)).toEqual({ policy: 'yield', held: 'by-nobody' });
  });

  test('not for what this node announced until it was in doubt, but for what it was asking for', () => {
    announced.allowClaims();
    take(entry(A, 'to-claim'), entry(B, 'to-claim'));
    announced.setDoubt(true);
    announced.setDoubt(false);
    expect(announced.hold(A).held).toBe('by-a-speaker');
    expect(announced.hold(B).held).toBe('by-nobody');
  });
});

test('elected by hash the plan is carried out as it is, and claims are given back', () => {
  announced.allowClaims();
  take(entry(A, 'to-claim'));
  owners.set(B, 'other');
  expect(announced.take({ election: 'metallb', entries: [entry(B, 'to-claim')] })).toEqual({
    claim: [],
    release: [A],
    takenOver: new Map(),
  });
  expect(answered()).toEqual([B]);
});
