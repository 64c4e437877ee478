import type http from 'node:http';

let loaded: typeof http | null = null;

/** Loaded on first use: it costs 3 ms and 2 MB, which most functions need not pay at their cold start. */
export function nodeHttp(): typeof http {
  loaded ??= process.getBuiltinModule('node:http');
  return loaded;
}
