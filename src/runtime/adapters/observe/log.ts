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
    // An error's own fields (op, status, reason) tell more than its stack, which is only wanted for bugs.
    serializers: { err: pino.stdSerializers.errWithCause },
  });
}
