/**
 * Where git meets a host: a build sandbox that runs it as it is told to. It has no network but the connections that
 * this end makes for it, to one host at a time, at an address that was looked at. What git says is the only thing that
 * comes back; it is a stranger's text.
 */
import { encodeFrame, FrameDecoder, type Frame } from '../protocol/framing.ts';
import { BUILDER_FRAME, MAX_NET_STREAMS } from '../protocol/builder.ts';
import { MAX_GIT_OUTPUT_CHARACTERS, type GitEnd, type GitOrder } from '../protocol/git-order.ts';
import { RELAY_WINDOW_BYTES } from '../protocol/relay-stream.ts';
import type { GitSandboxDeps } from './ports.ts';

export interface GitSandbox {
  /** From now on, connections lead there and nowhere else; those that there were end. */
  reach(target: { url: URL; address: string }): void;
  /** Never rejects: a sandbox that has ended is a run without a code. The signal ends the sandbox. */
  run(order: GitOrder, signal: AbortSignal): Promise<GitEnd>;
  close(): void;
}

const DEAD: GitEnd = { code: null, output: '', errors: '' };
/** All that connections may have under way, and as much again for what is small. */
const MAX_UNREAD_BYTES = 2 * MAX_NET_STREAMS * RELAY_WINDOW_BYTES;

/** @throws PlatformError when no sandbox starts */
export async function openGitSandbox(deps: GitSandboxDeps): Promise<GitSandbox> {
  const builder = await deps.startBuilder();
  const { socket } = builder;
  let proxy: ReturnType<GitSandboxDeps['openProxy']> | null = null;
  let waiting: ((end: GitEnd) => void) | null = null;
  let isDead = false;

  const send = (type: number, stream: number, payload: string | Uint8Array): void => {
    if (!socket.destroyed) socket.write(encodeFrame(type, stream, payload));
  };

  function settle(end: GitEnd): void {
    waiting?.(end);
    waiting = null;
  }

  function close(): void {
    if (isDead) return;
    isDead = true;
    proxy?.close();
    builder.kill();
    socket.destroy();
    settle(DEAD);
  }

  function take(frame: Frame): void {
    if (frame.type === BUILDER_FRAME.GIT_END) settle(readEnd(frame.payload));
    // What belongs to connections of before is for nobody, so an answer of false is none that matters.
    else if (frame.type >= BUILDER_FRAME.NET_OPEN && frame.type <= BUILDER_FRAME.NET_RESET) {
      proxy?.receive(frame);
    }
    if (socket.writableLength > MAX_UNREAD_BYTES) close();
  }

  const decoder = new FrameDecoder(take);
  socket.on('data', (chunk: Buffer) => {
    try {
      decoder.push(chunk);
    } catch {
      close();
    }
  });
  for (const event of ['error', 'end', 'close']) socket.on(event, close);

  return {
    reach: ({ url, address }) => {
      proxy?.close();
      proxy = deps.openProxy({ registries: [{ url: url.origin, address }], send, say: () => {} });
    },
    run: async (order, signal) => {
      signal.addEventListener('abort', close, { once: true });
      if (signal.aborted) close();
      if (isDead) return DEAD;
      const { promise, resolve } = Promise.withResolvers<GitEnd>();
      waiting = resolve;
      send(BUILDER_FRAME.GIT, 0, JSON.stringify(order));
      const end = await promise;
      signal.removeEventListener('abort', close);
      return end;
    },
    close,
  };
}

/** @throws for what no builder sends */
function readEnd(payload: Buffer): GitEnd {
  const { code, output, errors } = JSON.parse(payload.toString()) as Partial<GitEnd>;
  const isText = typeof output === 'string' && typeof errors === 'string';
  if (!isText || !(code === null || Number.isInteger(code))) throw new Error('no end of git');
  return {
    code: code ?? null,
    output: output.slice(-MAX_GIT_OUTPUT_CHARACTERS),
    errors: errors.slice(-MAX_GIT_OUTPUT_CHARACTERS),
  };
}
