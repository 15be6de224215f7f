/** Lists in sentences. */

/** More is no longer read. */
const TOLD = 5;

/** "a, b, c and 4 more" */
export function toldList(names: readonly string[], most = TOLD): string {
  const more = names.length - most;
  // One more name is as short as saying that there is one more.
  if (more <= 1) return names.join(', ');
  return `${names.slice(0, most).join(', ')} and ${more} more`;
}

/** "a, b or c" */
export function alternatives(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}

/** "1 address", "3 addresses" */
export function counted(count: number | bigint, word: string, plural = `${word}s`): string {
  return `${count} ${Number(count) === 1 ? word : plural}`;
}
