/**
 * Worker threads of a function whose sandbox has no network: their sockets lead to the loopback as those of the main
 * thread do, which makes the connections for them. It is asked by a broadcast channel, since what a thread is started
 * with is the function's own. While the main thread is busy, they wait.
 */
import { syncBuiltinESMExports } from 'node:module';
import threads, { BroadcastChannel } from 'node:worker_threads';
import { tellChildrenOfProxy } from '../child-environment.ts';
import { replaceConnect } from './replace-connect.ts';
import { replaceLookUps } from './replace-look-ups.ts';
import type { Reached, WayOut } from './way-out.ts';

const CHANNEL = 'gitfn-way-out';
/** What a thread finds among the data that are the same in all. */
const PLACES = 'gitfn-way-out-places';
/** Which count for the whole process, and which a thread refuses to be told. */
const PROCESS_FLAG = /^--(?:max-|stack-|expose-)/;

type Question =
  | { kind: 'reach'; host: string; port: number }
  | { kind: 'lookUp'; host: string }
  | { kind: 'forget'; inside: string };
type Answer = { value: unknown } | { error: { code: unknown; message: string } };

/**
 * What V8 sets aside for the compiled code of a thread: by itself it is half a gigabyte, for which there is no room
 * where no cgroup holds memory (src/sandbox/launch-chain.ts).
 */
const CODE_MIB = 64;

interface Places {
  port: number;
  nameServer: string;
}

interface Asked {
  asker: string;
  number: number;
  question: Question;
}
interface Answered {
  asker: string;
  number: number;
  answer: Answer;
}

/** Has the threads that this one starts, and theirs, connect by `way`. `program` is the file of main.ts, bundled. */
export function letThreadsOut(way: WayOut, program: string): void {
  replaceWorker(() => {
    answerThreads(way);
    const places: Places = { port: way.port(), nameServer: way.nameServer() };
    threads.setEnvironmentData(PLACES, places);
    return program;
  });
}

/** To be called in a thread that is no main thread. */
export function connectByMainThread(program: string): void {
  const places = threads.getEnvironmentData(PLACES) as Places | undefined;
  if (places === undefined) return; // The function has loaded this program itself.
  const { port, nameServer } = places;
  const ask = createAsker();
  const way: WayOut = {
    port: () => port,
    nameServer: () => nameServer,
    reach: async ({ host, port: outside }) =>
      (await ask({ kind: 'reach', host, port: outside })) as Reached,
    lookUp: async (host) => (await ask({ kind: 'lookUp', host })) as string[],
    forget: (inside) => void ask({ kind: 'forget', inside }).catch(() => {}),
  };
  replaceConnect(way);
  replaceLookUps(way);
  tellChildrenOfProxy(() => port);
  replaceWorker(() => program);
  syncBuiltinESMExports();
}

/** @param first what a thread loads before its own code; asked for each */
function replaceWorker(first: () => string): void {
  class Worker extends threads.Worker {
    constructor(file: string | URL, options: threads.WorkerOptions = {}) {
      const flags = options.execArgv ?? process.execArgv.filter((flag) => !PROCESS_FLAG.test(flag));
      super(file, {
        ...options,
        execArgv: [...flags, '--require', first()],
        resourceLimits: { codeRangeSizeMb: CODE_MIB, ...options.resourceLimits },
      });
    }
  }
  Object.assign(threads, { Worker });
}

let isAnswering = false;

function answerThreads(way: WayOut): void {
  if (isAnswering) return;
  isAnswering = true;
  const channel = new BroadcastChannel(CHANNEL);
  channel.unref();
  channel.addEventListener('message', ({ data }: MessageEvent) => {
    const { asker, number, question } = data as Partial<Asked>;
    if (asker === undefined || number === undefined || question === undefined) return;
    void answerOf(way, question).then((answer) => channel.postMessage({ asker, number, answer }));
  });
}

async function answerOf(way: WayOut, question: Question): Promise<Answer> {
  try {
    if (question.kind === 'reach') return { value: await way.reach(question) };
    if (question.kind === 'lookUp') return { value: await way.lookUp(question.host) };
    return { value: way.forget(question.inside) };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { error: { code, message } };
  }
}

function createAsker(): (question: Question) => Promise<unknown> {
  const asker = `${process.pid}-${threads.threadId}`;
  const waiting = new Map<number, (answer: Answer) => void>();
  let last = 0;
  const channel = new BroadcastChannel(CHANNEL);
  channel.unref();
  channel.addEventListener('message', ({ data }: MessageEvent) => {
    const { asker: whose, number, answer } = data as Partial<Answered>;
    if (whose === asker && answer !== undefined) waiting.get(number ?? 0)?.(answer);
  });
  /** Holds the event loop while it waits, as a question to the system would. */
  return async (question) => {
    const number = ++last;
    channel.ref();
    const answer = await new Promise<Answer>((resolve) => {
      waiting.set(number, resolve);
      channel.postMessage({ asker, number, question } satisfies Asked);
    });
    waiting.delete(number);
    if (waiting.size === 0) channel.unref();
    if ('value' in answer) return answer.value;
    const { code, message } = answer.error;
    throw Object.assign(new Error(message), { code, errno: code });
  };
}
