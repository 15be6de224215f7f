/**
 * Where programs say what happened: a constant message and the values as fields. Shaped so that a pino logger fits as
 * it is. Machines and decisions never log; whoever handles an error logs it, once.
 */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}
