/** UTF-8, RFC 3629: text of a peer that may be anything, and ours that has to fit. */

/** The text, or undefined where the bytes are none. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  let escaped = '';
  for (const byte of bytes) escaped += `%${byte.toString(16).padStart(2, '0')}`;
  try {
    return decodeURIComponent(escaped);
  } catch {
    return undefined;
  }
}

/** As many whole characters as fit. Halves of surrogate pairs become U+FFFD. */
export function encodeUtf8(text: string, maxBytes: number): Uint8Array {
  const bytes: number[] = [];
  for (const character of text.toWellFormed()) {
    const encoded = utf8Of(character);
    if (bytes.length + encoded.length > maxBytes) break;
    bytes.push(...encoded);
  }
  return Uint8Array.from(bytes);
}

function utf8Of(character: string): readonly number[] {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x80) return [code];
  return [...encodeURIComponent(character).matchAll(/%(..)/g)].map(([, hex]) => Number.parseInt(hex ?? '', 16));
}
