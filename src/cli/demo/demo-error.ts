/** The demo could not be shown: in two lines, like every other failure of the command line. */
export class DemoError extends Error {
  readonly problem: string;
  readonly hint: string;

  constructor({ problem, hint }: { readonly problem: string; readonly hint: string }) {
    super(problem);
    this.name = 'DemoError';
    this.problem = problem;
    this.hint = hint;
  }
}
