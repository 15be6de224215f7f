import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Ip } from '../../../../src/runtime/model/ip.ts';
import { WritesUnderWay } from '../../../../src/runtime/programs/controller/writes-under-way.ts';
import { ip } from '../../../support/views.ts';

const ADDRESS = ip('10.0.0.1');
let versions: Map<string, string>;
let news: number;
let writes: WritesUnderWay;
beforeEach(() => {
  versions = new Map([
    ['default/a', '5'],
    ['default/b', '6'],
  ]);
  news = 0;
  writes = new WritesUnderWay({
    versionOf: (key) => versions.get(key),
    onNews: () => {
      news += 1;
    },
  });
  writes.sent('default/a', '5', [ADDRESS]);
});

/** Whether b, which the decision gives these, must wait. */
const mustWait = (ips: readonly Ip[] = [ADDRESS], gives = false): boolean =>
  writes.mustWait('default/b', ips, () => gives);

describe('an address that is on its way to one Service', () => {
  test('is kept from every other, unless the decision gives it to both', () => {
    expect(mustWait()).toBe(true);
    expect(mustWait([ip('10.0.0.2')])).toBe(false);
    expect(mustWait([ADDRESS], true)).toBe(false);
    expect(writes.mustWait('default/a', [ADDRESS], () => false)).toBe(false);
    expect(news).toBe(0);
  });

  test('refused, is free, and whoever had to wait is decided for anew', () => {
    mustWait();
    writes.settled('default/a', 'refused');
    expect(news).toBe(1);
    expect(mustWait()).toBe(false);
  });

  test('written, is kept until a decision knows of it, and one is asked for', () => {
    mustWait();
    writes.settled('default/a', 'written');
    expect(news).toBe(1);
    expect(mustWait()).toBe(true);
    expect(news).toBe(2);
    writes.decided();
    expect(mustWait()).toBe(false);
  });

  test.each([
    { name: 'is seen in another version: the write shows, or will be refused', version: '7' },
    { name: 'is gone', version: undefined },
  ])('never answered, is kept until a decision knows that the Service $name', ({ version }) => {
    if (version === undefined) versions.delete('default/a');
    else versions.set('default/a', version);
    expect(mustWait()).toBe(true);
    expect(news).toBe(1);
    writes.decided();
    expect(mustWait()).toBe(false);
  });

  test('never answered, is kept over any number of decisions as long as the Service is as it was', () => {
    writes.decided();
    writes.decided();
    expect(mustWait()).toBe(true);
  });

  test('is free when something else was sent to that Service and answered', () => {
    mustWait();
    writes.sent('default/a', '5', [ip('10.0.0.3')]);
    writes.settled('default/a', 'written');
    expect(mustWait()).toBe(false);
    expect(news).toBe(1);
  });

  test('nobody is told of an answer that nobody waits for', () => {
    writes.settled('default/a', 'written');
    expect(news).toBe(0);
  });
});
