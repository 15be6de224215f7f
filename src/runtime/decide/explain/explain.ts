/**
 * Explains one Service, or finds those that have less than they ask for. Pure: the very allocation that the controller
 * makes, made again from what the API holds, and looked at from all sides. Where the controller says something else, that
 * is told, too.
 *
 *     explainService(world, "web/nginx") ─▶ Explanation ─▶ JSON, or lines for people
 */
import { formatKey, type ObjectKey, type ServiceView } from '../../model/service.ts';
import { compareText } from '../../model/text-order.ts';
import { allocatedCondition, conditionMessage, conditionOf, saysSame } from '../allocation/allocated-condition.ts';
import type { Allocation } from '../allocation/allocation.ts';
import { showsExactly } from '../allocation/ownership.ts';
import { ALLOCATED_FROM, annotationOf, readFamilies, readRequest, SHARING_KEY } from '../allocation/service-request.ts';
import { adviceFor, adviceForOthers } from './advice.ts';
import { type DecidedWorld, decideWorld, type ExplainWorld, openCase } from './case.ts';
import { explainRequested } from './explain-address.ts';
import { explainAnnouncement, firstUnannounced } from './explain-announcement.ts';
import { explainPools } from './explain-pool.ts';
import type {
  AllocationSection,
  Asks,
  ConfigurationSection,
  ControllerWord,
  Explanation,
  Has,
  ServiceProblem,
} from './explanation.ts';
import { type PlannedWorld, planWorld } from './layer2-world.ts';

