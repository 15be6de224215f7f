import { describe, expect, test } from '@jest/globals';
import { findingOf, type ProbeOutcome, type ProbeSight } from '../../../src/installer/probe-findings.ts';
import type { PortResult } from '../../../src/installer/steps/probe-node.ts';
import type { Mac } from '../../../src/runtime/model/mac.ts';
import { ip } from '../../support/views.ts';

const M2 = '02:00:00:00:00:02' as Mac;
const M9 = '02:00:00:00:00:09' as Mac;

function sight(given: Partial<ProbeSight> = {}): ProbeSight {
  return {
    ip: ip('10.6.204.20'),
    announcedBy: ['n2'],
    from: { node: 'n1', interface: 'eth0' },
    failures: [],
    macs: [{ mac: M2, node: 'n2' }],
    unasked: [],
    tcp: [{ mac: M2, port: 80, result: 'open' }],
    ports: [80],
    ...given,
  };
}

test.each<{
  name: string;
  given: Partial<ProbeSight>;
  outcome: ProbeOutcome;
  message: string;
  advice: RegExp | undefined;
}>([
  {
    name: 'the announcing node answers',
    given: {},
    outcome: 'answered',
    message: `${M2} answers, which is n2’s, the node that announces it (asked by ARP from n1 on eth0)`,
    advice: undefined,
  },
  {
    name: 'of IPv6 by neighbour discovery',
    given: { ip: ip('fd00::20') },
    outcome: 'answered',
    message: `${M2} answers, which is n2’s, the node that announces it (asked by NDP from n1 on eth0)`,
    advice: undefined,
  },
  {
    name: 'another node answers',
    given: { announcedBy: ['n3'] },
    outcome: 'answered-by-another-node',
    message: `${M2} answers, which is n2’s; that it announces the address, n3 says so (asked by ARP from n1 on eth0)`,
    advice: /^run it again in some seconds/,
  },
  {
    name: 'a node answers that does not say so, as nobody does',
    given: { announcedBy: [] },
    outcome: 'answered-by-another-node',
    message: `${M2} answers, which is n2’s; that it announces the address, nobody says so (asked by ARP from n1 on eth0)`,
    advice: /^run it again/,
  },
  {
    name: 'somebody who is no node answers',
    given: { macs: [{ mac: M9 }] },
    outcome: 'answered-by-foreign-host',
    message: `${M9} answers, which no node of the inventory has: a foreign host holds the address (asked by ARP from n1 on eth0)`,
    advice: /^find 02:00:00:00:00:09 in the switches’ address tables, and take 10\.6\.204\.20 off that host/,
  },
  {
    name: 'somebody answers, and not all nodes could be asked',
    given: { macs: [{ mac: M9 }], unasked: ['n3'] },
    outcome: 'answered-by-unknown-host',
    message: `${M9} answers, which is none of the nodes’ that could be asked; n3 could not (asked by ARP from n1 on eth0)`,
    advice: /^let this machine reach n3 over ssh/,
  },
  {
    name: 'two nodes answer',
    given: {
      macs: [
        { mac: M2, node: 'n2' },
        { mac: M9, node: 'n3' },
      ],
    },
    outcome: 'answered-twice',
    message: `2 answer: ${M2} (n2), ${M9} (n3) (asked by ARP from n1 on eth0)`,
    advice: /strictARP: true/,
  },
  {
    name: 'a node and a stranger answer',
    given: { macs: [{ mac: M2, node: 'n2' }, { mac: M9 }] },
    outcome: 'answered-twice',
    message: `2 answer: ${M2} (n2), ${M9} (no known node) (asked by ARP from n1 on eth0)`,
    advice: /^find 02:00:00:00:00:09/,
  },
  {
    name: 'nobody answers',
    given: { macs: [], tcp: [] },
    outcome: 'no-answer',
    message: 'nobody answers (asked by ARP from n1 on eth0)',
    advice: /^see whether the question arrives at n2: tcpdump -ni any arp and host 10\.6\.204\.20$/,
  },
  {
    name: 'nobody answers, and nobody says that it announces it',
    given: { macs: [], tcp: [], announcedBy: [] },
    outcome: 'no-answer',
    message: 'nobody answers (asked by ARP from n1 on eth0)',
    advice: /^get the address announced first/,
  },
])('$name: $outcome', ({ given, outcome, message, advice }) => {
  const finding = findingOf(sight(given));
  expect(finding.outcome).toBe(outcome);
  expect(finding.message).toBe(message);
  expect(finding.inOrder).toBe(outcome === 'answered');
  if (advice === undefined) expect(finding.advice).toEqual([]);
  else expect(finding.advice[0]).toMatch(advice);
});

test('where no node could ask, each says why', () => {
  const { from: _, ...nobody } = sight({ macs: [], failures: ['n1: no interface in the address’s subnet'] });
  const { tcp: _tcp, ...blind } = nobody;
  expect(findingOf(blind)).toMatchObject({
    outcome: 'not-probed',
    inOrder: false,
    message: 'no node could ask: n1: no interface in the address’s subnet',
    tcp: [],
  });
});

describe('ports', () => {
  test.each<{ result: PortResult; inOrder: boolean; message: string; advice: RegExp | undefined }>([
    { result: 'open', inOrder: true, message: 'a pod answers through n2', advice: undefined },
    {
      result: 'refused',
      inOrder: false,
      message: 'n2 refuses it: no pod is ready there, or it does not listen',
      advice: /^port 80: see that the pods are ready/,
    },
    {
      result: 'timeout',
      inOrder: false,
      message: 'nothing comes back through n2',
      advice: /^port 80: see that kube-proxy runs on n2/,
    },
  ])('$result', ({ result, inOrder, message, advice }) => {
    const finding = findingOf(sight({ tcp: [{ mac: M2, port: 80, result }] }));
    expect(finding.tcp).toEqual([{ port: 80, result, message }]);
    expect(finding.inOrder).toBe(inOrder);
    if (advice === undefined) expect(finding.advice).toEqual([]);
    else expect(finding.advice[0]).toMatch(advice);
  });

  test('a node that cannot ask for them says nothing against them', () => {
    const { tcp: _, ...blind } = sight();
    expect(findingOf(blind)).toMatchObject({ inOrder: true, tcp: [{ port: 80, result: 'not-probed' }] });
  });
});
