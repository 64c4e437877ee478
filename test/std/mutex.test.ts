import { expect, it } from 'vitest';
import { KeyedMutex } from '../../src/std/mutex.ts';

it('runs the tasks of one key one after the other, also after one that threw', async () => {
  const mutex = new KeyedMutex();
  const events: string[] = [];
  const task =
    (name: string, fails = false) =>
    async (): Promise<void> => {
      events.push(`${name} begins`);
      await new Promise((resolve) => setImmediate(resolve));
      events.push(`${name} ends`);
      if (fails) throw new Error(name);
    };
  const runs = [
    mutex.run('k', task('a', true)),
    mutex.run('k', task('b')),
    mutex.run('other', task('c')),
  ];
  const outcomes = await Promise.allSettled(runs);
  expect(outcomes.map((outcome) => outcome.status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
  const ofK = events.filter((event) => !event.startsWith('c'));
  expect(ofK).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
  expect(events.indexOf('c begins')).toBeLessThan(events.indexOf('b begins'));
});
