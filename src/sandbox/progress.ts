/**
 * How the sandbox tells its caller what it is doing. Nothing in src/sandbox prints: the command line shows these calls
 * on a terminal, tests drop them.
 */

/** Steps come one after the other: `step` opens one and `done` closes it. A step that fails is closed by the exception. */
export interface Reporter {
  /** A step of work begins; `name` reads as a present participle ("starting the control plane"). */
  step(name: string): void;
  /** The step under way has ended well; `detail` is what it came to ("3 nodes ready in 17.2 s"). */
  done(detail?: string): void;
  /** A remark between or within steps: why something is done, or that a long piece of work goes on. */
  note(text: string): void;
}

/** For callers that want to hear nothing. */
export const silentReporter: Reporter = { step() {}, done() {}, note() {} };
