import { beforeEach, describe, expect, test } from '@jest/globals';
import type { TableEntry } from '../../../../src/runtime/decide/layer2/table-for.ts';
import type { Ip } from '../../../../src/runtime/model/ip.ts';
import { Announced } from '../../../../src/runtime/programs/speaker/announced.ts';
import { ip } from '../../../support/views.ts';

const A = ip('10.6.204.20');
const B = ip('10.6.204.21');

let owners: Map<Ip, string>;
let announced: Announced;
beforeEach(() => {
  owners = new Map();
  announced = new Announced({ nodeName: 'me', ownerOf: (address) => owners.get(address) });
});

const entry = (address: Ip, standing: TableEntry['standing'], holder?: string): TableEntry => ({
  ip: address,
  interfaces: 'in-subnet',
  standing,
  ...(holder === undefined ? {} : { holder }),
});
const take = (...entries: readonly TableEntry[]) => announced.take({ election: 'spread', entries });
const answered = () => announced.addresses().map((address) => address.ip);

describe('with claims', () => {
  test('nothing is claimed before the others’ claims are known', () => {
    expect(take(entry(A, 'to-claim'))).toEqual({ claim: [], release: [] });
    expect(answered()).toEqual([]);
    expect(announced.allowClaims()).toEqual([A]);
    expect(answered()).toEqual([A]);
  });

  test('nothing is claimed that another has claimed since the plan was made', () => {
    announced.allowClaims();
    owners.set(A, 'other');
    expect(take(entry(A, 'to-claim'), entry(B, 'to-claim'))).toEqual({ claim: [B], release: [] });
    expect(answered()).toEqual([B]);
    expect(take(entry(A, 'to-claim', 'other')).claim).toEqual([A]);
  });

  test('an address is answered until another claims it, however the plan stands', () => {
    announced.allowClaims();
    take(entry(A, 'to-claim'));
    owners.set(A, 'me');
    expect(take(entry(A, 'yielding', 'me'))).toEqual({ claim: [], release: [] });
    expect(answered()).toEqual([A]);
    owners.set(A, 'other');
    announced.overtaken([A]);
    expect(answered()).toEqual([]);
    // A plan that was made before that.
    expect(take(entry(A, 'held', 'me'))).toEqual({ claim: [], release: [] });
    expect(answered()).toEqual([]);
  });

  test('what is no longer planned is released', () => {
    announced.allowClaims();
    take(entry(A, 'to-claim'), entry(B, 'to-claim'));
    expect(take(entry(B, 'held', 'me'))).toEqual({ claim: [], release: [A] });
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

test('elected by hash the plan is carried out as it is, and claims are given back', () => {
  announced.allowClaims();
  take(entry(A, 'to-claim'));
  owners.set(B, 'other');
  expect(announced.take({ election: 'metallb', entries: [entry(B, 'to-claim')] })).toEqual({ claim: [], release: [A] });
  expect(answered()).toEqual([B]);
});
