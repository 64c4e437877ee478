/** Plays a script against an app of its own, while a prober asks all hosts, and tells what everybody did and saw. */
import { setTimeout as delay } from 'node:timers/promises';
import { PUSH_OUTCOMES, type PushOutcome } from '../../src/model/push.ts';
import { KeyedMutex } from '../../src/std/mutex.ts';
import { callControl } from '../support/control-api.ts';
import { eventually } from '../support/eventually.ts';
import type { Platform } from '../support/platform.ts';
import { createRepository, type TestRepository } from '../support/repository.ts';
import { ask } from '../support/ask.ts';
import { findTargets } from '../soak/targets.ts';
import { sendSignal } from '../support/signals.ts';
import { gitPush } from './git-push.ts';
import type { Answer, History, Operation, Reading, Row } from './history.ts';
import { openPushes, openRows } from './judge.ts';
import {
  BRANCHES,
  PRODUCTION,
  TEN_BRANCHES,
  commitsOf,
  type Action,
  type Interruptible,
  type Killed,
  type Script,
} from './script.ts';

/** What was accepted is deployed, or failed with a reason, so long after the platform is up. */
const PUSH_DEADLINE_MS = 60_000;
/** What was built for a ref that then did not move is held for a minute, and found by the next round of the reconciler. */
const REST_DEADLINE_MS = 100_000;
const READY_DEADLINE_MS = 60_000;
const PROBE_PAUSE_MS = 15;
/** Whoever wants to meet something waits for it so long. */
const MEETING_MS = 1_000;
/** By then the platform has a push, and has not built it yet. */
const CTRL_C_MS = 120;

/** What a kill is to be in the middle of. */
interface Begun {
  begun: Promise<void>[];
  isUnderWay: () => boolean;
  /** Enough to have a middle. */
  isLong: boolean;
}

interface Commits {
  repository: TestRepository;
  url: string;
  marks: Map<string, string>;
  broken: Set<string>;
  /** In the order in which they are pushed; the scripts know how many they need. */
  whole: string[];
  failing: string[];
}

export async function play(platform: Platform, app: string, script: Script): Promise<History> {
  const commits = await prepareCommits(platform, app, script);
  const player = new Player(platform, app, commits);
  return player.play(script);
}

const sourceOf = (mark: string, isBroken: boolean): Record<string, string> => ({
  'two.ts': `export const two = '${mark}';\n`,
  'index.ts': `import { two } from './two.ts';
const one = '${mark}';
const { FN_GIT_SHA: commit, FN_VERSION: version, SETTING: setting = null } = process.env;
export const handler = async () => ({ one, two, commit, version, setting });
${isBroken ? 'export const broken = (;' : ''}
`,
});

/** One commit for each push of the script, so that what is served tells whose it is. */
async function prepareCommits(platform: Platform, app: string, script: Script): Promise<Commits> {
  const repository = await createRepository(platform, app);
  const url = `${platform.url.replace('://', `://any:${platform.adminToken}@`)}/${app}.git`;
  const commits: Commits = {
    repository,
    url,
    marks: new Map(),
    broken: new Set(),
    whole: [],
    failing: [],
  };
  const first = false;
  const later = script.flat().flatMap(({ action }) => {
    const isBroken = action.kind === 'push' && action.isBroken;
    return Array<boolean>(commitsOf(action)).fill(isBroken);
  });
  for (const [index, isBroken] of [first, ...later].entries()) {
    const mark = `mark-${index}`;
    const sha = await repository.commit(sourceOf(mark, isBroken), mark);
    commits.marks.set(sha, mark);
    (isBroken ? commits.failing : commits.whole).push(sha);
  }
  return commits;
}

class Player {
  readonly #platform: Platform;
  readonly #app: string;
  readonly #commits: Commits;
  readonly #operations: Operation[] = [];
  readonly #readings: Reading[] = [];
  readonly #absences: { from: number; to: number }[] = [];
  readonly #killed: History['kills'] = [];
  readonly #pushed: string[] = [];
  readonly #kills = new KeyedMutex();
  #settings = 0;

  constructor(platform: Platform, app: string, commits: Commits) {
    this.#platform = platform;
    this.#app = app;
    this.#commits = commits;
  }

