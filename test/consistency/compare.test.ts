import { describe, expect, it } from 'vitest';
import { compareBundles } from '../../src/consistency/compare-bundles.ts';
import { compareRefs, compareRepositories } from '../../src/consistency/compare-refs.ts';
import { compareRoutes } from '../../src/consistency/compare-routes.ts';
import { compareRows } from '../../src/consistency/compare-rows.ts';
import { compareSandboxes } from '../../src/consistency/compare-sandboxes.ts';
import { createConsistency } from '../../src/consistency/index.ts';
import type { Snapshot } from '../../src/protocol/snapshot.ts';
import type { StoredDeployment, StoredFacts } from '../../src/store/consistency.ts';

const SHA = 'a'.repeat(40);
const OTHER = 'b'.repeat(40);
const HASH = 'c'.repeat(64);
const APP = { id: 'app-1', name: 'shop', productionRef: 'refs/heads/main' };

const live: StoredDeployment = {
  id: 'dep-1',
  appId: 'app-1',
  version: 1,
  kind: 'production',
  ref: 'refs/heads/main',
  slug: null,
  commit: SHA,
  bundle: HASH,
  state: 'live',
  reason: null,
  endedForMs: null,
};

const rows: StoredFacts = {
  apps: [APP],
  appIds: ['app-1'],
  deployments: [live],
  routes: [
    {
      appId: 'app-1',
      kind: 'production',
      target: 'production',
      deploymentId: 'dep-1',
      state: 'live',
    },
  ],
  slugs: [],
  recordedRefs: [{ appId: 'app-1', ref: 'refs/heads/main', sha: SHA }],
  bundles: [{ appId: 'app-1', hash: HASH }],
  missingFunctions: [],
};

const refs = {
  isBusy: false,
  refs: [{ ref: 'refs/heads/main', sha: SHA, commit: { sha: SHA } }],
  live: [{ name: 'refs/live/production', sha: SHA }],
};

const messages = (found: { message: string }[]): string[] => found.map(({ message }) => message);

describe('refs', () => {
  it('that were released as they are, are no finding; nor are those of a push under way', () => {
    expect(compareRefs(APP, refs, rows)).toEqual([]);
    expect(compareRefs(APP, { ...refs, isBusy: true, refs: [] }, rows)).toEqual([]);
  });

  it('are found where they moved, came or went without a release', () => {
    const moved = {
      ...refs,
      refs: [{ ref: 'refs/heads/main', sha: OTHER, commit: { sha: OTHER } }],
    };
    expect(messages(compareRefs(APP, moved, rows))).toEqual([
      expect.stringMatching(/^refs\/heads\/main is at b+ and was released last at a+$/),
    ]);
    expect(messages(compareRefs(APP, refs, { ...rows, recordedRefs: [] }))).toEqual([
      expect.stringMatching(/was never released$/),
    ]);
    expect(messages(compareRefs(APP, { ...refs, refs: [] }, rows))).toEqual([
      expect.stringMatching(/is gone from the repository/),
    ]);
  });

  it('of what is live are found where they show another commit, too much or too little', () => {
    const shown = (sha: string, name = 'refs/live/production') => ({
      ...refs,
      live: [{ name, sha }],
    });
    expect(messages(compareRefs(APP, shown(OTHER), rows))).toEqual([
      expect.stringMatching(/^refs\/live\/production is at b+, not at a+$/),
    ]);
    expect(messages(compareRefs(APP, shown(SHA, 'refs/live/preview/x'), rows))).toEqual([
      expect.stringMatching(/^refs\/live\/production is missing/),
      'refs/live/preview/x is there, and nothing is served by that name',
    ]);
  });

  it('stand in one repository for each app that was pushed', () => {
    expect(compareRepositories(['app-1'], rows)).toEqual([]);
    expect(messages(compareRepositories(['app-2'], rows))).toEqual([
      'there is a repository app-2.git, and no app of that id',
      'its repository is gone',
    ]);
  });
});

describe('rows', () => {
  const context = {
    isHeld: () => false,
    busyApps: new Set<string>(),
    sealed: new Set(['dep-1']),
    drainMs: 30_000,
  };
  const withOne = (change: Partial<StoredDeployment>): StoredFacts => {
    return { ...rows, deployments: [live, { ...live, id: 'dep-2', version: 2, ...change }] };
  };

  it('that agree are no finding', () => {
    expect(compareRows(rows, context)).toEqual([]);
  });

  it.each([
    [{ state: 'warming' as const }, /^v2 of refs\/heads\/main is warming, and nobody works on it$/],
    [{ state: 'failed' as const }, /has failed and does not say why$/],
    [{ state: 'draining' as const, endedForMs: 500_000 }, /drains and does not come to an end$/],
  ])('of deployments that come to no end are found: %o', (change, expected) => {
    expect(messages(compareRows(withOne(change), context))).toEqual([
      expect.stringMatching(expected),
    ]);
  });

  it('of what somebody works on are none', () => {
    const building = withOne({ state: 'building' });
    expect(compareRows(building, { ...context, isHeld: (id) => id === 'dep-2' })).toEqual([]);
    expect(compareRows(building, { ...context, busyApps: new Set(['app-1']) })).toEqual([]);
    expect(compareRows(withOne({ state: 'draining', endedForMs: 10 }), context)).toEqual([]);
  });

  it('of what is live without a route, a bundle or an environment are found', () => {
    const bare = { ...context, sealed: new Set(['dep-1']) };
    expect(messages(compareRows(withOne({ bundle: null }), bare))).toEqual([
      'v2 of refs/heads/main is live, and no route leads to it',
      'v2 of refs/heads/main is live without a bundle',
      'the environment of v2 of refs/heads/main is not sealed',
    ]);
  });
});

