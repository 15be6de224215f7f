/** Health as the kubelet asks for it: alive or not, ready or the reasons why not, in words. */
import type { Answer } from './http.ts';

export interface Health {
  /** Reasons why the program should be restarted; none: it is alive. */
  readonly troubles: () => readonly string[];
  /** What it still waits for before it can do its work; none: it is ready. */
  readonly waitingFor: () => readonly string[];
}

export function healthRoutes(health: Health): Readonly<Record<string, () => Answer>> {
  const livez = (): Answer => answerOf(health.troubles());
  return { '/livez': livez, '/healthz': livez, '/readyz': () => answerOf(health.waitingFor()) };
}

function answerOf(reasons: readonly string[]): Answer {
  return reasons.length === 0 ? { status: 200, body: 'ok\n' } : { status: 503, body: `${reasons.join('\n')}\n` };
}