/** `key`: "namespace/name". */
export function explainService(world: ExplainWorld, key: string): Explanation {
  const slash = key.indexOf('/');
  const name: ObjectKey = { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
  const service = world.services.find((each) => formatKey(each) === key);
  const configuration = configurationSection(world);
  if (service === undefined) {
    const message = `there is no Service ${key}`;
    const allocation = otherSection(world, { reason: 'NoSuchService', message, near: near(world, name) });
    return { service: name, asAsked: false, allocation, configuration };
  }
  const allocation = sectionFor(world, service);
  const planned = isOurs(allocation) ? plannedOf(world) : undefined;
  const announcement = planned === undefined ? undefined : explainAnnouncement(planned, service);
  return {
    service: name,
    asAsked: isAsAsked(service, allocation) && announcement?.announced !== false,
    asks: asksOf(service),
    has: hasOf(service),
    allocation,
    ...(announcement === undefined ? {} : { announcement }),
    configuration,
  };
}

/** Undefined: it was not looked at who announces, or nothing can be planned. */
function plannedOf(world: ExplainWorld): PlannedWorld | undefined {
  const { decided, services, loadBalancerClass, layer2, bgp } = world;
  const { config } = decided;
  if (config === undefined || layer2 === undefined || bgp === undefined) return undefined;
  return planWorld({ config, services, loadBalancerClass, world: layer2, bgp });
}

/**
 * Services of type LoadBalancer that this addon should serve and that have less than they ask for, or an address that
 * nobody announces; by name.
 */
export function explainProblems(world: ExplainWorld): readonly ServiceProblem[] {
  const decided = decideWorld(world);
  const planned = plannedOf(world);
  return world.services
    .filter((service) => service.type === 'LoadBalancer' && service.loadBalancerClass === world.loadBalancerClass)
    .flatMap((service) => problemOf(world, decided, service) ?? announcementProblem(decided, planned, service) ?? [])
    .sort((a, b) => compareText(formatKey(a.service), formatKey(b.service)));
}

function problemOf(
  world: ExplainWorld,
  decided: DecidedWorld | undefined,
  service: ServiceView,
): ServiceProblem | undefined {
  const { namespace, name } = service;
  const common = { service: { namespace, name }, addresses: shownTexts(service) };
  if (decided === undefined) {
    if (service.ingress.length > 0) return undefined;
    return { ...common, reason: 'NoConfiguration', message: noConfiguration(world) };
  }
  const allocation = decided.allocations.get(formatKey(service));
  // Another implementation's status: it has what it has.
  if (allocation === undefined) return undefined;
  const { reason } = allocation;
  const isShown = showsExactly(service, allocation.ips);
  if (reason === 'Allocated' && isShown) return undefined;
  const message = conditionMessage(allocation);
  const unsaid = isShown ? '' : `; ${notSaid(world)}`;
  return { ...common, reason, message: reason === 'Allocated' ? `${message}${unsaid}` : message };
}

/** The first address stands for all. */
function announcementProblem(
  decided: DecidedWorld | undefined,
  planned: PlannedWorld | undefined,
  service: ServiceView,
): ServiceProblem | undefined {
  if (planned === undefined || decided?.allocations.has(formatKey(service)) !== true) return undefined;
  const silent = firstUnannounced(planned, service);
  if (silent === undefined) return undefined;
  const { namespace, name } = service;
  const message = `${silent.ip} is not announced: ${silent.message}`;
  return { service: { namespace, name }, addresses: shownTexts(service), reason: silent.reason, message };
}

function isOurs({ verdict }: AllocationSection): boolean {
  return verdict !== 'not-ours' && verdict !== 'unknown';
}

function sectionFor(world: ExplainWorld, service: ServiceView): AllocationSection {
  const { loadBalancerClass } = world;
  const key = formatKey(service);
  const decided = decideWorld(world);
  const allocation = decided?.allocations.get(key);
  if (decided !== undefined && allocation !== undefined) return ownSection(decided, service, allocation);
  if (service.type !== 'LoadBalancer') {
    return otherSection(world, {
      reason: 'NotLoadBalancer',
      message: `the Service is of type ${service.type}`,
      service,
    });
  }
  if (service.loadBalancerClass !== loadBalancerClass) {
    const own = service.loadBalancerClass;
    const has = own === undefined ? 'has no spec.loadBalancerClass' : `is of loadBalancerClass "${own}"`;
    const serves = loadBalancerClass === undefined ? 'Services without one' : `those of class "${loadBalancerClass}"`;
    const message = `the Service ${has}; this controller serves ${serves} only`;
    return otherSection(world, { reason: 'OtherClass', message, service });
  }
  if (decided === undefined) {
    return otherSection(world, { reason: 'NoConfiguration', message: noConfiguration(world), service });
  }
  const message = `its status shows ${shownTexts(service).join(', ')}, which no pool contains: another load balancer fills it`;
  return otherSection(world, { reason: 'ForeignStatus', message, service });
}

function ownSection(decided: DecidedWorld, service: ServiceView, allocation: Allocation): AllocationSection {
  const of = openCase(decided, service, allocation);
  const { verdict, reason, ips, pool, lost } = allocation;
  return {
    verdict,
    reason,
    message: conditionMessage(allocation),
    addresses: ips,
    ...(pool === undefined ? {} : { pool }),
    ...(lost === undefined ? {} : { lost: { reason: lost.reason, message: lost.message } }),
    controller: controllerWord(decided.world, service, allocation),
    pools: service.type === 'LoadBalancer' ? explainPools(of) : [],
    requested: explainRequested(of),
    advice: adviceFor(of),
  };
}

interface Other {
  readonly reason: Parameters<typeof adviceForOthers>[0];
  readonly message: string;
  readonly service?: ServiceView;
  readonly near?: readonly string[];
}

/** Of what is not ours to serve, or cannot be decided. */
function otherSection(world: ExplainWorld, { reason, message, service, near: meant = [] }: Other): AllocationSection {
  const { faults } = configurationSection(world);
  const { loadBalancerClass: servedClass } = world;
  return {
    verdict: reason === 'NoConfiguration' ? 'unknown' : 'not-ours',
    reason,
    message,
    addresses: [],
    controller: strayWord(service),
    pools: [],
    requested: [],
    advice: adviceForOthers(reason, { service, servedClass, faults, near: meant }),
  };
}

function controllerWord(world: ExplainWorld, service: ServiceView, allocation: Allocation): ControllerWord {
  const wanted = allocatedCondition(allocation);
  if (wanted === undefined) return strayWord(service);
  const known = conditionOf(service);
  const isWritten = allocation.verdict === 'keep' || allocation.verdict === 'refuse';
  if (known === undefined) return { agreement: 'silent', note: notSaid(world) };
  if (saysSame(known, wanted)) {
    if (isWritten) return { agreement: 'same', note: '' };
    return { agreement: 'other', note: `it is not written to the Service yet; ${running(world)}` };
  }
  const since = known.lastTransitionTime === undefined ? '' : `, since ${known.lastTransitionTime}`;
  const said = `it said ${known.reason}${known.message === '' ? '' : ` (${known.message})`}${since}`;
  return { agreement: 'other', note: `the controller has not said this yet: ${said}; ${running(world)}` };
}

/** Of a Service that the controller should say nothing of. */
function strayWord(service: ServiceView | undefined): ControllerWord {
  const known = service === undefined ? undefined : conditionOf(service);
  if (known === undefined) return { agreement: 'same', note: '' };
  const note = `the Service still has the condition ${known.type} of an earlier time (${known.reason}), which the controller takes off`;
  return { agreement: 'other', note };
}

function notSaid(world: ExplainWorld): string {
  return `the controller has not said this yet; ${running(world)}`;
}

function running({ controllerState }: ExplainWorld): string {
  return `is it running?${controllerState === '' ? '' : ` ${controllerState}`}`;
}

/** Somebody else's Services count by whether they have anything at all; who asks for nothing has what it asks for. */
function isAsAsked(service: ServiceView, { verdict, reason, addresses }: AllocationSection): boolean {
  if (service.type !== 'LoadBalancer') return true;
  if (verdict === 'not-ours' || verdict === 'unknown') return service.ingress.length > 0;
  return reason === 'Allocated' && showsExactly(service, addresses);
}

function asksOf(service: ServiceView): Asks {
  const { type, loadBalancerClass, ports } = service;
  const tcpPorts = ports.filter(({ protocol }) => protocol === 'TCP').map(({ port }) => port);
  const common = { type, tcpPorts, ...(loadBalancerClass === undefined ? {} : { class: loadBalancerClass }) };
  if (type !== 'LoadBalancer') return { ...common, families: [], dualStack: 'no', count: 0 };
  const read = readRequest(service);
  const families = readFamilies(service);
  const key = annotationOf(service, SHARING_KEY) ?? '';
  const { ips, pool, count = 1 } = read.ok ? read.value : {};
  return {
    ...common,
    ...(families.ok ? families.value : { families: [], dualStack: 'no' }),
    count,
    ...(pool === undefined ? {} : { pool }),
    ...(ips === undefined ? {} : { addresses: ips }),
    ...(key === '' ? {} : { sharingKey: key }),
    ...(read.ok ? {} : { fault: read.error.message }),
  };
}

function hasOf(service: ServiceView): Has {
  const pool = annotationOf(service, ALLOCATED_FROM);
  const condition = conditionOf(service);
  return {
    addresses: shownTexts(service),
    ...(pool === undefined ? {} : { pool }),
    ...(condition === undefined
      ? {}
      : {
          condition: {
            status: condition.status,
            reason: condition.reason,
            message: condition.message,
            ...(condition.lastTransitionTime === undefined ? {} : { since: condition.lastTransitionTime }),
          },
        }),
  };
}

function configurationSection({ decided }: ExplainWorld): ConfigurationSection {
  return { source: decided.source, faults: decided.errors.map(({ path, message }) => `${path}: ${message}`) };
}

function noConfiguration(world: ExplainWorld): string {
  return `no configuration is in force: ${configurationSection(world).faults.join('; ')}`;
}

/** Services of that name elsewhere, or of a name that begins or ends so. */
function near({ services }: ExplainWorld, { namespace, name }: ObjectKey): readonly string[] {
  const isNear = (other: ServiceView): boolean =>
    other.name === name || (other.namespace === namespace && (other.name.includes(name) || name.includes(other.name)));
  return services.filter(isNear).map(formatKey).sort();
}

function shownTexts({ ingress }: ServiceView): readonly string[] {
  return ingress.map(({ ip, hostname, malformedIp }) => ip ?? hostname ?? malformedIp ?? '');
}
