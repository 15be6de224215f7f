/**
 * BGP communities as values: the 32-bit ones ("64500:10") and the large ones ("large:64500:1:2").
 * Implements: RFC 1997 (two 16-bit halves), RFC 8092 (three 32-bit numbers). Extended communities (RFC 4360) are not
 * supported, as in MetalLB.
 */
import { err, ok, type Result } from './result.ts';

export type BgpCommunity =
  | {
      readonly kind: 'standard';
      /** 0 … 65535, by custom an AS number. */
      readonly high: number;
      /** 0 … 65535 */
      readonly low: number;
    }
  | {
      readonly kind: 'large';
      /** 0 … 4294967295 each. */
      readonly globalAdministrator: number;
      readonly localData1: number;
      readonly localData2: number;
    };

/** 'format': it does not look like a community, so it may be a name for one; 'value': it does, and its numbers are wrong. */
export interface CommunityFault {
  readonly kind: 'format' | 'value';
  readonly message: string;
}

const FORMS = 'two numbers up to 65535 (64500:10), or large: and three numbers up to 4294967295 (large:64500:1:2)';

export function parseCommunity(text: string): Result<BgpCommunity, CommunityFault> {
  const parts = text.split(':');
  if (parts.length !== 2 && parts.length !== 4) {
    return err({ kind: 'format', message: `"${text}" is not a community: write ${FORMS}` });
  }
  const wrong = err<CommunityFault>({
    kind: 'value',
    message: `"${text}" is not a community with numbers that fit: write ${FORMS}`,
  });
  if (parts.length === 2) {
    const [high, low] = parts.map((part) => parseNumber(part, 0xffff));
    return high === undefined || low === undefined ? wrong : ok({ kind: 'standard', high, low });
  }
  const [marker, ...rest] = parts;
  const [globalAdministrator, localData1, localData2] = rest.map((part) => parseNumber(part, 0xffff_ffff));
  if (marker !== 'large') return wrong;
  if (globalAdministrator === undefined || localData1 === undefined || localData2 === undefined) return wrong;
  return ok({ kind: 'large', globalAdministrator, localData1, localData2 });
}

/** Parsing it gives the same community back; equal communities are equal text. */
export function formatCommunity(community: BgpCommunity): string {
  if (community.kind === 'standard') return `${community.high}:${community.low}`;
  const { globalAdministrator, localData1, localData2 } = community;
  return `large:${globalAdministrator}:${localData1}:${localData2}`;
}

function parseNumber(text: string, most: number): number | undefined {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  return value <= most ? value : undefined;
}
