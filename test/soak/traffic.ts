/** Requests without a pause to a few apps, and what became of each that failed. */
import { setTimeout as delay } from 'node:timers/promises';
import { ask } from '../support/ask.ts';

export interface FailedRequest {
  app: string;
  fromMs: number;
  toMs: number;
  what: string;
}

const CLIENTS_PER_APP = 2;
const PAUSE_MS = 10;

export class Traffic {
  asked = 0;
  readonly failed: FailedRequest[] = [];
  readonly #server: { port: number };
  readonly #released = new Map<string, number>();
  readonly #stopping = new AbortController();
  readonly #clients: Promise<void>[] = [];

  constructor(server: { port: number }) {
    this.#server = server;
  }

  start(app: string): void {
    for (let i = 0; i < CLIENTS_PER_APP; i += 1) this.#clients.push(this.#client(app));
  }

  /** From now on no answer of the app may come from an older version: its push was acknowledged. */
  released(app: string, version: number): void {
    this.#released.set(app, version);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#clients);
  }

  async #client(app: string): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const oldest = this.#released.get(app) ?? 0;
      const fromMs = performance.now();
      const what = await this.#failureOf(app, oldest);
      this.asked += 1;
      if (what !== null) this.failed.push({ app, fromMs, toMs: performance.now(), what });
      await delay(PAUSE_MS);
    }
  }

  async #failureOf(app: string, oldest: number): Promise<string | null> {
    try {
      const { status, body } = await ask(this.#server, app, { path: '/work' });
      if (status !== 200) return `${status} ${body}`;
      const [name, version] = body.split(' ');
      // Neither another app's answer nor one of a version that was replaced.
      if (name !== app || Number(version) < oldest) return `answered ${body}, not ${app} ${oldest}`;
      return null;
    } catch (error) {
      return String(error);
    }
  }
}
