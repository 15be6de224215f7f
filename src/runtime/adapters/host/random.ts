/** The engine's dice: spreads retries and timers, never anything secret. */
import type { Random } from '../../engine/ports.ts';

export const hostRandom: Random = { next: Math.random };
