import type { LogLevel } from './worker.ts';

/** In the order of their weight. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const satisfies LogLevel[];
