/**
 * Prints the sandbox's progress, a line when a step ends, on standard error: standard output is for results. On a
 * terminal the step stands there from its beginning.
 */
import type { Reporter } from '../sandbox/progress.ts';

export function sandboxPrinter(stream: NodeJS.WriteStream = process.stderr): Reporter {
  let begun = performance.now();
  let current = '';
  let isLineOpen = false;
  const line = (text: string): void => {
    stream.write(`${isLineOpen ? '\r\u001b[K' : ''}${text}\n`);
    isLineOpen = false;
  };
  return {
    step(name) {
      begun = performance.now();
      current = name;
      if (!stream.isTTY) return;
      stream.write(`  ${name} …`);
      isLineOpen = true;
    },
    done(detail) {
      const seconds = ((performance.now() - begun) / 1000).toFixed(1);
      line(`✓ ${current}${detail === undefined ? '' : `: ${detail}`} (${seconds}s)`);
    },
    note(text) {
      line(`  ${text}`);
    },
  };
}
