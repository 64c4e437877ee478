import { describe, expect, it } from 'vitest';
import { AppShares, whoTakesMuch } from '../../../../src/main/supervisor/sandboxes/app-shares.ts';
import type { SandboxExit } from '../../../../src/protocol/supervisor.ts';
import { ProcessorGroup } from '../../../../src/sandbox/processor-group.ts';

const CORES = 2;
const SPAN_US = 100_000;

function sandbox() {
  const ending = Promise.withResolvers<SandboxExit>();
  const played = {
    weight: 100,
    yields: false,
    usedUs: 0,
    level: null as ProcessorGroup | null,
    processor: {
      setWeight: (weight: number) => void (played.weight = weight),
      setYielding: (yields: boolean) => void (played.yields = yields),
      moveInto: (level: ProcessorGroup) => void (played.level = level),
      usedUs: () => played.usedUs,
    },
    exited: ending.promise,
    end: async () => {
      ending.resolve({ code: 0, signal: null, wasOutOfMemory: false, stderrTail: '' });
      await ending.promise;
      await Promise.resolve();
    },
  };
  return played;
}

/** A part of the platform as the kernel counts it. */
class Part extends ProcessorGroup {
  used = 0;
  yields = false;

  constructor() {
    super({ folder: '', writeWeight: () => {}, readUsedUs: null }, 100);
  }

  override usedUs(): number {
    return this.used;
  }

  override setYielding(yields: boolean): void {
    this.yields = yields;
  }
}

function openShares(openLevel: () => Part | null = () => null) {
  const all = new Part();
  const office = new Part();
  let atMs = 0;
  let look: (() => void) | null = null;
  const clock = {
    now: () => atMs,
    monotonicMs: () => atMs,
    after: (_delayMs: number, callback: () => void) => {
      look = callback;
      return () => void (look = null);
    },
  };
  const shares = new AppShares({ sandboxes: all, office, openLevel, cores: CORES, clock });
  /** A tenth of a second in which these took so much. */
  const pass = (taken: [{ usedUs: number }, cores: number][], officeCores = 0): void => {
    for (const [one, cores] of taken) {
      one.usedUs += cores * SPAN_US;
      all.used += cores * SPAN_US;
    }
    office.used += officeCores * SPAN_US;
    atMs += SPAN_US / 1_000;
    look?.();
  };
  return { shares, all, office, pass, isLooking: () => look !== null };
}

it('gives an app one share, however many workers it has', async () => {
  const { shares } = openShares();
  const [first, second, alone] = [sandbox(), sandbox(), sandbox()];
  shares.join('busy', first);
  shares.join('busy', second);
  shares.join('quiet', alone);
  expect([first, second, alone].map(({ weight }) => weight)).toEqual([50, 50, 100]);
  await first.end();
  expect(second.weight).toBe(100);
});

