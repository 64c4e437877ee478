import { setTimeout as delay } from 'node:timers/promises';
import { ask } from '../support/ask.ts';

/**
 * An app whose answer shows whether it is whole: two files of each commit carry its number, the answer ends with it, and
 * between them is enough that a part would be missed.
 */
export function filesOfVersion(number: number): Record<string, string> {
  return {
    'other.ts': `export const other = ${number};\n`,
    'index.ts': `import { other } from './other.ts';
const padding = '.'.repeat(20_000);
export const handler = async () => ({ statusCode: 200, body: \`${number} \${padding} \${other}\` });\n`,
  };
}

const WHOLE = /^(\d+) \.{20000} (\d+)$/;

/** The version that an answer is of. @throws when it is of none, or not whole */
export function versionOf(body: string): number {
  const [, first, last] = WHOLE.exec(body) ?? [];
  if (first === undefined || first !== last)
    throw new Error(`not a whole answer: ${body.slice(0, 200)}`);
  return Number(first);
}

const PAUSE_MS = 15;

export interface Watch {
  /** What was answered that is no whole version; and versions that came back after a later one. */
  readonly broken: string[];
  /** Requests without an answer of the function. */
  readonly unanswered: string[];
  readonly asked: number;
  /** Later versions may be followed by earlier ones from now on: what is live was taken back on purpose. */
  expectReturn(): void;
  stop(): Promise<void>;
}

/** Asks the app all the time, one request after the other. */
export function watchApp(server: { port: number }, app: string): Watch {
  const broken: string[] = [];
  const unanswered: string[] = [];
  const stopping = new AbortController();
  let asked = 0;
  let newest = 0;
  let mayReturn = false;

  async function once(): Promise<void> {
    const answer = await ask(server, app).catch((error: unknown) => String(error));
    asked += 1;
    if (typeof answer === 'string') return void unanswered.push(answer);
    if (answer.status !== 200)
      return void unanswered.push(`${answer.status} ${answer.body.slice(0, 120)}`);
    try {
      const version = versionOf(answer.body);
      if (version < newest && !mayReturn) broken.push(`${version} after ${newest}`);
      newest = mayReturn ? version : Math.max(newest, version);
    } catch (error) {
      broken.push(String(error));
    }
  }

  const asking = (async () => {
    while (!stopping.signal.aborted) {
      await once();
      await delay(PAUSE_MS);
    }
  })();
  return {
    broken,
    unanswered,
    get asked() {
      return asked;
    },
    expectReturn: () => void (mayReturn = true),
    stop: async () => {
      stopping.abort();
      await asking;
    },
  };
}
