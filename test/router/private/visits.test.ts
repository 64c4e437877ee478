import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import type { Lock } from '../../../src/router/private/index.ts';
import { createVisits } from '../../../src/router/private/visits.ts';
import { playedClock } from '../../support/played-clock.ts';

const ENDS_AT_MS = 10_000;

/** A visit by the secret `open`, which the lock takes until it is told otherwise. */
function start() {
  const { clock, pass, pending } = playedClock();
  const visits = createVisits(clock);
  const door: { lock: Lock | null } = {
    lock: { opensUntil: (secret, nowMs) => openUntil(secret, nowMs) },
  };
  let destroyed = 0;
  const response = Object.assign(new EventEmitter(), { destroy: () => void (destroyed += 1) });
  visits.begin({
    response: response as never,
    secrets: ['other', 'open'],
    lock: () => door.lock,
  });
  return { visits, door, pass, pending, response, destroyed: () => destroyed };
}

const openUntil = (secret: string, nowMs: number): number | null =>
  secret === 'open' && nowMs < ENDS_AT_MS ? ENDS_AT_MS : null;

it('ends at once what is not open any more, and once', () => {
  const { visits, door, destroyed } = start();
  visits.look();
  expect(destroyed()).toBe(0);
  door.lock = { opensUntil: () => null };
  visits.look();
  visits.look();
  expect(destroyed()).toBe(1);
});

it('ends within a second what its time has ended, and then rests', async () => {
  const { pass, pending, destroyed } = start();
  await pass(ENDS_AT_MS - 100);
  expect(destroyed()).toBe(0);
  await pass(1_000);
  expect(destroyed()).toBe(1);
  expect(pending()).toBe(0);
});

it('leaves alone what has ended by itself, and what anybody may see', () => {
  const { visits, door, response, destroyed } = start();
  door.lock = null;
  visits.look();
  response.emit('close');
  door.lock = { opensUntil: () => null };
  visits.look();
  expect(destroyed()).toBe(0);
});
