/**
 * Where the hooks of hooks/ connect:
 *
 *     hook → pre-receive <pid of receive-pack> <quarantine path>\n      (`-`: none)
 *            <old> <new> <ref>\n …                                      then the end of its input
 *     hook ← line <text>\n …
 *            exit <status>\n                                            last
 *
 * The socket stands in a folder of the front's own. Even so a hook is believed only when its parent is a
 * receive-pack that this front started and that still runs, and its quarantine is one of that very repository.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { parseHookInput, type UpdateLine } from './hook-input.ts';
import type { Push, Pushes } from './pushes.ts';
import { QUARANTINE } from './leftovers.ts';

export interface HookCall {
  hook: 'pre-receive' | 'post-receive';
  push: Push;
  updates: UpdateLine[];
  socket: Socket;
}

const MAX_INPUT_BYTES = 2 * 1024 * 1024;
const INPUT_MS = 30_000;

export function createHookServer(pushes: Pushes, onCall: (call: HookCall) => void): Server {
  // The hook ends its input and then waits for the answer.
  return createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {}); // The hook went away; whoever answers sees a closed socket.
    readInput(socket, (input) => {
      const call = readCall(pushes, input);
      if (call === null) socket.end('line  !     this hook is not part of a push\nexit 1\n');
      else onCall({ ...call, socket });
    });
  });
}

function readInput(socket: Socket, onInput: (input: Buffer) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  socket.setTimeout(INPUT_MS, () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    size += chunk.length;
    chunks.push(chunk);
    if (size > MAX_INPUT_BYTES) socket.destroy();
  });
  socket.on('end', () => {
    socket.setTimeout(0);
    onInput(Buffer.concat(chunks));
  });
}

function readCall(pushes: Pushes, bytes: Buffer): Omit<HookCall, 'socket'> | null {
  const input = parseHookInput(bytes);
  const push = input === null ? undefined : pushes.ofProcess(input.pid);
  if (input === null || push === undefined) return null;
  const { hook, updates } = input;
  if (hook === 'post-receive') return { hook, push, updates };
  const quarantine =
    input.quarantine === null ? null : quarantineIn(push.repository, input.quarantine);
  if (quarantine === undefined) return null;
  push.quarantine = quarantine;
  return { hook, push, updates };
}

/** The path, built anew; undefined when it is no quarantine of this repository. */
function quarantineIn(repository: string, path: string): string | undefined {
  const objects = join(repository, 'objects');
  const isInside = join(dirname(path)) === objects && QUARANTINE.test(basename(path));
  return isInside ? join(objects, basename(path)) : undefined;
}
