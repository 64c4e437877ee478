/** Requests without a pause to a few apps, and what became of each that failed. */
import { setTimeout as delay } from 'node:timers/promises';
import { ask } from '../support/ask.ts';

export interface OpenRequest {
  id: string;
  app: string;
  fromMs: number;
}

export interface EndedRequest extends OpenRequest {
  toMs: number;
  /** Null when it was answered as it should be. */
  failure: string | null;
}

const CLIENTS_PER_APP = 2;
const PAUSE_MS = 10;

export class Traffic {
  asked = 0;
  /** Sent and not yet answered, by id. */
  readonly open = new Map<string, OpenRequest>();
  readonly apps = new Set<string>();
  readonly #server: { port: number };
  readonly #released = new Map<string, number>();
  readonly #stopping = new AbortController();
  readonly #clients: Promise<void>[] = [];
  readonly #ended: (request: EndedRequest) => void;

  constructor(server: { port: number }, ended: (request: EndedRequest) => void) {
    this.#server = server;
    this.#ended = ended;
  }

  start(app: string): void {
    this.apps.add(app);
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
      this.asked += 1;
      const request = { id: String(this.asked), app, fromMs: performance.now() };
      this.open.set(request.id, request);
      const failure = await this.#failureOf(request, this.#released.get(app) ?? 0);
      this.open.delete(request.id);
      this.#ended({ ...request, toMs: performance.now(), failure });
      await delay(PAUSE_MS);
    }
  }

  async #failureOf({ id, app }: OpenRequest, oldest: number): Promise<string | null> {
    try {
      const { status, body } = await ask(this.#server, app, {
        path: '/work',
        headers: { 'x-soak': id },
      });
      if (status !== 200) return `${status} ${body}`;
      const [name, version, ...outcome] = body.split(' ');
      // Neither another app's answer nor one of a version that was replaced.
      if (name !== app || Number(version) < oldest) return `answered ${body}, not ${app} ${oldest}`;
      return outcome.length === 0 ? null : `not reached: ${outcome.join(' ')}`;
    } catch (error) {
      return String(error);
    }
  }
}
