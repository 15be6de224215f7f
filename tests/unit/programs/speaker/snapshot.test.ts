/** The facts that a speaker plans from, out of its caches and what it has heard of the others. */
import { describe, expect, test } from '@jest/globals';
import { planLayer2 } from '../../../../src/runtime/decide/layer2/plan-layer2.ts';
import { tableFor } from '../../../../src/runtime/decide/layer2/table-for.ts';
import { layer2Facts } from '../../../../src/runtime/programs/speaker/snapshot.ts';
import { facts, sha256Hex } from '../../../support/layer2-facts.ts';

const { config, services, speakers, ...given } = facts();
const nodes = given.nodes.map((node) => ({ ...node, uid: '', ready: true, unschedulable: false, internalIps: [] }));
const endpoints = [{ nodeName: 'node1', serving: true }];
const endpointSlices = [{ namespace: 'default', name: 'nginx-1', serviceName: 'nginx', endpoints }];
const NODES = ['master', 'node1', 'node2'];

/** Who answers for the one address, each by its own plan. */
function answering(election: 'spread' | 'metallb', leaving: readonly string[]): readonly string[] {
  return NODES.filter((nodeName) => {
    const news = { leaving, claims: [], handBack: 'not-now', conflicts: new Map() } as const;
    const caches = { services, endpointSlices, nodes, speakers };
    const settings = { nodeName, loadBalancerClass: undefined, excludedNodes: 'skip', election } as const;
    return tableFor(nodeName, planLayer2(layer2Facts(caches, config, news, settings), sha256Hex)).length > 0;
  });
}

describe('a speaker that is about to stop', () => {
  test('elected by hash answers on, while its successor takes over', () => {
    const [owner = ''] = answering('metallb', []);
    const both = answering('metallb', [owner]);
    expect(both).toHaveLength(2);
    expect(both).toContain(owner);
  });

  test('elected by hash it counts the others out that stop as well', () => {
    const [owner = ''] = answering('metallb', []);
    const [successor = ''] = answering('metallb', [owner]).filter((name) => name !== owner);
    const third = NODES.filter((name) => name !== owner && name !== successor);
    expect([...answering('metallb', [owner, successor])].sort()).toEqual([owner, successor, ...third].sort());
  });

  test('elected evenly leaves its own plan: claims say until when it answers', () => {
    const [owner = ''] = answering('spread', []);
    const after = answering('spread', [owner]);
    expect(after).toHaveLength(1);
    expect(after).not.toContain(owner);
  });
});
