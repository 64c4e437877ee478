import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const CREDENTIAL_HELPER = resolve(import.meta.dirname, '../../bin/fn-credential');
const POLL_MS = 5;
const LIVE_DEADLINE_MS = 30_000;

interface Server {
  port: number;
  adminToken: string;
}

/** A repository with a one-file function, pushed with the machine's git as `fn init` sets it up. */
export class DeployedApp {
  readonly #folder: string;
  readonly #server: Server;
  readonly #name: string;
  readonly #agent = new http.Agent({ keepAlive: true });

  private constructor(folder: string, server: Server, name: string) {
    this.#folder = folder;
    this.#server = server;
    this.#name = name;
  }

  static async create(server: Server, name: string): Promise<DeployedApp> {
    const folder = await mkdtemp(join(tmpdir(), 'gitfn-bench-'));
    await mkdir(join(folder, name));
    const app = new DeployedApp(folder, server, name);
    await app.git('init', '-q', '-b', 'main');
    await app.git('config', 'user.name', 'Bench');
    await app.git('config', 'user.email', 'bench@example.com');
    const url = `http://127.0.0.1:${server.port}`;
    await app.git('remote', 'add', 'fn', `${url}/${name}.git`);
    await app.git('config', `credential.${url}.helper`, `!'${CREDENTIAL_HELPER}'`);
    return app;
  }

  get host(): string {
    return `${this.#name}.localhost`;
  }

  /** Files beside the function, for its next commit. */
  async write(files: Readonly<Record<string, string>>): Promise<void> {
    for (const [path, content] of Object.entries(files)) {
      await writeFile(join(this.#folder, this.#name, path), content);
    }
  }

  /** Commits a function that answers `text`; returns the SHA. */
  commit(text: string): Promise<string> {
    const code = `export const handler = async () => ({ statusCode: 200, body: { text: '${text}' } });\n`;
    return this.commitCode(code, text);
  }

  /** Commits a function of this code; returns the SHA. */
  async commitCode(code: string, message: string): Promise<string> {
    await writeFile(join(this.#folder, this.#name, 'index.ts'), code);
    await this.git('add', '.');
    await this.git('commit', '-q', '-m', message);
    return (await this.git('rev-parse', 'HEAD')).trim();
  }

  /** Pushes main; resolves with what the platform said meanwhile, as git shows it. */
  async push(): Promise<string> {
    return (await this.#run(['push', '-q', 'fn', 'main'])).stderr;
  }

  async git(...parameters: string[]): Promise<string> {
    return (await this.#run(parameters)).stdout;
  }

  #run(parameters: string[]): Promise<{ stdout: string; stderr: string }> {
    const cwd = join(this.#folder, this.#name);
    const { PATH } = process.env;
    const env = { PATH, HOME: this.#folder, FN_TOKEN: this.#server.adminToken };
    return run('git', parameters, { cwd, env });
  }

  /** Milliseconds from now, the start of `work`, to the first answer of the label's host that carries the commit. */
  async untilLive(label: string, commit: string, work: () => Promise<unknown>): Promise<number> {
    const beganAt = performance.now();
    const working = work();
    working.catch(() => {}); // Awaited below, after the polling.
    while (performance.now() - beganAt < LIVE_DEADLINE_MS) {
      if ((await this.#commitThatAnswers(label)) === commit) {
        const elapsedMs = performance.now() - beganAt;
        await working;
        return elapsedMs;
      }
      await new Promise((wake) => setTimeout(wake, POLL_MS));
    }
    await working;
    throw new Error(`${label} never answered with ${commit}`);
  }

  /** Wakes production. */
  async ask(): Promise<void> {
    const commit = await this.#commitThatAnswers(this.#name);
    if (commit === undefined) throw new Error(`${this.host} does not answer`);
  }

  async dispose(): Promise<void> {
    this.#agent.destroy();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #commitThatAnswers(label: string): Promise<string | undefined> {
    const request = http.get({
      host: '127.0.0.1',
      port: this.#server.port,
      headers: { host: `${label}.localhost` },
      agent: this.#agent,
    });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    response.resume();
    await once(response, 'end');
    const commit = response.headers['x-fn-commit'];
    return response.statusCode === 200 && typeof commit === 'string' ? commit : undefined;
  }
}

/** Rolls back through the control API, as `fn rollback` does; returns when it has answered. */
export async function rollBack(server: Server, app: string): Promise<void> {
  const request = http.request({
    host: '127.0.0.1',
    port: server.port,
    method: 'POST',
    path: `/apps/${app}/rollback`,
    headers: {
      host: 'localhost',
      authorization: `Bearer ${server.adminToken}`,
      'content-type': 'application/json',
    },
  });
  request.end('{}');
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  response.resume();
  await once(response, 'end');
  if (response.statusCode !== 200) throw new Error(`rollback: ${response.statusCode}`);
}
