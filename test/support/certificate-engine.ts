import { onTestFinished } from 'vitest';
import { type Engine, type EngineOptions, openEngine } from './open-engine.ts';

export type { Engine, EngineOptions } from './open-engine.ts';
export { shiftedClock } from './shifted-clock.ts';

/** An engine that ends with its test. */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  const engine = await openEngine(options);
  onTestFinished(() => engine.close());
  return engine;
}
