import { expect, it } from 'vitest';
import { AppShares } from '../../src/main/supervisor/app-shares.ts';
import type { SandboxExit } from '../../src/protocol/supervisor.ts';
import type { Sandbox } from '../../src/sandbox/index.ts';

function sandbox() {
  const ending = Promise.withResolvers<SandboxExit>();
  const played = {
    weight: 100,
    setCpuWeight: (weight: number) => void (played.weight = weight),
    exited: ending.promise,
    end: () => {
      ending.resolve({ code: 0, signal: null, wasOutOfMemory: false, stderrTail: '' });
    },
  };
  return played;
}

it('gives an app one share, however many workers it has', async () => {
  const shares = new AppShares();
  const [first, second, alone] = [sandbox(), sandbox(), sandbox()];
  const join = (app: string, one: ReturnType<typeof sandbox>): void =>
    shares.join(app, one as unknown as Sandbox);
  join('busy', first);
  join('busy', second);
  join('quiet', alone);
  expect([first, second, alone].map(({ weight }) => weight)).toEqual([50, 50, 100]);
  first.end();
  await first.exited;
  await Promise.resolve();
  expect(second.weight).toBe(100);
});
