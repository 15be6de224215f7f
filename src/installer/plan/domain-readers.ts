/**
 * Readers for the things a load balancer's configuration speaks of: names, addresses, ranges, durations, selectors.
 */

import { parseDuration } from '../../runtime/model/duration.ts';
import { type Ip, parseIp } from '../../runtime/model/ip.ts';
import type { LabelSelector, LabelSelectorRequirement } from '../../runtime/model/labels.ts';
import { parseAddressRange, parseRangeOrAddress } from '../../runtime/model/range.ts';
import type { Located } from '../inventory/located.ts';
import type { PlannedRange } from './addon-plan.ts';
import { type Reader, type Report, readFields, readList, readOneOf, readText, readTextMap } from './readers.ts';

/** The name of a Kubernetes object: RFC 1123 subdomain, at most 63 characters so that it also fits a label. */
export const readObjectName: Reader<string> = (value, what, report) => {
  const text = readText(value, what, report);
  if (text === undefined) return undefined;
  if (/^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/.test(text)) return text;
  report(
    value.at,
    `${what} "${text}" cannot name a Kubernetes object: use lower-case letters, digits, "-" and "." only`,
  );
  return undefined;
};

export const readIp: Reader<Ip> = (value, what, report) => {
  const text = readText(value, what, report);
  if (text === undefined) return undefined;
  const ip = parseIp(text);
  if (ip.ok) return ip.value;
  report(value.at, `${what}: ${ip.error}`);
  return undefined;
};

export const readRange: Reader<PlannedRange> = (value, what, report) => {
  const text = readText(value, what, report);
  if (text === undefined) return undefined;
  const range = parseAddressRange(text);
  if (range.ok) return { text, range: range.value, at: value.at };
  report(value.at, `${what}: ${range.error}`);
  return undefined;
};

/** A single address as well. */
export const readExcluded: Reader<PlannedRange> = (value, what, report) => {
  const text = readText(value, what, report);
  if (text === undefined) return undefined;
  const range = parseRangeOrAddress(text);
  if (range.ok) return { text, range: range.value, at: value.at };
  report(value.at, `${what}: ${range.error}`);
  return undefined;
};

/** As the resource definition takes it: hours, minutes and seconds, in this order. */
const TIME = /^([0-9]{1,5}h)?([0-9]{1,7}m)?([0-9]{1,8}s)?$/;
const YEAR_MS = 8760 * 3_600_000;

/** "24h", "1h30m"; given as it is written. 0 is "0s". */
export const readTime: Reader<string> = (value, what, report) => {
  const text = readText(value, what, report);
  if (text === undefined) return undefined;
  if (text === '0') return '0s';
  const time = parseDuration(text);
  if (TIME.test(text) && time.ok && time.value <= YEAR_MS) return text;
  report(value.at, `${what} is "${text}", it must be a time such as "24h", "10m" or "1h30m", at most 8760h`);
  return undefined;
};

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/** Whole seconds: 90, "90s", "1m30s". */
export const readSeconds: Reader<number> = (value, what, report) => {
  const text = readText(value, what, report);
  if (text === undefined) return undefined;
  if (/^[0-9]{1,6}$/.test(text)) return Number(text);
  if (/^([0-9]{1,6}[smh])+$/.test(text)) {
    const parts = [...text.matchAll(/([0-9]+)([smh])/g)];
    return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (UNIT_SECONDS[unit ?? ''] ?? 0), 0);
  }
  report(value.at, `${what} is "${text}", it must be a time in whole seconds, such as 90, "90s" or "1m30s"`);
  return undefined;
};

/** A BGP community as the Community object takes it: "65535:65282" or "large:64512:1:2". */
export const readCommunityValue: Reader<string> = (value, what, report) => {
  const text = readText(value, what, report);
  if (text === undefined) return undefined;
  const isWithin = (numbers: readonly string[], max: number): boolean =>
    numbers.every((number) => /^[0-9]{1,10}$/.test(number) && Number(number) <= max);
  const parts = text.split(':');
  if (parts.length === 2 && isWithin(parts, 65_535)) return text;
  if (parts.length === 4 && parts[0] === 'large' && isWithin(parts.slice(1), 4_294_967_295)) return text;
  report(
    value.at,
    `${what} "${text}" must be two numbers up to 65535 ("65000:100") or a large community ("large:64512:1:2")`,
  );
  return undefined;
};

/** Kubernetes' own spelling (matchLabels, matchExpressions), or just a map of labels. */
export const readLabelSelector: Reader<LabelSelector> = (value, what, report) => {
  if (value.kind === 'map' && !value.entries.has('matchLabels') && !value.entries.has('matchExpressions')) {
    const matchLabels = readTextMap(value, what, report);
    return matchLabels === undefined ? undefined : { matchLabels };
  }
  const fields = readFields(value, what, ['matchLabels', 'matchExpressions'], report);
  if (fields === undefined) return undefined;
  const matchLabels = fields.get('matchLabels', readTextMap);
  const matchExpressions = fields.get('matchExpressions', readList(readRequirement));
  return {
    ...(matchLabels === undefined ? {} : { matchLabels }),
    ...(matchExpressions === undefined ? {} : { matchExpressions }),
  };
};

function readRequirement(value: Located, what: string, report: Report): LabelSelectorRequirement | undefined {
  const fields = readFields(value, what, ['key', 'operator', 'values'], report);
  const key = fields?.need('key', readText);
  const operator = fields?.need('operator', readOneOf(['In', 'NotIn', 'Exists', 'DoesNotExist']));
  if (fields === undefined || key === undefined || operator === undefined) return undefined;
  const values = fields.get('values', readList(readText));
  return { key, operator, ...(values === undefined ? {} : { values }) };
}
