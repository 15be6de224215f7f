/**
 * Three nodes announce one address, and a router spreads what comes for it over them: a node that dies takes its own
 * connections with it, and nobody else's.
 */
import type { ChildProcess } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { BIRD } from '../support/interop/bird.ts';
import { makeFolder } from '../support/interop/folder.ts';
import { FRR } from '../support/interop/frr.ts';
import { advertised, planned } from '../support/interop/plans.ts';
import type { Router } from '../support/interop/router.ts';
import { Speaker } from '../support/interop/speaker.ts';
import { createLan, type Lan } from '../support/netns.ts';
import { describePrivileged } from '../support/privileged.ts';
import { ip } from '../support/views.ts';
import { waitFor } from '../support/wait-for.ts';

const SERVICE = '203.0.113.10';
const ROUTER = '192.0.2.1';
const ROUTER_ASN = 64500;
const NODE_ASN = 64512;
/** Name → address. */
const NODES: Readonly<Record<string, string>> = { n1: '192.0.2.11', n2: '192.0.2.12', n3: '192.0.2.13' };
const FLOWS = 60;
const CURLS = 20;
const HOLD_SECONDS = 3;
const WITHIN_MS = 20_000;

describePrivileged('one address behind three nodes', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await makeFolder();
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  describe.each([FRR, BIRD])('$name', (kind) => {
    let lan: Lan;
    let router: Router;
    const speakers = new Map<string, Speaker>();
    const processes: ChildProcess[] = [];
    beforeAll(async () => {
      const nodes = Object.fromEntries(Object.entries(NODES).map(([name, address]) => [name, [`${address}/24`]]));
      lan = await createLan({ router: [`${ROUTER}/24`, '198.51.100.1/24'], client: ['198.51.100.2/24'], ...nodes });
      await lan.host('router').forward();
      // By addresses and ports: connections of one client are spread as well.
      await lan.host('router').run('sysctl', '-qw', 'net.ipv4.fib_multipath_hash_policy=1');
      await lan.host('client').ip('route', 'add', 'default', 'via', '198.51.100.1');
      router = kind.create(lan.host('router'), path.join(folder, kind.name.replaceAll(' ', '-')));
      for (const name of Object.keys(NODES)) {
        // In a cluster that is kube-proxy's: whatever comes for the address is for this node.
        await lan.host(name).ip('address', 'add', `${SERVICE}/32`, 'dev', 'lo');
        await lan.host(name).ip('route', 'add', 'default', 'via', ROUTER);
        const own = path.join(folder, `${kind.name.replaceAll(' ', '-')}-${name}`);
        await mkdir(own);
        speakers.set(name, new Speaker(lan.host(name), own));
        await start(name, 'serving-process.ts', name).says('serving');
      }
    });
    afterEach(async () => {
      for (const speaker of speakers.values()) await speaker.kill();
      await router.stop('at-once');
    });
    afterAll(async () => {
      for (const child of processes.splice(0)) child.kill('SIGKILL');
      await lan.remove();
    });

    test('a node dies: its own connections end, the others go on, and new ones find the nodes that are left', async () => {
      await router.start({
        asn: ROUTER_ASN,
        identifier: ROUTER,
        multipath: true,
        neighbours: Object.values(NODES).map((address) => ({
          address,
          asn: NODE_ASN,
          localAddress: ROUTER,
          families: ['ipv4'],
          passive: true,
          holdTimeSeconds: HOLD_SECONDS,
        })),
      });
      for (const name of Object.keys(NODES)) await announce(name);
      await nextHops(3);

      const flows = start('client', 'flows-process.ts', SERVICE, '8080', String(FLOWS));
      const before = await flows.ask();
      expect(new Set(before)).toEqual(new Set(Object.keys(NODES)));
      expect(await curls()).not.toContain('');

      // Linux gives each next hop a range of hashes, in their order: without the middle one, the ranges of its neighbours
      // grow, and what was theirs stays theirs. (Without another, some of the middle one's would move, whoever announces.)
      const [, middle] = await nextHops(3);
      const [dead = ''] = Object.entries(NODES).find(([, address]) => address === middle) ?? [];
      await speakers.get(dead)?.kill();
      await lan.host(dead).setCarrier('off');
      const during = await flows.ask();
      await nextHops(2);
      const after = await flows.ask();
      for (const answers of [during, after]) expect(answers).toEqual(before.map((name) => (name === dead ? '' : name)));
      const answers = await curls();
      expect(new Set(answers)).toEqual(new Set(Object.keys(NODES).filter((name) => name !== dead)));

      await lan.host(dead).setCarrier('on');
      await announce(dead);
      await nextHops(3);
      expect(await curls()).not.toContain('');
    });

    async function announce(name: string): Promise<void> {
      const identifier = ip(NODES[name] ?? '');
      const timers = { holdTimeSeconds: HOLD_SECONDS, keepaliveTimeMs: 1000 };
      const session = planned(ROUTER, { myAsn: NODE_ASN, peerAsn: ROUTER_ASN, ...timers }, { identifier });
      const speaker = speakers.get(name);
      speaker?.start();
      await speaker?.setPlan({ ...session, routes: [advertised(`${SERVICE}/32`)] });
    }

    /** Waits until the router's kernel has so many, and tells them in the kernel's order. */
    async function nextHops(count: number): Promise<readonly string[]> {
      return await waitFor(
        `${count} next hops`,
        async () => {
          const { stdout } = await lan.host('router').ip('route', 'show', `${SERVICE}/32`);
          const found = [...stdout.matchAll(/via ([0-9.]+)/g)].map(([, address = '']) => address);
          return found.length === count ? found : Promise.reject(new Error(stdout));
        },
        { withinMs: WITHIN_MS },
      );
    }

    /** What each of some new connections got for an answer; "": none. */
    async function curls(): Promise<readonly string[]> {
      const answers: string[] = [];
      for (let count = 0; count < CURLS; count++) {
        answers.push((await lan.host('client').tryRun('curl', '-s', '-m', '2', `http://${SERVICE}/`)).stdout);
      }
      return answers;
    }

    function start(host: string, file: string, ...args: string[]) {
      const program = path.resolve(import.meta.dirname, '../support/interop', file);
      const child = lan.host(host).spawn(process.execPath, '--disable-warning=ExperimentalWarning', program, ...args);
      processes.push(child);
      if (child.stdout === null) throw new Error('it has no output');
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      const next = async () => String((await lines.next()).value);
      return {
        says: async (line: string) => expect(await next()).toBe(line),
        async ask(): Promise<readonly string[]> {
          child.stdin?.write('\n');
          return JSON.parse(await next()) as string[];
        },
      };
    }
  });
});