describe('on a machine that is busy', () => {
  it('has who takes much give way to who takes little, new workers included', () => {
    const { shares, all, pass } = openShares();
    const [first, second, quiet] = [sandbox(), sandbox(), sandbox()];
    shares.join('busy', first);
    shares.join('busy', second);
    shares.join('quiet', quiet);
    const span = (): void => pass([[first, 0.9], [second, 0.9], [quiet, 0.1]]); // prettier-ignore
    span();
    span();
    expect([all, first, second, quiet].map(({ yields }) => yields)).toEqual([true, true, true, false]); // prettier-ignore
    const third = sandbox();
    shares.join('busy', third);
    expect(third.yields).toBe(true);
  });

  it('lets an app that was left with too little yield no more', () => {
    const { shares, pass } = openShares();
    const [many, one] = [sandbox(), sandbox()];
    shares.join('many', many);
    shares.join('one', one);
    for (let count = 0; count < 2; count++) pass([[many, 1], [one, 0.9]]); // prettier-ignore
    expect([many.yields, one.yields]).toEqual([true, true]);
    pass([[many, 1.8], [one, 0.1]]); // prettier-ignore
    expect([many.yields, one.yields]).toEqual([true, false]);
  });

  it('has the level of an app yield, where the machine has levels, and not each of its workers', async () => {
    const levels: Part[] = [];
    const { shares, pass } = openShares(() => levels[levels.push(new Part()) - 1] ?? null);
    const [first, second, quiet] = [sandbox(), sandbox(), sandbox()];
    shares.join('busy', first);
    shares.join('busy', second);
    shares.join('quiet', quiet);
    expect([first, second, quiet].map(({ level }) => level)).toEqual([levels[0], levels[0], levels[1]]); // prettier-ignore
    for (let count = 0; count < 2; count++) pass([[first, 0.9], [second, 0.9], [quiet, 0.1]]); // prettier-ignore
    expect([first.yields, first.weight, ...levels.map(({ yields }) => yields)]).toEqual([false, 100, true, false]); // prettier-ignore
    for (const one of [first, second]) await one.end();
    shares.join('busy', sandbox());
    expect(levels, 'the first went with the last that was in it').toHaveLength(3);
  });

  it('lets a zygote that has booted yield no more, and those that boot go on', () => {
    const { shares, pass } = openShares();
    const [booting, waiting] = [sandbox(), sandbox()];
    shares.joinUnowned('zygotes', booting);
    shares.joinUnowned('zygotes', waiting);
    shares.booted(waiting);
    for (let count = 0; count < 2; count++) pass([[booting, 1]]);
    expect([booting.yields, waiting.yields]).toEqual([true, false]);
  });

  it('has zygotes yield while they boot, until they are of an app', () => {
    const { shares, pass } = openShares();
    const [booting, quiet] = [sandbox(), sandbox()];
    booting.weight = 25;
    shares.joinUnowned('zygotes', booting);
    expect([booting.yields, booting.weight]).toEqual([true, 25]);
    shares.join('quiet', quiet);
    for (let count = 0; count < 2; count++) pass([[booting, 0.1]]);
    expect(booting.yields).toBe(true);
    shares.join('quiet', booting);
    expect([booting.yields, booting.weight]).toEqual([false, 50]);
  });

  it('counts builds, which are no app own, as one', () => {
    const { shares, pass } = openShares();
    const [build, quiet] = [sandbox(), sandbox()];
    shares.joinUnowned('builds', build);
    shares.join('quiet', quiet);
    expect(build.yields).toBe(false);
    for (let count = 0; count < 2; count++) pass([[build, 1.5]]);
    expect(build.yields).toBe(true);
  });
});

it('has nobody yield while there is room for everybody', () => {
  const { shares, all, pass } = openShares();
  const alone = sandbox();
  shares.join('alone', alone);
  for (let count = 0; count < 2; count++) pass([[alone, 1.9]]);
  expect([all.yields, alone.yields]).toEqual([true, true]);
  pass([[alone, 0.9]]);
  expect([all.yields, alone.yields]).toEqual([false, false]);
  pass([[alone, 0.4]]);
  pass([[alone, 1.1]]);
  expect([all.yields, alone.yields], 'it was not looked at before').toEqual([true, false]);
});

it('has the office yield when it takes much, and no longer than that', () => {
  const { shares, office, pass } = openShares();
  shares.join('any', sandbox());
  pass([], 0.6);
  expect(office.yields).toBe(true);
  pass([], 0.4);
  expect(office.yields).toBe(false);
});

it('looks at nothing while there is no sandbox', async () => {
  const { shares, all, pass, isLooking } = openShares();
  const only = sandbox();
  shares.join('only', only);
  for (let count = 0; count < 2; count++) pass([[only, 1.9]]);
  expect([isLooking(), all.yields]).toEqual([true, true]);
  await only.end();
  expect([isLooking(), all.yields]).toEqual([false, false]);
});

describe('who takes much', () => {
  const machine = { cores: CORES, spanUs: SPAN_US };
  const much = (taken: Record<string, number>): string[] => [
    ...whoTakesMuch(new Map(Object.entries(taken)), machine),
  ];

  it.each([
    ['nobody', {}, []],
    ['an app with more than half of its fair share', { a: 51_000, b: 49_000 }, ['a']],
    ['all of them', { a: 90_000, b: 90_000 }, ['a', 'b']],
    ['one beside others that take nothing', { a: 110_000, b: 10, c: 0 }, ['a']],
    ['none when many share', { a: 30_000, b: 30_000, c: 30_000 }, []],
  ])('%s', (_name, taken, expected) => {
    expect(much(taken)).toEqual(expected);
  });
});
