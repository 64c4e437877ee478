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
import type { Push, Pushes } from './pushes.ts';
import { QUARANTINE } from './repositories.ts';

/** One line of a hook's input: git itself wrote it. */
export interface UpdateLine {
  oldSha: string;
  newSha: string;
  ref: string;
}

export interface HookCall {
  hook: 'pre-receive' | 'post-receive';
  push: Push;
  updates: UpdateLine[];
  socket: Socket;
}

const MAX_INPUT_BYTES = 2 * 1024 * 1024;
const INPUT_MS = 30_000;
const HEADER = /^(pre-receive|post-receive) (\d{1,10}) (.+)$/;
const UPDATE = /^([0-9a-f]{40}) ([0-9a-f]{40}) (refs\/.+)$/;
/** What a push that only deletes has, since it brings no objects; and post-receive. */
const NO_QUARANTINE = '-';

export function createHookServer(pushes: Pushes, onCall: (call: HookCall) => void): Server {
  // The hook ends its input and then waits for the answer.
  return createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {}); // The hook went away; whoever answers sees a closed socket.
    readInput(socket, (input) => {
      const call = parseCall(pushes, input);
      if (call === null) socket.end('line  !     this hook is not part of a push\nexit 1\n');
      else onCall({ ...call, socket });
    });
  });
}

function readInput(socket: Socket, onInput: (input: string) => void): void {
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
    onInput(Buffer.concat(chunks).toString('utf8'));
  });
}

function parseCall(pushes: Pushes, input: string): Omit<HookCall, 'socket'> | null {
  const [first = '', ...rest] = input.trimEnd().split('\n');
  const header = HEADER.exec(first);
  const push = header === null ? undefined : pushes.ofProcess(Number(header[2]));
  const updates = rest.map(parseUpdate);
  if (push === undefined || updates.length === 0 || !updates.every((update) => update !== null)) {
    return null;
  }
  if (header?.[1] === 'post-receive') return { hook: 'post-receive', push, updates };
  const path = header?.[3] ?? '';
  const quarantine = path === NO_QUARANTINE ? null : quarantineIn(push.repository, path);
  if (quarantine === undefined) return null;
  push.quarantine = quarantine;
  return { hook: 'pre-receive', push, updates };
}

function parseUpdate(line: string): UpdateLine | null {
  const match = UPDATE.exec(line);
  const [, oldSha, newSha, ref] = match ?? [];
  if (oldSha === undefined || newSha === undefined || ref === undefined) return null;
  return { oldSha, newSha, ref };
}

/** The path, built anew; undefined when it is no quarantine of this repository. */
function quarantineIn(repository: string, path: string): string | undefined {
  const objects = join(repository, 'objects');
  const isInside = join(dirname(path)) === objects && QUARANTINE.test(basename(path));
  return isInside ? join(objects, basename(path)) : undefined;
}
