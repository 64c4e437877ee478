import { onTestFinished } from 'vitest';
import { type ChallengeResponder, startChallengeResponder } from './challenge-responder.ts';
import { type Pebble, type PebbleOptions, startPebble } from './pebble.ts';

/** Pebble, and who answers its challenges, until the test has finished. */
export async function startAnsweredPebble(
  options: PebbleOptions = {},
): Promise<{ pebble: Pebble; responder: ChallengeResponder }> {
  const pebble = await startPebble(options);
  onTestFinished(() => pebble.close());
  const responder = await startChallengeResponder(pebble);
  onTestFinished(() => responder.close());
  return { pebble, responder };
}
