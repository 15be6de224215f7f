/** The programs' log: one JSON object a line on standard output, for whatever collects the pods' logs. */
import { type Logger, pino } from 'pino';

/** MetalLB's words for the levels, and pino's. */
const LEVELS = { all: 'trace', debug: 'debug', info: 'info', warn: 'warn', error: 'error', none: 'silent' } as const;
export type LogLevel = keyof typeof LEVELS;
export const LOG_LEVELS = Object.keys(LEVELS) as readonly LogLevel[];

/** Fields never replace the message: it stays constant, so that it can be searched and counted. */
export function openLog(level: LogLevel, program: string): Logger {
  return pino({
    level: LEVELS[level],
    base: { program },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: errorFields },
  });
}

/** An error of the edge is told by its own fields (op, status, reason, …); only a bug needs its stack. */
function errorFields(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { cause, ...fields } = error as Error & { readonly cause?: unknown };
  const isBug = Object.keys(fields).length === 0;
  return {
    ...fields,
    message: error.message,
    ...(cause === undefined ? {} : { cause: cause instanceof Error ? cause.message : cause }),
    ...(isBug ? { stack: error.stack } : {}),
  };
}
