/**
 * Walks a piece of configuration that nobody vouches for, noting every fault with the place it is at:
 *
 *     const spec = new Field(resource.spec, 'IPAddressPool ns/default spec', faults);
 *     spec.field('autoAssign').boolean(true)      // a fault "… spec.autoAssign" when it is neither absent nor a boolean
 *
 * A reader always gives a value of its type, so that one walk finds all faults; whether there were any is the list's.
 */
import type { ConfigError } from '../../model/config.ts';
import { parseDuration } from '../../model/duration.ts';
import { type Ip, parseIp } from '../../model/ip.ts';
import type { Labels } from '../../model/labels.ts';

export class Field {
  readonly value: unknown;
  readonly path: string;
  readonly #faults: ConfigError[];

  constructor(value: unknown, path: string, faults: ConfigError[]) {
    this.value = value;
    this.path = path;
    this.#faults = faults;
  }

  /** Absent, or written without a value, which means the same in Kubernetes. */
  get absent(): boolean {
    return this.value === undefined || this.value === null;
  }

  invalid(message: string): void {
    this.#faults.push({ path: this.path, message, kind: 'invalid' });
  }

  unresolved(message: string): void {
    this.#faults.push({ path: this.path, message, kind: 'unresolved' });
  }

  dangling(message: string): void {
    this.#faults.push({ path: this.path, message, kind: 'dangling' });
  }

  field(name: string): Field {
    const object = this.value;
    const value = isMap(object) && Object.hasOwn(object, name) ? object[name] : undefined;
    return new Field(value, this.path === '' ? name : `${this.path}.${name}`, this.#faults);
  }

  /** The field, noting its absence. */
  required(name: string): Field {
    const field = this.field(name);
    if (field.absent) field.invalid('is required');
    return field;
  }

  /** The map's own keys; not a map: a fault, and none. */
  keys(): string[] {
    if (this.absent) return [];
    if (isMap(this.value)) return Object.keys(this.value);
    this.invalid(`must be a map, not ${kindOf(this.value)}`);
    return [];
  }

  /** Notes every key that is not among the known ones. */
  allowOnly(...known: readonly string[]): void {
    for (const key of this.keys()) {
      if (!known.includes(key)) this.field(key).invalid(`is not known here; known are ${known.join(', ')}`);
    }
  }

  items(): Field[] {
    if (this.absent) return [];
    if (!Array.isArray(this.value)) {
      this.invalid(`must be a list, not ${kindOf(this.value)}`);
      return [];
    }
    return this.value.map((item, index) => new Field(item, `${this.path}[${index}]`, this.#faults));
  }

  text(absent = ''): string {
    if (this.absent) return absent;
    if (typeof this.value === 'string') return this.value;
    this.invalid(`must be text, not ${kindOf(this.value)}`);
    return absent;
  }

  boolean(absent: boolean): boolean {
    if (this.absent) return absent;
    if (typeof this.value === 'boolean') return this.value;
    this.invalid(`must be true or false, not ${kindOf(this.value)}`);
    return absent;
  }

  integer(absent: number): number {
    if (this.absent) return absent;
    if (Number.isSafeInteger(this.value)) return this.value as number;
    this.invalid(`must be a whole number, not ${kindOf(this.value)}`);
    return absent;
  }

  /** A whole number from least to most; undefined when absent or faulty. */
  within(least: number, most: number): number | undefined {
    if (this.absent) return undefined;
    const number = this.integer(Number.NaN);
    if (Number.isNaN(number)) return undefined;
    if (number >= least && number <= most) return number;
    this.invalid(`must be from ${least} to ${most}, not ${number}`);
    return undefined;
  }

  /** Undefined when absent, empty or faulty. */
  ip(): Ip | undefined {
    const text = this.text();
    if (text === '') return undefined;
    const ip = parseIp(text);
    if (ip.ok) return ip.value;
    this.invalid(`${ip.error}: write one like 192.0.2.1 or 2001:db8::1`);
    return undefined;
  }

  /** A duration as Go writes it, in milliseconds; undefined when absent or faulty. */
  durationMs(): number | undefined {
    if (this.absent) return undefined;
    if (typeof this.value === 'number') {
      this.invalid(`${this.value} has no unit: write "${this.value}s" for seconds`);
      return undefined;
    }
    const text = this.text();
    if (typeof this.value !== 'string') return undefined;
    const duration = parseDuration(text);
    if (!duration.ok) this.invalid(duration.error);
    else if (duration.value < 0) this.invalid(`"${text}" is negative`);
    else return duration.value;
    return undefined;
  }

  /** A list of texts without repetitions. */
  distinctTexts(): string[] {
    const seen = new Set<string>();
    for (const item of this.items()) {
      const text = item.text();
      if (seen.has(text)) item.invalid(`"${text}" is listed twice`);
      seen.add(text);
    }
    return Array.from(seen);
  }

  labels(): Labels {
    return Object.fromEntries(this.keys().map((key) => [key, this.field(key).text()]));
  }
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (isMap(value)) return 'a map';
  if (typeof value === 'string') return `"${value}"`;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : 'this';
}
