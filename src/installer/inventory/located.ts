/**
 * Values that remember where they were written, so that a mistake found much later (two pools that overlap) can still
 * be shown at its line. Both files of an inventory and the command line are turned into these.
 */

/** Where something was written. No line: it was not in a file (`-e`). */
export interface SourcePosition {
  /** The path as the user would type it, or "-e". */
  readonly file: string;
  /** 1-based. */
  readonly line?: number;
}

export type Scalar = string | number | boolean | null;

export type Located =
  | { readonly kind: 'scalar'; readonly value: Scalar; readonly at: SourcePosition }
  | { readonly kind: 'list'; readonly items: readonly Located[]; readonly at: SourcePosition }
  | { readonly kind: 'map'; readonly entries: ReadonlyMap<string, Located>; readonly at: SourcePosition };

/** A fault in what the user wrote. */
export interface Problem {
  readonly at: SourcePosition;
  /** Says what is wrong and, where it is not plain, what would be right. */
  readonly message: string;
}

export function formatPosition(at: SourcePosition): string {
  return at.line === undefined ? at.file : `${at.file}:${at.line}`;
}

export function formatProblem(problem: Problem): string {
  return `${formatPosition(problem.at)}: ${problem.message}`;
}

/** The value without its positions, as plain data. */
export function plainValue(located: Located): unknown {
  switch (located.kind) {
    case 'scalar':
      return located.value;
    case 'list':
      return located.items.map(plainValue);
    case 'map':
      return Object.fromEntries([...located.entries].map(([key, value]) => [key, plainValue(value)]));
  }
}
