/**
 * Puts the classes of this folder in the place of Node's own, which stay unloaded until something needs them.
 * Assigning a global does not load it; reading or redefining it does.
 */
import { isObject } from './convert.ts';
import { fetch } from './fetch.ts';
import { Headers } from './headers.ts';
import { nativeResponse } from './native-fetch.ts';
import { Request } from './request.ts';
import { Response, responseState } from './response.ts';

type Compile = (source: unknown, ...rest: unknown[]) => Promise<unknown>;

export function provideWebClasses(): void {
  Object.assign(globalThis, { Headers, Request, Response, fetch });
  const { WebAssembly } = globalThis as unknown as { WebAssembly: Record<string, Compile> };
  provideStreamingCompilation(WebAssembly);
}

/** V8 hands what it is given to Node, which takes its own class of responses only. */
function provideStreamingCompilation(webAssembly: Record<string, Compile>): void {
  for (const name of ['compileStreaming', 'instantiateStreaming']) {
    const compile = webAssembly[name];
    if (compile === undefined) continue;
    webAssembly[name] = async (source, ...rest) =>
      compile.call(webAssembly, await nativeFrom(await source), ...rest);
  }
}

async function nativeFrom(source: unknown): Promise<unknown> {
  const state = isObject(source) ? responseState(source) : null;
  if (state === null) return source;
  const NativeResponse = await nativeResponse();
  const { status, headers, body } = state;
  return new NativeResponse(body?.stream(), { status, headers: headers.pairs() });
}