  async play(script: Script): Promise<History> {
    await this.#push([PRODUCTION], this.#commits.whole.shift() ?? '', null);
    const resting = new AbortController();
    const probing = BRANCHES.map((ref) => this.#probe(ref, resting.signal));
    const clients = script.map(async (steps) => {
      for (const { afterMs, action } of steps) {
        await delay(afterMs);
        await this.#act(action);
      }
    });
    await Promise.all(clients);
    const history = await this.#rest();
    resting.abort();
    await Promise.all(probing);
    return history;
  }

  async #act(action: Action): Promise<void> {
    switch (action.kind) {
      case 'push': {
        const { failing, whole } = this.#commits;
        const commit = (action.isBroken ? failing : whole).shift() ?? '';
        return this.#push(action.refs, commit, action.interruptAfterMs);
      }
      case 'push-again': {
        const commit = this.#pushed[action.index % this.#pushed.length] ?? '';
        return this.#push([action.ref], commit, null);
      }
      case 'delete':
        return this.#push([action.ref], null, null);
      case 'rollback':
        return this.#call({ kind: 'rollback', method: 'POST', path: 'rollback', body: {} });
      case 'environment': {
        const value = `setting-${(this.#settings += 1)}`;
        const path = 'environment/SETTING';
        return this.#call({ kind: 'environment', method: 'PUT', path, body: { value }, value });
      }
      case 'cancel':
        return this.#cancel();
      case 'attach':
        return this.#attach();
      case 'kill':
        return this.#killDuring(action);
    }
  }