it('bundles are found when they are damaged, gone, or nobody has them for an hour', async () => {
  const look = (present: { hash: string; ageMs: number }[], damage: string | null = null) =>
    compareBundles(rows, { list: async () => present, findDamage: async () => damage });
  const sound = { hash: HASH, ageMs: 10 };
  expect(await look([sound])).toEqual([]);
  expect(messages(await look([sound], 'lacks its file main.js'))).toEqual([
    'bundle cccccccccccc, which refs/heads/main serves, lacks its file main.js',
  ]);
  expect(messages(await look([]))).toEqual([expect.stringContaining('is gone from the disk')]);
  const stray = 'd'.repeat(64);
  expect(await look([sound, { hash: stray, ageMs: 1000 }])).toEqual([]);
  expect(messages(await look([sound, { hash: stray, ageMs: 4_000_000 }]))).toEqual([
    'bundle dddddddddddd is on disk, and no app has it',
  ]);
});

describe('routes', () => {
  const app = { name: 'shop', production: 'dep-1', slugs: {}, commits: {} };
  const wanted: Snapshot = { generation: 2, apps: [app], deployments: [] };
  const door = (routes: Snapshot) => ({ answered: [{ routes, slots: [] }], expected: 1 });

  it('that lead to the same are no finding, whatever their generation', () => {
    const older = { ...wanted, generation: 1 };
    expect(compareRoutes({ wanted, file: older, doors: door(older) })).toEqual([]);
  });

  it('are found where the file or a door leads elsewhere, or one is away', () => {
    const stale = { ...wanted, apps: [{ ...app, production: 'dep-0', slugs: { x: 'dep-9' } }] };
    expect(messages(compareRoutes({ wanted, file: null, doors: door(stale) }))).toEqual([
      'the file of routes cannot be read',
      'the door leads production to dep-0, not to dep-1',
      'the door leads the branch or tag x to dep-9, and no row does',
    ]);
    expect(
      messages(compareRoutes({ wanted, file: wanted, doors: { answered: [], expected: 2 } })),
    ).toEqual(['2 of 2 data processes do not answer']);
    expect(
      messages(compareRoutes({ wanted, file: { ...wanted, apps: [] }, doors: door(wanted) })),
    ).toEqual([
      'the file of routes leads production nowhere, not to dep-1',
      'the file of routes does not know the app',
    ]);
  });
});

it('sandboxes are found that one of those who count them does not know', () => {
  const doors = {
    answered: [
      { routes: { generation: 0, apps: [], deployments: [] }, slots: ['slot-a', 'slot-b'] },
    ],
    expected: 1,
  };
  const held = { slots: ['slot-a', 'slot-c'], workers: ['slot-a', 'slot-c'] };
  expect(
    messages(
      compareSandboxes(doors, { ...held, cgroups: ['slot-a', 'slot-d'], folders: ['slot-e'] }),
    ),
  ).toEqual([
    'the pool counts on slot-b, which has ended',
    'slot-c runs, and no pool knows of it',
    'the cgroup slot-d is there, and its sandbox has ended',
    'the code folder of slot-e is there, and its sandbox has ended',
  ]);
  const away = { answered: [], expected: 1 };
  expect(compareSandboxes(away, { ...held, cgroups: null, folders: [] })).toEqual([]);
});

it('tells only what a second look has as well', async () => {
  const looks = [['app-9'], []];
  let waits = 0;
  const consistency = createConsistency({
    readRows: async () => ({
      ...rows,
      apps: [],
      deployments: [],
      routes: [],
      bundles: [],
      recordedRefs: [],
    }),
    isHeld: () => false,
    repositories: { list: async () => looks[Math.min(waits, 1)] ?? [], listRefs: async () => refs },
    bundles: { list: async () => [], findDamage: async () => null },
    sealed: { list: async () => [] },
    routes: {
      read: async () => ({ generation: 1, apps: [], deployments: [] }),
      readFile: async () => ({ generation: 1, apps: [], deployments: [] }),
    },
    doors: { list: async () => ({ answered: [], expected: 0 }) },
    sandboxes: { list: async () => ({ slots: [], workers: [], cgroups: null, folders: [] }) },
    wait: async () => void (waits += 1),
    drainMs: 0,
  });
  expect((await consistency.check()).findings).toEqual([]);
  expect(waits).toBe(1);
  waits = 0;
  looks[1] = ['app-9'];
  expect(messages((await consistency.check()).findings)).toEqual([
    'there is a repository app-9.git, and no app of that id',
  ]);
});
