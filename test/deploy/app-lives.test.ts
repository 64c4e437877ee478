import { beforeEach, expect, it } from 'vitest';
import { createActivePushes, createAppLives, type AppLives } from '../../src/deploy/index.ts';
import { createAttempt, type Attempt } from '../../src/deploy/attempt.ts';
import { systemClock } from '../../src/std/clock.ts';
import { KeyedMutex } from '../../src/std/mutex.ts';
import { beginApp, findAppByName, hideApp, listUnsettledApps } from '../../src/store/apps.ts';
import type { Database } from '../../src/store/database.ts';
import { createDatabase } from '../support/database.ts';

type Deps = Parameters<typeof createAppLives>[0];

let database: Database;
let errors: unknown[];
let removed: string[];
/** Apps whose first commit is there. */
let committed: Set<string>;
/** A push to an app is running in the git front. */
let isBusy: boolean;

beforeEach(async () => {
  database = await createDatabase();
  errors = [];
  removed = [];
  committed = new Set();
  isBusy = false;
});

const attempt: Attempt = createAttempt(null, (error) => void errors.push(error));

/** A round of the reconciler. */
async function goOn(lives: AppLives): Promise<void> {
  await lives.settleBegun(attempt);
  await lives.clearEnded(attempt);
}

const commit = { sha: '1'.repeat(40), tree: '2'.repeat(40), subject: '', author: '' };

/** As after a start: nothing is known of what a process before has begun. */
function startLives(overrides: Partial<Deps> = {}): AppLives {
  return createAppLives({
    db: database,
    publisher: { publish: async () => {}, doubt: () => {} },
    seal: { remove: async () => {} },
    repository: {
      listRefs: async (id: string) => ({
        isBusy,
        busyRefs: [],
        refs: committed.has(id) ? [{ ref: 'refs/heads/main', sha: commit.sha, commit }] : [],
        live: [],
      }),
      remove: async (id: string) => void removed.push(id),
    },
    bundles: { remove: async () => {} },
    dependencyCache: { remove: async () => {} },
    active: createActivePushes(),
    onEnded: () => {},
    locks: new KeyedMutex(),
    clock: systemClock,
    onError: (error) => void errors.push(error),
    ...overrides,
  });
}

it('finishes an app whose making a crash has cut off: with its commit it is there, else gone', async () => {
  await beginApp(database, { id: 'app-with', name: 'with' });
  await beginApp(database, { id: 'app-without', name: 'without' });
  committed.add('app-with');
  await goOn(startLives());
  expect(await findAppByName(database, 'with')).toMatchObject({ id: 'app-with' });
  expect(await beginApp(database, { id: 'app-next', name: 'without' })).toBe(true);
  expect(removed).toEqual(['app-without']);
  expect(errors).toEqual([]);
});

it('leaves alone what is still being made, here or in the git front', async () => {
  const lives = startLives();
  const app = await lives.begin('here');
  await goOn(lives);
  isBusy = true;
  await goOn(startLives());
  expect(await listUnsettledApps(database)).toEqual([{ id: app.id, state: 'creating' }]);
  expect(removed).toEqual([]);
});

it('finishes an app whose end a crash has cut off', async () => {
  await beginApp(database, { id: 'app-going', name: 'going' });
  await hideApp(database, 'app-going');
  await goOn(startLives());
  expect(removed).toEqual(['app-going']);
  expect(await listUnsettledApps(database)).toEqual([]);
});

it('clears the others beside an app that cannot be cleared', async () => {
  for (const id of ['app-a', 'app-b', 'app-c']) {
    await beginApp(database, { id, name: id });
    await hideApp(database, id);
  }
  const repository = {
    listRefs: async () => ({ isBusy: false, busyRefs: [], refs: [], live: [] }),
    remove: async (id: string) => {
      if (id === 'app-b') throw new Error('stuck');
      removed.push(id);
    },
  };
  await goOn(startLives({ repository }));
  expect(removed.toSorted()).toEqual(['app-a', 'app-c']);
  expect(errors).toMatchObject([{ message: 'stuck' }]);
  expect(await listUnsettledApps(database)).toEqual([{ id: 'app-b', state: 'deleting' }]);
});

it.each(['settle', 'end'] as const)(
  'leaves an app to the next round that the database was away for at its %s',
  async (step) => {
    let isAway = false;
    const refuse = (): void => {
      if (isAway) throw new Error('away');
    };
    const db: Database = {
      ...database,
      query: async (text, values) => {
        refuse();
        return database.query(text, values);
      },
      transaction: async (work) => {
        refuse();
        return database.transaction(work);
      },
    };
    const lives = startLives({ db });
    const app = await lives.begin('cut-off');
    isAway = true;
    await expect(lives[step](app)).rejects.toThrow('away');
    isAway = false;
    committed.add(app.id);
    await goOn(lives);
    expect(await findAppByName(database, 'cut-off')).toMatchObject({ id: app.id });
  },
);

it('hides an app that it cannot clear yet, and clears it in a later round', async () => {
  const lives = startLives({
    dependencyCache: {
      remove: async () => {
        throw new Error('away');
      },
    },
  });
  const app = await lives.begin('stubborn');
  await lives.end(app);
  expect(errors).toMatchObject([{ message: 'away' }]);
  expect(await listUnsettledApps(database)).toEqual([{ id: app.id, state: 'deleting' }]);
  await expect(lives.begin('stubborn')).resolves.toMatchObject({ name: 'stubborn' });
  await goOn(startLives());
  expect((await listUnsettledApps(database)).map(({ id }) => id)).not.toContain(app.id);
});

it('ends the pushes of an app that goes, and takes its files away when they have ended', async () => {
  const active = createActivePushes();
  const lives = startLives({ active });
  const app = await lives.begin('pushed');
  await lives.settle(app);
  const own = active.begin(app.id, 'refs/heads/main', commit.sha);
  const other = active.begin('app-other', 'refs/heads/main', commit.sha);
  const removedBeforeItsEnd: string[] = [];
  own.signal.addEventListener('abort', () => {
    removedBeforeItsEnd.push(...removed);
    own.end();
  });
  await lives.end(app);
  expect([own.signal.aborted, other.signal.aborted]).toEqual([true, false]);
  expect(removedBeforeItsEnd).toEqual([]);
  expect(removed).toEqual([app.id]);
  expect(await findAppByName(database, 'pushed')).toBeNull();
});
