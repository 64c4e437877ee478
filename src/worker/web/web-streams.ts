import { Readable } from 'node:stream';
import type web from 'node:stream/web';

let loaded: typeof web | null = null;
const getBuiltinModule = process.getBuiltinModule.bind(process);
const nativeIsDisturbed = Readable.isDisturbed.bind(Readable);

/**
 * Node's own streams, whatever the function does to the globals. Loaded on first use: they cost some milliseconds, which
 * a handler that answers a text need not pay at its cold start.
 */
export function webStreams(): typeof web {
  loaded ??= getBuiltinModule('node:stream/web');
  return loaded;
}

/** Somebody has read of it, or cancelled it. Of streams of both kinds. */
export function isDisturbed(stream: object): boolean {
  return nativeIsDisturbed(stream as Readable);
}
