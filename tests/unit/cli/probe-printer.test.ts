import { expect, test } from '@jest/globals';
import { formatProbe } from '../../../src/cli/probe-printer.ts';
import { findingOf } from '../../../src/installer/probe-findings.ts';
import type { Mac } from '../../../src/runtime/model/mac.ts';
import { ip } from '../../support/views.ts';

const MAC = '02:00:00:00:00:02' as Mac;

test('what a probe found: who answers, each port, what to do', () => {
  const finding = findingOf({
    ip: ip('10.6.204.20'),
    announcedBy: ['n2'],
    from: { node: 'n1', interface: 'eth0' },
    failures: [],
    macs: [{ mac: MAC, node: 'n2' }],
    unasked: [],
    tcp: [
      { mac: MAC, port: 80, result: 'open' },
      { mac: MAC, port: 443, result: 'refused' },
    ],
    ports: [80, 443],
  });
  expect(formatProbe([finding])).toBe(`
on the network:
  10.6.204.20  answered  02:00:00:00:00:02 answers, which is n2’s, the node that announces it (asked by ARP from n1 on eth0)

ports:
  10.6.204.20 tcp/80   open     a pod answers through n2
  10.6.204.20 tcp/443  refused  n2 refuses it: no pod is ready there, or it does not listen

what to do on the network:
  1. port 443: see that the pods are ready and listen on spec.ports[].targetPort: kubectl get endpointslices, kubectl logs
`);
});

test('a Service without an address has nothing to look at', () => {
  expect(formatProbe([])).toBe('\non the network: nothing to look at, there is no address\n');
});
