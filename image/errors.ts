/** What the image build throws: two lines for a person, and the cause for --verbose. */
export class ImageError extends Error {
  /** What is wrong, and where. */
  readonly problem: string;
  /** What to do about it. */
  readonly hint: string;

  constructor(problem: string, hint: string, options?: { readonly cause?: unknown }) {
    super(`${problem} (${hint})`, options);
    this.name = 'ImageError';
    this.problem = problem;
    this.hint = hint;
  }
}
