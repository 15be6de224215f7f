/**
 * Prints progress as lines: `[ 3/9] wait for the controller … done, 1 of 1 ready (2.1s)`. On a terminal the line stands
 * from the beginning of the step and is finished at its end; in a log it is written once, when the step has ended.
 * Colour only on terminals, and never with NO_COLOR set (https://no-color.org).
 */
import type { ObjectChange, Reporter } from '../installer/progress.ts';

export interface PrinterOptions {
  /** Where to; standard output in production. */
  readonly write: (text: string) => void;
  readonly isTerminal: boolean;
  readonly hasColor: boolean;
  /** Print every object, and what helps in finding a fault. */
  readonly verbose: boolean;
  /** Print the objects that would change: for --check. */
  readonly showChanges: boolean;
  /** Milliseconds on a monotonic clock. */
  readonly now: () => number;
}

export function standardPrinterOptions(flags: { verbose: boolean; showChanges: boolean }): PrinterOptions {
  const isTerminal = process.stdout.isTTY === true;
  const noColor = process.env['NO_COLOR'] ?? '';
  return {
    write: (text) => process.stdout.write(text),
    isTerminal,
    hasColor: isTerminal && noColor === '' && process.env['TERM'] !== 'dumb',
    verbose: flags.verbose,
    showChanges: flags.showChanges,
    now: () => performance.now(),
  };
}

interface OpenStep {
  readonly title: string;
  readonly startedAt: number;
  /** Whether its line stands on the terminal, not yet ended. */
  isLineOpen: boolean;
}

const COLORS = { green: 32, yellow: 33, red: 31, dim: 2 };
const SIGNS: Readonly<Record<ObjectChange['action'], { sign: string; color: keyof typeof COLORS }>> = {
  create: { sign: '+', color: 'green' },
  update: { sign: '~', color: 'yellow' },
  delete: { sign: '-', color: 'red' },
  unchanged: { sign: '=', color: 'dim' },
};

/** `close` ends a line that an exception left open; call it before printing anything else. */
export function progressPrinter(options: PrinterOptions): Reporter & { close(): void } {
  let open: OpenStep | undefined;
  // What belongs below the step's line is kept until that line is complete.
  let below: string[] = [];
  const paint = (color: keyof typeof COLORS, text: string): string =>
    options.hasColor ? `\u001b[${COLORS[color]}m${text}\u001b[0m` : text;
  const line = (text: string): void => {
    if (open === undefined) options.write(`${text}\n`);
    else below.push(text);
  };
  const finish = (text: string): void => {
    if (open === undefined) return;
    const start = open.isLineOpen ? ' ' : `${open.title} … `;
    open = undefined;
    options.write(`${start}${text}\n${below.map((entry) => `${entry}\n`).join('')}`);
    below = [];
  };
  return {
    step(number, total, title) {
      finish('');
      const width = String(total).length;
      const head = `[${String(number).padStart(width)}/${total}] ${title}`;
      open = { title: head, startedAt: options.now(), isLineOpen: options.isTerminal };
      if (options.isTerminal) options.write(`${head} …`);
    },
    done(detail) {
      const seconds = ((options.now() - (open?.startedAt ?? 0)) / 1000).toFixed(1);
      const what = detail === undefined || detail === '' ? '' : `: ${detail}`;
      finish(`${paint('green', 'done')}${what} ${paint('dim', `(${seconds}s)`)}`);
    },
    skip(reason) {
      finish(`${paint('dim', 'skipped')}: ${reason}`);
    },
    warn(message) {
      line(`${paint('yellow', 'warning:')} ${message}`);
    },
    change(change) {
      const isShown = options.verbose || (options.showChanges && change.action !== 'unchanged');
      if (!isShown) return;
      const { sign, color } = SIGNS[change.action];
      line(`  ${paint(color, `${sign} ${change.object}`)}`);
      for (const field of change.fields) line(`      ${field}`);
    },
    detail(message) {
      if (options.verbose) for (const text of message.split('\n')) line(paint('dim', `  | ${text}`));
    },
    close() {
      finish(paint('red', 'failed'));
    },
  };
}
