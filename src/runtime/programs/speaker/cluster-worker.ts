/**
 * The worker thread's entry: the cluster half with its real edges. Reads no arguments and no environment beyond what
 * finds the API server; everything else is in workerData. See messages.ts for what crosses.
 */
import { createHash } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { hostClock } from '../../adapters/host/clock.ts';
import { collectWhenIdle } from '../../adapters/host/idle-collection.ts';
import { hostRandom } from '../../adapters/host/random.ts';
import { KubeConnection } from '../../adapters/kube/connection.ts';
import { loadKubeConfig } from '../../adapters/kube/credentials.ts';
import { EventSink } from '../../adapters/kube/events.ts';
import { type LogLevel, openLog } from '../../adapters/observe/log.ts';
import { BgpServiceStatuses } from './bgp/bgp-service-statuses.ts';
import { ServiceReport } from './bgp/service-report.ts';
import { SessionReport } from './bgp/session-report.ts';
import { SessionStatuses } from './bgp/session-statuses.ts';
import { UnadvertisedReport } from './bgp/unadvertised-report.ts';
import { Cluster } from './cluster.ts';
import { ConfigurationReport } from './configuration-report.ts';
import type { ClusterWorkerData, FromCluster, ToCluster } from './messages.ts';
import { reportPlans } from './report.ts';
import { ServiceStatuses } from './service-statuses.ts';

if (parentPort === null) throw new Error('cluster-worker.ts is a worker thread’s entry; start main.ts');
const port = parentPort;
const settings = workerData as ClusterWorkerData;
const log = openLog(settings.logLevel as LogLevel, 'speaker');
const api = new KubeConnection(loadKubeConfig(settings.kubeconfigPath), hostClock);
const events = new EventSink({
  api,
  clock: hostClock,
  component: 'metallb-speaker',
  instance: settings.nodeName,
  onDropped: ({ reason, object }, err) => log.warn({ err, reason, object: object.name }, 'an Event could not be told'),
});
const report = new ConfigurationReport({
  api,
  clock: hostClock,
  random: hostRandom,
  settings,
  onError: (err) => log.warn({ err }, 'the ConfigurationState could not be written, trying again'),
});
const sha256Hex = (text: string): string => createHash('sha256').update(text).digest('hex');
const written = { api, clock: hostClock, random: hostRandom, sha256Hex, settings };
const statuses = new ServiceStatuses({
  ...written,
  onError: (err) => log.warn({ err }, 'a ServiceL2Status could not be written, trying again'),
});
const bgpStatuses = new BgpServiceStatuses({
  ...written,
  onError: (err) => log.warn({ err }, 'a ServiceBGPStatus could not be written, trying again'),
});
const sessionStatuses = new SessionStatuses({
  ...written,
  onError: (err) => log.warn({ err }, 'a BGPSessionStatus could not be written, trying again'),
});
const sessionReport = new SessionReport({
  nodeName: settings.nodeName,
  clock: hostClock,
  log,
  events,
  resource: (peer) => cluster.bgpPeer(peer),
});
const serviceReport = new ServiceReport({
  nodeName: settings.nodeName,
  clock: hostClock,
  log,
  events,
  service: (key) => cluster.service(key),
});
const unadvertisedReport = new UnadvertisedReport({
  nodeName: settings.nodeName,
  log,
  events,
  service: (key) => cluster.service(key),
});

const cluster = new Cluster({
  api,
  clock: hostClock,
  random: hostRandom,
  sha256Hex,
  settings,
  post: (message: FromCluster) => port.postMessage(message),
  onConfiguration: (decided) => report.tell(decided),
  onPlanned: ({ plans, before, bgp, alive, service }) => {
    reportPlans(plans, before, { nodeName: settings.nodeName, log, events, alive, service });
    if (bgp !== undefined) unadvertisedReport.tell(bgp, alive);
    statuses.tell(plans, alive);
  },
  onBgp: (told, alive) => {
    const { sessions, services, prefixesOf } = told;
    sessionReport.tell(sessions);
    serviceReport.tell(told, alive);
    bgpStatuses.tell(services, alive);
    sessionStatuses.tell(sessions, prefixesOf, alive);
  },
  onError: (err) => log.warn({ err }, 'a request to the API server failed, trying again'),
});

port.on('message', (message: ToCluster) => cluster.handle(message));
cluster.start();
report.start();
statuses.start();
bgpStatuses.start();
sessionStatuses.start();
collectWhenIdle();
