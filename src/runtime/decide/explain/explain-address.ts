/** Every address that a Service asks for: whose it is, and why the Service may (not) have it. */
import type { Ip } from '../../model/ip.ts';
import type { AddressClaim, AddressStanding } from '../allocation/address-standing.ts';
import type { Case } from './case.ts';
import type { AddressExplanation } from './explanation.ts';
import { sharingObstacles } from './sharing-obstacles.ts';

export function explainRequested(of: Case): readonly AddressExplanation[] {
  return (of.request?.ips ?? []).map((ip) => explainAddress(of, ip));
}

function explainAddress(of: Case, ip: Ip): AddressExplanation {
  const standing = of.allocator.standing(ip);
  const holders = standing.holders
    .filter((key) => key !== of.key)
    .map((service) => ({ service, obstacles: obstaclesWith(of, service) }));
  const pool = standing.pool === undefined ? {} : { pool: standing.pool.name };
  return { ip, ...pool, holders, ...verdictOn(of, standing, holders) };
}

function obstaclesWith({ service, services }: Case, holder: string): readonly string[] {
  const other = services.get(holder);
  return other === undefined ? [] : sharingObstacles(service, other);
}

function verdictOn(
  of: Case,
  { pool, avoided, exclusion, claims, holders: all }: AddressStanding,
  holders: AddressExplanation['holders'],
): Pick<AddressExplanation, 'standing' | 'message'> {
  if (pool === undefined) return { standing: 'not-in-pool', message: 'no pool contains it' };
  if (avoided) return { standing: 'not-in-pool', message: `pool "${pool.name}" leaves it out (spec.avoidBuggyIPs)` };
  if (all.includes(of.key)) return { standing: 'own', message: `this Service has it, of pool "${pool.name}"` };
  const inTheWay = holders.filter(({ obstacles }) => obstacles.length > 0);
  if (inTheWay.length > 0) {
    const told = inTheWay.map(({ service, obstacles }) => `${service} (${obstacles.join('; ')})`);
    return { standing: 'in-use', message: `held by ${told.join(', ')}` };
  }
  if (holders.length > 0) {
    const message = `shared by ${holders.map(({ service }) => service).join(', ')}; this Service may join`;
    return { standing: 'shareable', message };
  }
  if (exclusion !== undefined) {
    const { reason, detail } = exclusion;
    return { standing: 'excluded', message: `never given out: ${detail === '' ? reason : `${reason}, ${detail}`}` };
  }
  const claim = claimInTheWay(of, claims);
  if (claim !== undefined) return { standing: 'reserved', message: formatClaim(of, claim) };
  return { standing: 'free', message: `free, in pool "${pool.name}"` };
}

/** The claim that keeps an address from the Service for longest; undefined: none does. */
export function claimInTheWay({ key }: Case, claims: readonly AddressClaim[]): AddressClaim | undefined {
  if (claims.some(({ release }) => release.owner === key)) return undefined;
  return [...claims].sort((a, b) => b.endMs - a.endMs)[0];
}

/** "kept for web/a until 2026-01-02 03:04:05Z (retention)" */
function formatClaim({ world }: Case, { release, kind, endMs }: AddressClaim): string {
  const until = world.formatTime(endMs);
  return kind === 'retained'
    ? `kept for ${release.owner} until ${until} (spec.retention of pool "${release.pool}")`
    : `rests until ${until} after ${release.owner} gave it up (spec.quarantine of pool "${release.pool}")`;
}
