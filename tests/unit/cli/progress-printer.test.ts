import { expect, test } from '@jest/globals';
import { type PrinterOptions, progressPrinter } from '../../../src/cli/progress-printer.ts';
import type { Reporter } from '../../../src/installer/progress.ts';

function print(options: Partial<PrinterOptions>, use: (printer: Reporter & { close(): void }) => void): string {
  let text = '';
  let now = 0;
  const printer = progressPrinter({
    write: (piece) => {
      text += piece;
    },
    isTerminal: false,
    hasColor: false,
    verbose: false,
    showChanges: false,
    now: () => {
      now += 1050;
      return now;
    },
    ...options,
  });
  use(printer);
  return text;
}

function story(printer: Reporter): void {
  printer.step(1, 12, 'check the cluster');
  printer.warn('mind the gap');
  printer.done('3 nodes');
  printer.step(10, 12, 'load the image');
  printer.skip('nothing to load');
}

test('a log gets a line when a step has ended', () => {
  expect(print({}, story)).toBe(
    '[ 1/12] check the cluster … done: 3 nodes (1.1s)\nwarning: mind the gap\n[10/12] load the image … skipped: nothing to load\n',
  );
});

test('a terminal sees the step begin; the finished text is the same', () => {
  const pieces: string[] = [];
  const write = (piece: string): void => {
    pieces.push(piece);
  };
  print({ isTerminal: true, write }, story);
  expect(pieces[0]).toBe('[ 1/12] check the cluster …');
  expect(pieces.join('')).toBe(print({}, story));
});

test('an exception ends the open line', () => {
  const failing = (printer: Reporter & { close(): void }): void => {
    printer.step(1, 9, 'apply');
    printer.close();
    printer.close();
  };
  expect(print({}, failing)).toBe('[1/9] apply … failed\n');
  expect(print({ isTerminal: true }, failing)).toBe('[1/9] apply … failed\n');
});

test('--check shows what would change and not what stays; --verbose shows all', () => {
  const changes = (printer: Reporter): void => {
    printer.step(1, 1, 'apply');
    printer.change({ action: 'update', object: 'IPAddressPool a', fields: ['spec.x: 1 → 2'] });
    printer.change({ action: 'unchanged', object: 'IPAddressPool b', fields: [] });
    printer.done();
  };
  const head = '[1/1] apply … done (1.1s)\n';
  expect(print({}, changes)).toBe(head);
  expect(print({ showChanges: true }, changes)).toBe(`${head}  ~ IPAddressPool a\n      spec.x: 1 → 2\n`);
  expect(print({ verbose: true }, changes)).toContain('  = IPAddressPool b\n');
});

test('colour is there only when asked for', () => {
  expect(print({ hasColor: true }, story)).toContain('\u001b[32mdone\u001b[0m');
  expect(print({}, story)).not.toContain('\u001b');
});
