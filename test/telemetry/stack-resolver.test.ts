import { expect, it } from 'vitest';
import { createStackResolver } from '../../src/telemetry/stack-resolver.ts';

/** A resolver whose source maps take so long to open, at a time that only the test moves. */
function createResolver(openMs: number) {
  let nowMs = 0;
  let opened = 0;
  const resolver = createStackResolver(
    async (_bundle, _file, stack) => {
      opened++;
      nowMs += openMs;
      return stack.replaceAll('main.js', 'index.ts');
    },
    { monotonicMs: () => nowMs },
  );
  const resolve = (stack: string, bundle = 'bundle'): Promise<string> =>
    resolver.resolve(bundle, 'main.js', stack);
  return { resolve, opened: () => opened, pass: (ms: number) => void (nowMs += ms) };
}

const calls = (line: number): string => `\n    at handler (/code/main.js:${line}:1)`;

it('opens the source map once for failures that differ in their message alone', async () => {
  const { resolve, opened } = createResolver(150);
  for (let id = 0; id < 1_000; id++) {
    const resolved = await resolve(`Error: no order ${id}\nof this user${calls(7)}`);
    expect(resolved).toBe(
      `Error: no order ${id}\nof this user\n    at handler (/code/index.ts:7:1)`,
    );
  }
  expect(opened()).toBe(1);
  await resolve(`Error: no order 1${calls(7)}`, 'another bundle');
  expect(opened()).toBe(2);
});

it('spends a tenth of its time at most on failures that are all different', async () => {
  const { resolve, opened, pass } = createResolver(200);
  const seconds = 60;
  for (let failure = 0; failure < seconds * 100; failure++) {
    await resolve(`Error: no${calls(failure)}`);
    pass(10);
  }
  expect(opened()).toBeGreaterThan(10);
  expect(opened() * 200).toBeLessThan((seconds * 1_000) / 5);
});

it('leaves a stack in positions of the bundle when there is no time, and says them later', async () => {
  const { resolve, pass } = createResolver(2_000);
  expect(await resolve(`Error: a${calls(1)}`)).toContain('index.ts:1');
  expect(await resolve(`Error: b${calls(2)}`)).toBe(`Error: b${calls(2)}`);
  pass(10_000);
  expect(await resolve(`Error: b${calls(2)}`)).toContain('index.ts:2');
});

it('leaves a text that is no stack as it is', async () => {
  const { resolve, opened } = createResolver(1);
  expect(await resolve('at work in main.js')).toBe('at work in main.js');
  expect(opened()).toBe(0);
});
