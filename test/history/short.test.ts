import { expect, it } from 'vitest';
import { usePlatform } from '../support/use-platform.ts';
import { playScripts } from './properties.ts';

const platform = usePlatform();
const SECONDS = 8;

it('what several clients do at once ends with what the last of them did, and nothing older is served', async () => {
  const run = {
    platform,
    name: 'short',
    seconds: SECONDS,
    clients: 3,
    steps: 4,
    kills: 0,
    wide: 0,
  };
  const { played, readings } = await playScripts(run);
  expect(played).toBeGreaterThan(0);
  expect(readings).toBeGreaterThan(100);
}, 180_000);
