/** Runs one piece of code with Node's own web classes and with the worker's, to compare what comes of it. */
import { expect } from 'vitest';
import { Headers as OurHeaders } from '../../src/worker/web/headers.ts';
import { Request as OurRequest } from '../../src/worker/web/request.ts';
import { Response as OurResponse } from '../../src/worker/web/response.ts';

export interface WebClasses {
  Headers: typeof Headers;
  Request: typeof Request;
  Response: typeof Response;
}

/** The code of a case: it gives something that can be compared with `toEqual`. */
export type WebCase = (classes: WebClasses) => unknown;

const NODE: WebClasses = { Headers, Request, Response };

export const OURS = {
  Headers: OurHeaders,
  Request: OurRequest,
  Response: OurResponse,
} as unknown as WebClasses;

export async function expectSame(run: WebCase): Promise<void> {
  const [ours, node] = [await outcomeOf(run, OURS), await outcomeOf(run, NODE)];
  expect(ours).toEqual(node);
}

/** What it gives, or the kind of what it throws. */
async function outcomeOf(run: WebCase, classes: WebClasses): Promise<unknown> {
  try {
    return { value: await run(classes) };
  } catch (error) {
    return { thrown: error instanceof Error ? [error.constructor.name, error.name] : error };
  }
}

/** The cases of a table by their own source, which is their name. */
export function named(cases: WebCase[]): [source: string, run: WebCase][] {
  return cases.map((run) => [run.toString().replaceAll(/\s+/g, ' '), run]);
}
