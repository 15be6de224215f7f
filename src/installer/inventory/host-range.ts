/**
 * Host patterns of an Ansible INI inventory: `node1`, `10.0.0.1:2222`, `node[01:10]`, `node[a:f]`, `rack[1:2]-n[1:9:2]`.
 * One pattern stands for one or more host names. Source: Ansible's `ini` inventory plugin and `detect_range` /
 * `expand_hostname_range` as its documentation describes them.
 */
import { err, ok, type Result } from '../../runtime/model/result.ts';

/** More hosts than any real cluster has; a typing mistake in a range must not eat the memory. */
const MAX_HOSTS = 10_000;

export interface HostPattern {
  /** In order, at least one. */
  readonly names: readonly string[];
  /** 1 … 65535, from `host:port`. */
  readonly port?: number;
}

export function parseHostPattern(text: string): Result<HostPattern> {
  const { base, portText } = splitPort(text);
  if (base === '') return err(`"${text}" names no host`);
  const names = expandRanges(base);
  if (!names.ok) return names;
  if (portText === undefined) return ok({ names: names.value });
  const port = Number(portText);
  if (port < 1 || port > 65535) return err(`port ${portText} of "${text}" is not within 1 to 65535`);
  return ok({ names: names.value, port });
}

/** "[fd00::1]:22" and "node[1:3]:22" have a port; a bare IPv6 address ("fd00::1") has none, though it has colons. */
function splitPort(text: string): { base: string; portText?: string } {
  const bracketedIpv6 = /^\[([0-9a-fA-F.]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*)\](?::([0-9]+))?$/.exec(text);
  // "[1:3:2]" alone reads as a range as well as an address; Ansible takes it for a range, hence the "::" or length test.
  if (
    bracketedIpv6?.[1] !== undefined &&
    (bracketedIpv6[1].includes('::') || bracketedIpv6[1].split(':').length === 8)
  ) {
    return { base: bracketedIpv6[1], ...(bracketedIpv6[2] === undefined ? {} : { portText: bracketedIpv6[2] }) };
  }
  const withPort = /^(.*[^:]):([0-9]+)$/.exec(text);
  const outsideRanges = text.replaceAll(/\[[^\]]*\]/g, '');
  if (
    withPort?.[1] !== undefined &&
    withPort[2] !== undefined &&
    !outsideRanges.includes('[') &&
    outsideRanges.split(':').length === 2
  ) {
    return { base: withPort[1], portText: withPort[2] };
  }
  return { base: text };
}

function expandRanges(pattern: string): Result<readonly string[]> {
  const open = pattern.indexOf('[');
  const close = pattern.indexOf(']', open);
  if (open < 0 && !pattern.includes(']')) return ok([pattern]);
  if (open < 0 || close < open) return err(`the brackets of "${pattern}" do not match`);
  const values = expandBounds(pattern.slice(open + 1, close), pattern);
  if (!values.ok) return values;
  const tails = expandRanges(pattern.slice(close + 1));
  if (!tails.ok) return tails;
  if (values.value.length * tails.value.length > MAX_HOSTS) {
    return err(`"${pattern}" stands for more than ${MAX_HOSTS} hosts`);
  }
  const head = pattern.slice(0, open);
  return ok(values.value.flatMap((value) => tails.value.map((tail) => `${head}${value}${tail}`)));
}

function expandBounds(text: string, pattern: string): Result<readonly string[]> {
  const parts = text.split(':');
  if (parts.length !== 2 && parts.length !== 3) {
    return err(`the range [${text}] of "${pattern}" must be [first:last] or [first:last:step]`);
  }
  // As in Ansible, "[:5]" starts at 0.
  const first = parts[0] === '' ? '0' : (parts[0] ?? '');
  const last = parts[1] ?? '';
  const step = parts[2] ?? '1';
  if (!/^[0-9]{1,9}$/.test(step) || Number(step) === 0)
    return err(`the step of [${text}] in "${pattern}" must be 1 or more`);
  if (/^[0-9]{1,9}$/.test(first) && /^[0-9]{1,9}$/.test(last)) return numericRange(first, last, Number(step), pattern);
  if (/^[a-z]$/.test(first) && /^[a-z]$/.test(last)) return letterRange(first, last, Number(step), pattern);
  if (/^[A-Z]$/.test(first) && /^[A-Z]$/.test(last)) return letterRange(first, last, Number(step), pattern);
  return err(`the range [${text}] of "${pattern}" must run between two numbers or two letters of one case`);
}

function numericRange(first: string, last: string, step: number, pattern: string): Result<readonly string[]> {
  const isPadded = first.length > 1 && first.startsWith('0');
  if (isPadded && first.length !== last.length) {
    return err(`the range [${first}:${last}] of "${pattern}" pads one end with zeros and not the other`);
  }
  if (Number(first) > Number(last)) return err(`the range [${first}:${last}] of "${pattern}" is reversed`);
  if ((Number(last) - Number(first)) / step >= MAX_HOSTS) {
    return err(`"${pattern}" stands for more than ${MAX_HOSTS} hosts`);
  }
  const values: string[] = [];
  for (let value = Number(first); value <= Number(last); value += step) {
    values.push(isPadded ? String(value).padStart(first.length, '0') : String(value));
  }
  return ok(values);
}

function letterRange(first: string, last: string, step: number, pattern: string): Result<readonly string[]> {
  if (first > last) return err(`the range [${first}:${last}] of "${pattern}" is reversed`);
  const values: string[] = [];
  for (let code = first.charCodeAt(0); code <= last.charCodeAt(0); code += step) values.push(String.fromCharCode(code));
  return ok(values);
}
