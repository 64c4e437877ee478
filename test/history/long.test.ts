import { describe, expect, it } from 'vitest';
import { usePlatform } from '../support/use-platform.ts';
import { KILL_NAMES, MEETING_NAMES } from './occurrences.ts';
import { playScripts } from './properties.ts';

const SECONDS = Number(process.env['HISTORY_SECONDS'] ?? 240);
/** A script's own time, and that of what it waits for at its end. */
const TIMEOUT_MS = (SECONDS + 180) * 1000;

const ENOUGH_SECONDS = 240;

const missing = (met: Map<string, number>, names: string[]): string[] =>
  names.filter((name) => (met.get(name) ?? 0) === 0);

const platform = usePlatform();

describe('a history of what many clients do at once', () => {
  it(
    'ends with what the last of them did, and nothing older is served',
    async () => {
      const run = {
        platform,
        name: 'many',
        seconds: SECONDS,
        clients: 5,
        steps: 8,
        kills: 0,
        wide: 8,
      };
      const { met } = await playScripts(run);
      // In a shorter look some may not come.
      if (SECONDS >= ENOUGH_SECONDS) expect(missing(met, MEETING_NAMES)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    'does so while processes of the platform are killed',
    async () => {
      const run = {
        platform,
        name: 'killed',
        seconds: SECONDS,
        clients: 4,
        steps: 6,
        kills: 6,
        wide: 4,
      };
      const { met } = await playScripts(run);
      if (SECONDS >= ENOUGH_SECONDS) expect(missing(met, KILL_NAMES)).toEqual([]);
    },
    TIMEOUT_MS,
  );
});