  /** Notes an operation with how it ended. */
  async #record(
    begun: Pick<Operation, 'kind' | 'ref'> & Partial<Operation>,
    run: () => Promise<Partial<Operation> & { answer: Answer }>,
  ): Promise<void> {
    const blank = { commit: null, value: null, version: null, said: '' };
    const one = { refs: 1, isInterrupted: false, isPostponed: false, outcome: null };
    const invokedAt = performance.now();
    const open: Operation = {
      ...blank,
      ...one,
      ...begun,
      invokedAt,
      completedAt: Infinity,
      endedAt: Infinity,
      answer: 'unknown' as const,
    };
    this.#operations.push(open);
    const ended = await run().catch((error: unknown) => ({
      answer: 'unknown' as const,
      said: String(error),
    }));
    Object.assign(open, ended);
    open.endedAt = performance.now();
    if (open.answer !== 'unknown') open.completedAt = open.endedAt;
  }

  async #push(
    refs: string[],
    commit: string | null,
    interruptAfterMs: number | null,
  ): Promise<void> {
    const { repository, url } = this.#commits;
    if (commit !== null) this.#pushed.push(commit);
    const pushing = gitPush(repository, url, { commit, refs, interruptAfterMs });
    const kind = commit === null ? 'delete' : 'push';
    const each = refs.map((ref) =>
      this.#record({ kind, ref, commit, refs: refs.length }, async () => {
        const pushed = await pushing;
        const version = commit === null ? null : pushed.versionOf(ref);
        const { said, isInterrupted, isPostponed } = pushed;
        return { said, isInterrupted, isPostponed, answer: pushed.answerOf(ref), version };
      }),
    );
    await Promise.all(each);
  }

  async #call(request: {
    kind: 'rollback' | 'environment';
    method: string;
    path: string;
    body: unknown;
    value?: string;
  }): Promise<void> {
    const { kind, method, path, body, value = null } = request;
    await this.#record({ kind, ref: PRODUCTION, value }, async () => {
      const answer = await callControl(this.#platform, `/apps/${this.#app}/${path}`, {
        method,
        body,
      });
      if (answer.status >= 500) return { answer: 'unknown', said: answer.body };
      if (answer.status >= 400) return { answer: 'refused', said: answer.body };
      const { deployment, production } = JSON.parse(answer.body) as Answered;
      if (deployment !== undefined) {
        const { version, commit } = deployment;
        return { answer: 'ok', said: answer.body, version, commit };
      }
      const version = production?.state === 'current' ? (production.live?.version ?? null) : null;
      return { answer: 'ok', said: answer.body, version };
    });
  }

  /** One that is there, or comes soon. */
  async #runningPush(): Promise<{ id: string; commits: string[] } | null> {
    const until = performance.now() + MEETING_MS;
    for (;;) {
      const running = await this.#pushOfNow();
      if (running !== null || performance.now() > until) return running;
      await delay(PROBE_PAUSE_MS);
    }
  }

  async #pushOfNow(): Promise<{ id: string; commits: string[] } | null> {
    const { body } = await callControl(this.#platform, `/apps/${this.#app}/pushes`);
    const { items = [] } = JSON.parse(body) as { items?: PushItem[] };
    const running = items.find(({ outcome }) => outcome === null);
    if (running === undefined) return null;
    const commits = running.refs.flatMap(({ commit }) => (commit === null ? [] : [commit]));
    return { id: running.id, commits };
  }

  async #cancel(): Promise<void> {
    const running = await this.#runningPush().catch(() => null);
    if (running === null) return;
    await this.#record({ kind: 'cancel', ref: '' }, async () => {
      const path = `/apps/${this.#app}/pushes/${running.id}/cancel`;
      const { status, body } = await callControl(this.#platform, path, { method: 'POST' });
      const answer = status === 200 ? 'ok' : status >= 500 ? 'unknown' : 'refused';
      return { answer, said: body, commit: this.#onlyOf(running.commits) };
    });
  }

  /** The same commit may be pushed twice at once: whose push it is that somebody met nobody knows then. */
  #onlyOf([commit]: string[]): string | null {
    if (commit === undefined) return null;
    return this.#pushed.filter((one) => one === commit).length === 1 ? commit : null;
  }

  /** Reads along to the end, which comes with that of the push. */
  async #attach(): Promise<void> {
    const running = await this.#runningPush().catch(() => null);
    if (running === null) return;
    await this.#record({ kind: 'attach', ref: '' }, async () => {
      const path = `/apps/${this.#app}/pushes/${running.id}/output`;
      const { status, body } = await callControl(this.#platform, path);
      const outcome = outcomeIn(body);
      const answer = status !== 200 ? 'refused' : outcome === null ? 'unknown' : 'ok';
      // Asked again: it may have been pushed once more meanwhile.
      return { answer, said: body, outcome, commit: this.#onlyOf(running.commits) };
    });
  }

  async #killDuring({ target, during, lateMs }: Action & { kind: 'kill' }): Promise<void> {
    const { begun, isUnderWay, isLong } = this.#begin(during);
    const until = performance.now() + MEETING_MS;
    while (!isUnderWay() && performance.now() < until) await delay(1);
    if (isLong) await delay(lateMs);
    await this.#kill(target);
    await Promise.all(begun);
  }

  /** What is to be interrupted, and a push, for that may be one of it. */
  #begin(during: Interruptible): Begun {
    const push = (refs = [PRODUCTION], interruptAfterMs: number | null = null): Promise<void> =>
      this.#push(refs, this.#commits.whole.shift() ?? '', interruptAfterMs);
    const isAnyPush = (): boolean => this.#isUnderWay('push');
    switch (during) {
      case 'push':
        return { begun: [push()], isUnderWay: isAnyPush, isLong: true };
      case 'two pushes to one ref':
        return { begun: [push(), push()], isUnderWay: isAnyPush, isLong: true };
      case 'two pushes to ten refs': {
        const begun = [push(TEN_BRANCHES), push(TEN_BRANCHES)];
        return { begun, isUnderWay: isAnyPush, isLong: true };
      }
      case 'push that ended by Ctrl-C': {
        const left = push([PRODUCTION], CTRL_C_MS);
        let hasLeft = false;
        void left.then(() => (hasLeft = true));
        return { begun: [left], isUnderWay: () => hasLeft, isLong: false };
      }
      default: {
        const action: Action =
          during === 'delete' ? { kind: 'delete', ref: 'one' } : { kind: during };
        const begun = [push(), this.#act(action)];
        return { begun, isUnderWay: () => this.#isUnderWay(during), isLong: false };
      }
    }
  }

  #isUnderWay(kind: Operation['kind']): boolean {
    return this.#operations.some((one) => one.kind === kind && one.endedAt === Infinity);
  }

  /** One at a time. */
  #kill(target: Killed): Promise<void> {
    return this.#kills.run('', () => this.#killNow(target));
  }

  async #killNow(target: Killed): Promise<void> {
    const absence = { from: performance.now(), to: Infinity };
    this.#killed.push({ at: absence.from, target });
    if (target === 'data' || target === 'everything') this.#absences.push(absence);
    if (target === 'everything') {
      await this.#platform.kill9();
      await this.#platform.restart();
    } else {
      for (const one of findTargets(this.#platform.pid, target)) sendSignal(one, 'SIGKILL');
    }
    await eventually(async () => {
      const { status, body } = await ask(this.#platform, '', { path: '/readyz' });
      return status === 200 && (JSON.parse(body) as { degraded: unknown[] }).degraded.length === 0;
    }, READY_DEADLINE_MS);
    absence.to = performance.now();
  }

  async #probe(ref: string, stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      this.#readings.push(await this.#read(ref));
      await delay(PROBE_PAUSE_MS);
    }
  }

  async #read(ref: string): Promise<Reading> {
    const askedAt = performance.now();
    const label = ref === PRODUCTION ? this.#app : `${ref}--${this.#app}`;
    const asked = await ask(this.#platform, label).catch(() => null);
    const answeredAt = performance.now();
    const version = /^v(\d+)$/.exec(String(asked?.headers['x-fn-version']))?.[1];
    return {
      ref,
      askedAt,
      answeredAt,
      status: asked?.status ?? 0,
      commit: asked?.headers['x-fn-commit']?.toString() ?? null,
      version: version === undefined ? null : Number(version),
      said: asked?.status === 200 ? null : (asked?.body ?? 'no answer'),
      code: asked?.status === 200 ? (JSON.parse(asked.body) as Reading['code']) : null,
    };
  }

  /** Waits for what may be on its way, no longer than it may be. */
  async #rest(): Promise<History> {
    const look = async (): Promise<History> => ({
      production: PRODUCTION,
      operations: this.#operations,
      readings: [...this.#readings],
      absences: this.#absences,
      kills: this.#killed,
      marks: this.#commits.marks,
      end: await this.#end(),
    });
    const rest = async (isAtRest: (history: History) => boolean, deadlineMs: number) =>
      eventually(async () => isAtRest(await look()), deadlineMs).catch(() => null);
    let overdue: string[] = [];
    await rest((history) => {
      overdue = openPushes(history);
      return overdue.length === 0;
    }, PUSH_DEADLINE_MS);
    await rest((history) => openRows(history).length === 0, REST_DEADLINE_MS);
    const history = await look();
    return { ...history, end: { ...history.end, overdue } };
  }

  async #end(): Promise<History['end']> {
    const { repository, url } = this.#commits;
    const listed = await repository.git('ls-remote', url, 'refs/heads/*');
    if (listed.code !== 0) throw new Error(`git ls-remote: ${listed.output}`);
    const refs = listed.output.trim().split('\n').filter(Boolean);
    const rows = await this.#rows();
    return {
      overdue: [],
      refs: new Map(
        refs.map((line) => {
          const [sha = '', name = ''] = line.split('\t');
          return [name.replace('refs/heads/', ''), sha];
        }),
      ),
      rows,
      readings: await Promise.all(TEN_BRANCHES.map((ref) => this.#read(ref))),
    };
  }

  async #rows(): Promise<Row[]> {
    const path = `/apps/${this.#app}/deployments?limit=200`;
    const { body } = await callControl(this.#platform, path);
    const { items } = JSON.parse(body) as { items: (Row & { liveAt: string | null })[] };
    return items.map((row) => ({ ...row, isReleased: row.liveAt !== null }));
  }
}

/** From the last line, which tells it. */
function outcomeIn(body: string): PushOutcome | null {
  const last = body.trimEnd().split('\n').at(-1) ?? '';
  const found = /"outcome":"([a-z-]+)"/.exec(last)?.[1];
  return PUSH_OUTCOMES.find((one) => one === found) ?? null;
}

interface Answered {
  deployment?: { version: number; commit: string };
  production?: { state: string; live: { version: number } | null };
}

interface PushItem {
  id: string;
  outcome: string | null;
  refs: { ref: string; commit: string | null }[];
}
