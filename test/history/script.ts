/** Short scripts of what a few clients do at once, each one thing after the other. */
import fc from 'fast-check';

export type Action =
  /** Forced, so that a client need not know where the branch is. `isBroken`: of code that does not build. */
  | { kind: 'push'; refs: string[]; isBroken: boolean; interruptAfterMs: number | null }
  /** Of a commit that some push has brought before. */
  | { kind: 'push-again'; ref: string; index: number }
  | { kind: 'delete'; ref: string }
  | { kind: 'rollback' }
  | { kind: 'environment' }
  /** Whatever push runs. */
  | { kind: 'cancel' }
  | { kind: 'attach' }
  /** While such operations are under way, which it begins for that; of pushes, so long after they began. */
  | { kind: 'kill'; target: Killed; during: Interruptible; lateMs: number };

/** What a kill can be in the middle of; of what is no push, a push is under way as well. */
export const INTERRUPTIBLE = [
  'push',
  'two pushes to one ref',
  'two pushes to ten refs',
  'push that ended by Ctrl-C',
  'delete',
  'rollback',
  'environment',
  'cancel',
  'attach',
] as const;
export type Interruptible = (typeof INTERRUPTIBLE)[number];

export type Killed = 'control' | 'git' | 'data' | 'everything';

export interface Step {
  afterMs: number;
  action: Action;
}

/** One list of steps for each client. */
export type Script = Step[][];

export const PRODUCTION = 'main';
/** What clients push to, mostly. */
export const BRANCHES = [PRODUCTION, 'one', 'two'];
const MORE_BRANCHES = ['three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];
/** All that some pushes have. */
export const TEN_BRANCHES = [...BRANCHES, ...MORE_BRANCHES];
const MAX_PAUSE_MS = 600;
/** A push takes about as long. */
const MAX_LATE_MS = 400;

interface ScriptOptions {
  clients: number;
  steps: number;
  /** How often something is killed, of 100 steps. */
  kills: number;
  /** How often a push has ten branches, of 100. */
  wide: number;
}

export function scripts({ clients, steps, kills, wide }: ScriptOptions): fc.Arbitrary<Script> {
  const ref = fc.constantFrom(PRODUCTION, PRODUCTION, ...BRANCHES);
  const push = fc.record({
    kind: fc.constant('push' as const),
    refs: fc.oneof(
      { weight: 84 - wide, arbitrary: ref.map((one) => [one]) },
      { weight: 16, arbitrary: fc.constant(BRANCHES) },
      { weight: wide, arbitrary: fc.constant(TEN_BRANCHES) },
    ),
    isBroken: fc.nat(9).map((lot) => lot === 0),
    interruptAfterMs: fc.oneof(
      { weight: 7, arbitrary: fc.constant(null) },
      { weight: 1, arbitrary: fc.integer({ min: 20, max: 700 }) },
    ),
  });
  const again = fc.record({ kind: fc.constant('push-again' as const), ref, index: fc.nat(20) });
  const removal = fc.record({
    kind: fc.constant('delete' as const),
    ref: fc.constantFrom('one', 'two'),
  });
  const simple = fc.constantFrom(
    ...(['rollback', 'rollback', 'environment', 'environment', 'cancel', 'attach'] as const),
  );
  const target = fc.constantFrom<Killed>('control', 'control', 'git', 'data', 'everything');
  const action: fc.Arbitrary<Action> = fc.oneof(
    { weight: 45, arbitrary: push },
    { weight: 8, arbitrary: again },
    { weight: 10, arbitrary: removal },
    { weight: 37, arbitrary: simple.map((kind) => ({ kind })) },
    {
      weight: kills,
      arbitrary: fc.record({
        kind: fc.constant('kill' as const),
        target,
        during: fc.constantFrom(...INTERRUPTIBLE),
        lateMs: fc.nat(MAX_LATE_MS),
      }),
    },
  );
  const step = fc.record({ afterMs: fc.nat(MAX_PAUSE_MS), action });
  const client = fc.array(step, { minLength: 1, maxLength: steps, size: 'max' });
  return fc.array(client, { minLength: 2, maxLength: clients, size: 'max' });
}

/** How many kills each script gets of its own. */
const KILLS_EACH = 3;

/** Each with one client more, who kills something in the middle of three kinds of operations: of all kinds in three scripts. */
export function withKills(given: readonly Script[]): Script[] {
  return given.map((script, index) => {
    const kills = Array.from({ length: KILLS_EACH }, (_, part): Step => {
      const turn = KILLS_EACH * index + part;
      const during = INTERRUPTIBLE[turn % INTERRUPTIBLE.length] ?? 'push';
      const lateMs = (turn * 37) % MAX_LATE_MS;
      return { afterMs: MAX_PAUSE_MS, action: { kind: 'kill', target: 'control', during, lateMs } };
    });
    return [...script, kills];
  });
}

/** How many commits it brings that nobody has pushed before. */
export function commitsOf(action: Action): number {
  if (action.kind === 'push') return 1;
  if (action.kind !== 'kill') return 0;
  return action.during.startsWith('two pushes') ? 2 : 1;
}

/** For people, and to be read beside a history. */
export function describeScript(script: Script): string {
  return script.map((steps) => JSON.stringify(steps)).join('\n');
}
