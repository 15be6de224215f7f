/** Reads JSON that nobody vouches for: each function gives the value of its type, or that type's nothing. */
export type Untyped = Readonly<Record<string, unknown>>;

const NOTHING: Untyped = {};

export function asObject(value: unknown): Untyped {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Untyped) : NOTHING;
}

export function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function asString(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function asNumber(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}

/** A map of text to text, such as labels; entries of other kinds are left out. */
export function asTexts(value: unknown): Readonly<Record<string, string>> {
  const texts: Record<string, string> = {};
  for (const [key, text] of Object.entries(asObject(value))) {
    if (typeof text === 'string') texts[key] = text;
  }
  return texts;
}
