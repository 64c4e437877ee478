import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { openSealedEnvironment } from '../../src/main/supervisor/sandboxes/open-sealed.ts';
import {
  createMasterKeys,
  createRotation,
  createSealedFiles,
  createVault,
} from '../../src/secrets/index.ts';
import { ensureApp } from '../../src/store/apps.ts';
import type { Database } from '../../src/store/database.ts';
import { createDatabase } from '../support/database.ts';

const APP = 'app-1';
const DEPLOYMENTS = ['dep-aaaaaaaaaaaa', 'dep-bbbbbbbbbbbb'];
const ENVIRONMENT = { values: { A_KEY: 'hunter2' }, secretNames: ['A_KEY'] };

/** An installation whose control process may end at any moment; what lasts is its database, files and key file. */
class Installation {
  keys: Buffer[] = [randomBytes(32)];
  /** Named steps left until the process ends; it never does by itself. */
  stepsLeft = Infinity;
  readonly db: Database;
  readonly folder: string;

  private constructor(db: Database, folder: string) {
    this.db = db;
    this.folder = folder;
  }

  static async create(): Promise<Installation> {
    const folder = await mkdtemp(join(tmpdir(), 'gitfn-sealed-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const db = await createDatabase();
    await ensureApp(db, { id: APP, name: 'hello' });
    return new Installation(db, folder);
  }

  /** What control makes of it when it starts. */
  start() {
    const masterKeys = createMasterKeys(this.keys);
    const files = createSealedFiles(masterKeys, this.folder);
    const db: Database = {
      ...this.db,
      transaction: (work) => this.#step(() => this.db.transaction(work)),
    };
    const rotation = createRotation({
      db,
      masterKeys,
      sealedFiles: [{ resealAll: () => this.#step(() => files.resealAll()) }],
      file: {
        add: () =>
          this.#step(async () => (this.keys = [randomBytes(32), ...this.keys].slice(0, 2))),
        retireOld: () => this.#step(async () => (this.keys = this.keys.slice(0, 1))),
      },
    });
    return { rotation, files, vault: createVault({ db: this.db, masterKeys }) };
  }

  /** The process may end before the step, or when it is done and nobody has heard of it. */
  async #step<T>(work: () => Promise<T>): Promise<T> {
    if (this.stepsLeft-- <= 0) throw new Error('ended');
    const result = await work();
    if (this.stepsLeft-- <= 0) throw new Error('ended');
    return result;
  }

  open(id: string) {
    return openSealedEnvironment(this.folder, () => this.keys, id);
  }
}

it('leaves everything readable wherever it ends, and the next start completes it', async () => {
  let isWhole = false;
  let points = 0;
  for (; !isWhole; points++) {
    const installation = await Installation.create();
    const { rotation, files, vault } = installation.start();
    await rotation.settle();
    await vault.change(APP, [{ name: 'A_KEY', scope: 'all', value: 'hunter2' }], { tokenId: 't' });
    for (const id of DEPLOYMENTS) await files.seal(id, ENVIRONMENT);
    const [first] = installation.keys;
    installation.stepsLeft = points;
    isWhole = await rotation.rotate().then(
      () => true,
      () => false,
    );
    for (const id of DEPLOYMENTS) expect(installation.open(id)).toEqual(ENVIRONMENT);

    installation.stepsLeft = Infinity;
    const next = installation.start();
    await next.rotation.settle();
    expect(installation.keys).toHaveLength(1);
    expect(installation.keys[0]?.equals(first ?? Buffer.alloc(0))).toBe(points === 0);
    for (const id of DEPLOYMENTS) expect(installation.open(id)).toEqual(ENVIRONMENT);
    expect(await next.vault.read(APP, 1)).toMatchObject([{ value: 'hunter2' }]);
  }
  expect(points).toBe(9);
});

it('removes a file that opens with no key, so that it is made again', async () => {
  const installation = await Installation.create();
  const { rotation, files } = installation.start();
  await rotation.settle();
  const [broken = '', sound = ''] = DEPLOYMENTS;
  for (const id of DEPLOYMENTS) await files.seal(id, ENVIRONMENT);
  const path = join(installation.folder, `${broken}.sealed`);
  await writeFile(path, (await readFile(path)).subarray(0, 40));
  await rotation.rotate();
  expect(await files.listOlderThan(0)).toEqual([sound]);
});

it('lets the supervisor open a file while its key is being replaced', async () => {
  const installation = await Installation.create();
  const { files } = installation.start();
  const [id = ''] = DEPLOYMENTS;
  await files.seal(id, ENVIRONMENT);
  const [own, other] = [installation.keys, [randomBytes(32)]];
  for (const keys of [
    [own, other],
    [other, own],
  ]) {
    const rest = keys.values();
    const opened = openSealedEnvironment(installation.folder, () => rest.next().value ?? [], id);
    expect(opened).toEqual(ENVIRONMENT);
  }
});
