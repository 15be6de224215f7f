/** What each router was seen to do, feature by feature, as a table for people. */
export interface Cell {
  readonly router: string;
  readonly feature: string;
  readonly outcome: { readonly seconds: number } | 'failed' | { readonly notApplicable: string };
}

/** A column a router, a row a feature, in these orders; what was not tried is left empty. */
export function formatMatrix(routers: readonly string[], features: readonly string[], cells: readonly Cell[]): string {
  const notes: string[] = [];
  const rows = features.map((feature) => {
    const outcomes = routers.map((router) => {
      const cell = cells.find((candidate) => candidate.router === router && candidate.feature === feature);
      if (cell === undefined) return '';
      if (cell.outcome === 'failed') return 'FAILED';
      if ('seconds' in cell.outcome) return `ok ${cell.outcome.seconds.toFixed(1)} s`;
      const note = `${router}: ${cell.outcome.notApplicable}`;
      if (!notes.includes(note)) notes.push(note);
      return `n/a (${notes.indexOf(note) + 1})`;
    });
    return [feature, ...outcomes];
  });
  const table = [['', ...routers], ...rows];
  const widths = ['', ...routers].map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const lines = table.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return [...lines, ...notes.map((note, index) => `(${index + 1}) ${note}`)].join('\n');
}
