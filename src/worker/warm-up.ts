/**
 * A zygote that has nothing to do loads ahead what many functions need and few need at once: Node's HTTP module takes
 * 3 ms and 2 MB, its streams of the web 3 ms. One that is needed at once does not wait for it. Node's own classes of
 * requests and responses (44 ms and 7 MB) stay out: web/globals.ts has others in their place.
 */

import { nodeHttp } from './node-http.ts';
import { webStreams } from './web/web-streams.ts';

/** Long enough that a worker booted on demand has been specialised. */
const IDLE_MS = 50;

/** Loads them when nothing else happens; the returned function prevents that. */
export function warmUpWhenIdle(onFailed: (error: unknown) => void): () => void {
  const timer = setTimeout(() => {
    try {
      nodeHttp();
      webStreams();
    } catch (error) {
      onFailed(error);
    }
  }, IDLE_MS);
  return () => clearTimeout(timer);
}
