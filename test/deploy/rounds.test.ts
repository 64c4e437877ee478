import { expect, it, onTestFinished } from 'vitest';
import { createRounds } from '../../src/deploy/rounds.ts';
import type { Clock } from '../../src/std/clock.ts';
import { systemClock } from '../../src/std/clock.ts';

const TIMES = { roundMs: 30_000, soonMs: 1_000 };

interface Played {
  /** The waits that were asked for and not cancelled, in milliseconds. */
  waits: Map<() => void, number>;
  /** Lets the one wait that there is end. */
  pass: () => void;
  /** Ends the round that runs. */
  end: (isWhole: boolean) => Promise<void>;
  rounds: ReturnType<typeof createRounds>;
  stopping: AbortController;
  begun: () => number;
}

function play(): Played {
  const waits = new Map<() => void, number>();
  const clock: Clock = {
    ...systemClock,
    after: (ms, call) => {
      waits.set(call, ms);
      return () => void waits.delete(call);
    },
  };
  let begun = 0;
  let running = Promise.withResolvers<boolean>();
  const round = (): Promise<boolean> => {
    begun += 1;
    running = Promise.withResolvers<boolean>();
    return running.promise;
  };
  const rounds = createRounds(round, clock, TIMES);
  const stopping = new AbortController();
  onTestFinished(() => stopping.abort());
  return {
    waits,
    rounds,
    stopping,
    begun: () => begun,
    pass: () => {
      const [call] = waits.keys();
      if (call === undefined) throw new Error('nothing waits');
      waits.delete(call);
      call();
    },
    end: async (isWhole) => {
      running.resolve(isWhole);
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

const waiting = ({ waits }: Played): number[] => [...waits.values()];

it('a round follows when its time has come, and soon where something was left open', async () => {
  const played = play();
  played.rounds.start(played.stopping.signal);
  expect(played.begun()).toBe(1);
  await played.end(true);
  expect(waiting(played)).toEqual([TIMES.roundMs]);
  played.pass();
  await played.end(false);
  expect(waiting(played)).toEqual([TIMES.soonMs]);
});

it('who asks for one while none runs has it soon, and again does not put it off', async () => {
  const played = play();
  played.rounds.start(played.stopping.signal);
  await played.end(true);
  played.rounds.soon();
  const [first] = played.waits.keys();
  played.rounds.soon();
  expect([...played.waits]).toEqual([[first, TIMES.soonMs]]);
});

it('who asks while one runs has another one, since that one may have looked already', async () => {
  const played = play();
  played.rounds.start(played.stopping.signal);
  played.rounds.soon();
  expect(played.begun()).toBe(1);
  await played.end(true);
  expect(waiting(played)).toEqual([TIMES.soonMs]);
  played.pass();
  await played.end(true);
  expect(waiting(played)).toEqual([TIMES.roundMs]);
});

it('nothing follows an end', async () => {
  const played = play();
  played.rounds.start(played.stopping.signal);
  played.stopping.abort();
  await played.end(false);
  played.rounds.soon();
  expect(waiting(played)).toEqual([]);
});
