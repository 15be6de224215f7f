/** Sessions that are configured by their interface alone, with FRR at its other end; and what others on the link make of it. */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { Daemons } from '../support/interop/daemons.ts';
import { makeFolder } from '../support/interop/folder.ts';
import { advertised, planned } from '../support/interop/plans.ts';
import { Speaker } from '../support/interop/speaker.ts';
import { createLan, type Lan, type LanHost } from '../support/netns.ts';
import { describePrivileged } from '../support/privileged.ts';
import { waitFor } from '../support/wait-for.ts';

const ROUTER_ASN = 64500;
const NODE_ASN = 64512;
const V4 = '198.51.100.1/32';
const V6 = '2001:db8:51::1/128';
const WITHIN_MS = 20_000;
const FRR_CONFIG = `
router bgp ${ROUTER_ASN}
 bgp router-id 192.0.2.1
 no bgp ebgp-requires-policy
 neighbor eth0 interface remote-as external
 neighbor eth0 timers 3 9
 neighbor eth0 timers connect 1
 address-family ipv6 unicast
  neighbor eth0 activate
`;

describePrivileged('an unnumbered session', () => {
  let lan: Lan;
  let folder: string;
  let router: Daemons;
  let speaker: Speaker;

  beforeAll(async () => {
    folder = await makeFolder();
  });
  beforeEach(async () => {
    lan = await createLan({ router: [], node: [], host: [] });
    router = new Daemons(lan.host('router'), path.join(folder, `router-${performance.now()}`));
    speaker = new Speaker(lan.host('node'), folder);
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  /** Whatever becomes of it, everything ends. */
  async function onTheLink(trial: () => Promise<void>): Promise<void> {
    try {
      await lan.host('node').addAddress('192.0.2.2/24');
      for (const host of ['router', 'node', 'host']) await linkLocal(lan.host(host));
      await trial();
    } finally {
      await speaker.kill();
      await router.stop('at-once');
      await lan.remove();
    }
  }

  async function startRouter(): Promise<void> {
    await router.write('bgpd.conf', FRR_CONFIG);
    await router.write('zebra.conf', '');
    await router.run('chown', '-R', 'frr:frr', router.folder);
    for (const program of ['zebra', 'bgpd']) {
      router.start(`/usr/lib/frr/${program}`, [
        ...['-f', router.file(`${program}.conf`), '-i', router.file(`${program}.pid`), '--vty_socket', router.folder],
        ...['-z', router.file('zserv.api'), '-P', '0', '--log', 'stdout'],
      ]);
    }
    await waitFor('FRR answers', async () => (await ask('show bgp summary json')).includes('{'), {
      withinMs: WITHIN_MS,
    });
  }

  async function ask(command: string): Promise<string> {
    return (await router.run('vtysh', '--vty_socket', router.folder, '-c', command)).stdout;
  }

  async function startNode(): Promise<void> {
    const peer = { myAsn: NODE_ASN, peerAsn: 'external', remote: { interface: 'eth0' } } as const;
    speaker.start();
    await speaker.setPlan(planned('192.0.2.1', peer, { routes: [advertised(V4), advertised(V6)] }));
  }

  async function established(): Promise<void> {
    const isIt = async () => {
      const view = await speaker.view('router');
      return view.state === 'established' || Promise.reject(new Error(JSON.stringify(view)));
    };
    await waitFor('a session', isIt, { withinMs: WITHIN_MS });
  }

  /** The next hops by which FRR has the prefix. */
  async function nextHops(family: 'ipv4' | 'ipv6', prefix: string): Promise<readonly string[]> {
    return await waitFor(
      `${prefix} in FRR`,
      async () => {
        const text = await ask(`show bgp ${family} unicast ${prefix} json`);
        const { paths = [] } = JSON.parse(text) as { paths?: { nexthops: { ip: string }[] }[] };
        const found = paths.flatMap(({ nexthops }) => nexthops.map(({ ip }) => ip));
        return found.length > 0 ? found : Promise.reject(new Error(text));
      },
      { withinMs: WITHIN_MS },
    );
  }

  test('FRR and the node find each other, and FRR has the routes of both families', async () => {
    await onTheLink(async () => {
      await startRouter();
      await startNode();
      await established();
      const view = await speaker.view('router');
      expect(view.remoteAddress).toBe(await linkLocal(lan.host('router')));
      expect(view.localAddress).toBe(await linkLocal(lan.host('node')));
      expect(view.remoteAsn).toBe(ROUTER_ASN);
      const own = await linkLocal(lan.host('node'));
      expect(await nextHops('ipv6', V6)).toContain(own);
      expect((await nextHops('ipv4', V4)).some((hop) => hop === own || hop === '192.0.2.2')).toBe(true);
    });
  });

  test('the node is first: why it has no session yet, then it finds the router that comes', async () => {
    await onTheLink(async () => {
      await startNode();
      await waitFor(
        'the reason',
        async () => (await speaker.view('router')).lastError?.startsWith('no router advertises itself on eth0'),
        { withinMs: WITHIN_MS },
      );
      await startRouter();
      await established();
    });
  });

  test('the cable is pulled and put back: found again', async () => {
    await onTheLink(async () => {
      await startRouter();
      await startNode();
      await established();
      await lan.host('node').setCarrier('off');
      await waitFor('the end', async () => (await speaker.view('router')).state !== 'established', {
        withinMs: WITHIN_MS,
      });
      await lan.host('node').setCarrier('on');
      await established();
      expect((await speaker.view('router')).flaps).toBe(1);
    });
  });

  test('RFC 4861 §6.2.3: a host on the link configures nothing by what the node advertises', async () => {
    await onTheLink(async () => {
      const host = lan.host('host');
      await host.run('sysctl', '-qw', 'net.ipv6.conf.eth0.accept_ra=1', 'net.ipv6.conf.eth0.autoconf=1');
      const before = await configuration(host);
      await startNode();
      await waitFor('two advertisements', async () => (await advertisementsHeard(host)) >= 2, {
        withinMs: WITHIN_MS,
      });
      expect(await configuration(host)).toBe(before);
      expect(before).not.toContain('default');
    });
  });
});

async function linkLocal(host: LanHost): Promise<string> {
  return await waitFor(
    'a link-local address',
    async () => {
      const { stdout } = await host.ip('-j', '-6', 'address', 'show', 'dev', 'eth0', 'scope', 'link', '-tentative');
      const found = JSON.parse(stdout) as { addr_info?: { local?: string }[] }[];
      return found.flatMap(({ addr_info = [] }) => addr_info).find(({ local }) => local !== undefined)?.local;
    },
    { withinMs: WITHIN_MS },
  );
}

async function advertisementsHeard(host: LanHost): Promise<number> {
  const { stdout } = await host.run('cat', '/proc/net/snmp6');
  return Number(/^Icmp6InRouterAdvertisements\s+(\d+)$/m.exec(stdout)?.[1]);
}

/** Addresses and routes, and the hop limit and MTU that its packets have. */
async function configuration(host: LanHost): Promise<string> {
  const settings = ['hop_limit', 'mtu', 'base_reachable_time_ms', 'retrans_time_ms'];
  const values = await host.run('sysctl', ...settings.map((name) => settingOf(name)));
  const addresses = await host.ip('-o', '-6', 'address', 'show', 'dev', 'eth0');
  return [values.stdout, addresses.stdout, (await host.ip('-6', 'route', 'show')).stdout].join('\n');
}

function settingOf(name: string): string {
  return `net.ipv6.${name.endsWith('_time_ms') ? 'neigh' : 'conf'}.eth0.${name}`;
}
