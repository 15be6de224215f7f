/**
 * Fills a Handlebars template and remembers, for every line that comes out, which line of the template it came from, so
 * that a fault found in the YAML later can be shown where a person can mend it.
 *
 * Stricter than Handlebars itself: a name that the context does not have is an error everywhere, also as a helper's
 * argument. Values go in through the helper `yaml`, which prints them as JSON (a subset of YAML): nothing that an
 * inventory holds can become structure.
 */
import Handlebars from 'handlebars';

/** A fault in a template, at its line. */
export class TemplateError extends Error {
  /** 1-based line of the template. */
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.name = 'TemplateError';
    this.line = line;
  }
}

export interface RenderedText {
  readonly text: string;
  /** Template line (1-based) of each line of the text, from index 0. */
  readonly templateLines: readonly number[];
}

// Marks travel through Handlebars between two noncharacters (Unicode §23.7), which no text exchanged with anyone holds.
const MARK_START = '\ufdd0';
const MARK_END = '\ufdd1';
const MARKS = /\ufdd0([0-9]+)\ufdd1/g;

/** Throws TemplateError only. */
export function renderTemplate(template: string, context: object): RenderedText {
  const program = parseTemplate(template);
  const handlebars = Handlebars.create();
  registerHelpers(handlebars, template);
  markLines(program.body);
  let marked: string;
  try {
    marked = handlebars.compile(program, { strict: true, noEscape: true })(context);
  } catch (error) {
    throw error instanceof TemplateError ? error : templateError(error);
  }
  return collectMarks(marked);
}

function parseTemplate(template: string): hbs.AST.Program {
  try {
    return Handlebars.parse(template.replaceAll(/[\ufdd0\ufdd1]/g, ''));
  } catch (error) {
    throw templateError(error);
  }
}

interface HelperOptions {
  readonly loc?: {
    readonly start: { readonly line: number; readonly column: number };
    readonly end: { readonly line: number; readonly column: number };
  };
}

/** `yaml`, and Handlebars' own block helpers made strict about their argument. */
function registerHelpers(handlebars: typeof Handlebars, template: string): void {
  handlebars.registerHelper('yaml', (value: unknown, options: HelperOptions) => {
    requireValue(value, options, template);
    return JSON.stringify(value);
  });
  for (const name of ['if', 'unless', 'each', 'with']) {
    const original: unknown = Handlebars.helpers[name];
    if (typeof original !== 'function') continue;
    handlebars.registerHelper(name, function strictly(this: unknown, value: unknown, options: HelperOptions) {
      requireValue(value, options, template);
      return original.call(this, value, options);
    });
  }
}

function requireValue(value: unknown, { loc }: HelperOptions, template: string): void {
  if (value !== undefined) return;
  const line = loc?.start.line ?? 1;
  const written = (template.split('\n')[line - 1] ?? '').slice(loc?.start.column ?? 0);
  const tag = /^\{\{[^}]*\}\}/.exec(written)?.[0] ?? 'a tag';
  throw new TemplateError(line, `${tag} names a value that there is not`);
}

function templateError(error: unknown): TemplateError {
  const message = error instanceof Error ? error.message : String(error);
  const lineNumber =
    typeof error === 'object' && error !== null && 'lineNumber' in error ? error.lineNumber : undefined;
  const inText = /^Parse error on line ([0-9]+)/.exec(message)?.[1];
  const line = typeof lineNumber === 'number' ? lineNumber : Number(inText ?? 1);
  const undefinedName = /^"(.+)" not defined in/.exec(message)?.[1];
  if (undefinedName !== undefined)
    return new TemplateError(line, `{{${undefinedName}}} names a value that there is not`);
  if (inText !== undefined)
    return new TemplateError(line, `the template's {{…}} are not well formed: ${expectation(message)}`);
  // "if doesn't match each - 4:2": the position is said already.
  return new TemplateError(line, message.replace(/ - [0-9]+:[0-9]+$/, ''));
}

/** The last line of the parser's report, in words: its token names mean nothing to whoever edits the template. */
function expectation(message: string): string {
  const got = /got '([A-Z_]+)'/.exec(message)?.[1];
  if (got === 'EOF' && /'CLOSE'/.test(message)) return 'a {{ is opened and never closed by }}';
  if (got === 'EOF') return 'a {{#…}} is opened and never closed by its {{/…}}';
  if (got === 'INVALID') return 'there is a character that cannot stand inside {{…}}';
  return got === undefined ? (message.split('\n').at(-1) ?? message) : `unexpected ${got}`;
}

/** Puts the line's number in front of every line of every piece of text in the template. */
function markLines(body: readonly hbs.AST.Statement[]): void {
  for (const statement of body) {
    if (isContent(statement)) markContent(statement);
    else if (isBlock(statement)) {
      markLines(statement.program?.body ?? []);
      markLines(statement.inverse?.body ?? []);
    }
  }
}

function markContent(content: hbs.AST.ContentStatement): void {
  // Handlebars has taken the line ends around block tags away from `value`; `original` still has them.
  const original = String(content.original);
  const removed = original.slice(0, Math.max(0, original.indexOf(content.value)));
  let line = content.loc.start.line + removed.split('\n').length - 1;
  const lines = content.value.split('\n').map((text) => `${MARK_START}${line++}${MARK_END}${text}`);
  content.value = lines.join('\n');
}

function isContent(statement: hbs.AST.Statement): statement is hbs.AST.ContentStatement {
  return statement.type === 'ContentStatement';
}

function isBlock(statement: hbs.AST.Statement): statement is hbs.AST.BlockStatement {
  return statement.type === 'BlockStatement';
}

function collectMarks(marked: string): RenderedText {
  const templateLines: number[] = [];
  let previous = 1;
  const lines = marked.split('\n').map((line) => {
    const marks = [...line.matchAll(MARKS)];
    // The last mark before any text: empty pieces in front of it belong to lines that left nothing behind.
    const first = marks.findLast((mark) => line.slice(0, mark.index).replaceAll(MARKS, '') === '') ?? marks[0];
    previous = first?.[1] === undefined ? previous : Number(first[1]);
    templateLines.push(previous);
    return line.replaceAll(MARKS, '');
  });
  return { text: lines.join('\n'), templateLines };
}
