import type { Report } from './ports.ts';

/** Runs a task once for all who want its result at the same time. */
export interface SharedRuns<Request, Result> {
  /**
   * Starts the task of that key, or joins the one under way, whose lines so far are repeated. When the caller's
   * signal aborts, it gets the cancelled result; the task is aborted when nobody is left who wants it.
   */
  join(key: string, caller: Caller<Request>, task: Task<Request, Result>): Promise<Result>;
}

interface Caller<Request> {
  request: Request;
  report: Report;
  signal: AbortSignal;
}

/** What a task is given. It belongs to no caller: the one that began it may leave before it is half done. */
export interface SharedRun<Request> {
  /** Those who want the result right now, longest first; an iteration leaves out who left and meets who joined. */
  callers: Iterable<{ request: Request }>;
  report: Report;
  signal: AbortSignal;
}

type Task<Request, Result> = (run: SharedRun<Request>) => Promise<Result>;

interface Run<Request, Result> {
  callers: Set<Caller<Request>>;
  lines: string[];
  abort: AbortController;
  result: Promise<Result>;
}

/** A task's lines that are repeated to those who join late. */
const MAX_REPEATED_LINES = 200;

export function createSharedRuns<Request, Result>(cancelled: Result): SharedRuns<Request, Result> {
  const runs = new Map<string, Run<Request, Result>>();

  function begin(key: string, task: Task<Request, Result>): Run<Request, Result> {
    const callers = new Set<Caller<Request>>();
    const lines: string[] = [];
    const abort = new AbortController();
    const report = (line: string): void => {
      if (lines.length < MAX_REPEATED_LINES) lines.push(line);
      for (const caller of callers) caller.report(line);
    };
    // The task starts a turn later, when its first caller has joined and hears its first line.
    const result = Promise.resolve().then(() => task({ callers, report, signal: abort.signal }));
    const run = { callers, lines, abort, result };
    runs.set(key, run);
    const forget = (): void => {
      if (runs.get(key) === run) runs.delete(key);
    };
    result.then(forget, forget);
    return run;
  }

  return {
    async join(key, caller, task) {
      if (caller.signal.aborted) return cancelled;
      const run = runs.get(key) ?? begin(key, task);
      for (const line of run.lines) caller.report(line);
      run.callers.add(caller);

      const left = Promise.withResolvers<Result>();
      const leave = (): void => {
        run.callers.delete(caller);
        left.resolve(cancelled);
        if (run.callers.size > 0) return;
        // Whoever comes from here on starts anew instead of joining what is being aborted.
        if (runs.get(key) === run) runs.delete(key);
        run.abort.abort();
      };
      caller.signal.addEventListener('abort', leave, { once: true });
      try {
        return await Promise.race([run.result, left.promise]);
      } finally {
        caller.signal.removeEventListener('abort', leave);
        run.callers.delete(caller);
      }
    },
  };
}
