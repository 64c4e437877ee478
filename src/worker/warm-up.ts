/**
 * Node loads its web classes (Request, Response, Headers) on first use: measured, 44 ms and 7 MB; its HTTP module
 * takes 3 ms and 2 MB. A zygote that has
 * nothing to do loads them ahead, which takes a web handler's cold start from 45 ms to a few. One that is needed at
 * once does not wait for it: a Lambda handler starts without them.
 */

import { nodeHttp } from './node-http.ts';

/** Long enough that a worker booted on demand has been specialised. */
const IDLE_MS = 50;

/** Loads the classes when nothing else happens; the returned function prevents that. */
export function warmUpWhenIdle(onFailed: (error: unknown) => void): () => void {
  const timer = setTimeout(() => void useClasses().catch(onFailed), IDLE_MS);
  return () => clearTimeout(timer);
}

async function useClasses(): Promise<void> {
  const headers: [string, string][] = [['host', 'localhost']];
  const request = new Request('http://localhost/', { method: 'POST', headers, body: '{}' });
  const response = Response.json(await request.json());
  for await (const chunk of response.body ?? []) void chunk;
  void [...response.headers];
  nodeHttp();
}
