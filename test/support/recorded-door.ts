/** A door in front of a function, a control process and a git front that only write down what reaches them. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Invocation, InvocationLink } from '../../src/pool/ports.ts';
import { decodeInvoke } from '../../src/protocol/invoke.ts';
import { startHelloDoor } from './hello-door.ts';
import { readStrictly, type StrictReading } from './strict-http.ts';

/** What reached the function. */
export interface Seen {
  method: string;
  target: string;
  headers: Record<string, string>;
  body: Buffer;
  isWhole: boolean;
}

const ANSWER = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
const MAX_BODY_BYTES = 1024 * 1024;

export interface RecordedDoorOptions extends Pick<
  Parameters<typeof startHelloDoor>[0],
  'trustedProxies' | 'https' | 'address' | 'warm' | 'domains'
> {
  /** What the function says to the question of this place, when it has come whole; `ok` otherwise. */
  reply?: (invocation: Invocation, seen: Seen) => void;
}

export async function startRecordedDoor({ reply, ...settings }: RecordedDoorOptions = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'recorded-door-'));
  const seen: Seen[] = [];
  const upstreams = [new Upstream(), new Upstream()] as const;
  const [control, git] = upstreams;
  const sockets = {
    controlApi: await control.listen(join(folder, 'control.sock')),
    gitHttp: await git.listen(join(folder, 'git.sock')),
  };
  const dispatcher = {
    dispatch: (invocation: Invocation) => {
      const one = record(invocation);
      seen.push(one);
      const answer = (): void => {
        one.isWhole = true;
        if (reply) reply(invocation, one);
        else invocation.replied(200, '', Buffer.from('ok'));
      };
      invocation.begun(linkOf(invocation, one, answer), 1, null);
      if (!invocation.hasBody) answer();
    },
    withdraw: () => {},
  };
  const { door, port } = await startHelloDoor({
    functionPool: () => dispatcher,
    served: { maxBodyBytes: MAX_BODY_BYTES },
    sockets,
    ...settings,
  });
  return {
    port,
    door,
    /** What reached the function, in order. */
    seen,
    control,
    git,
    forget(): void {
      seen.length = 0;
      for (const upstream of upstreams) upstream.forget();
    },
    async close(): Promise<void> {
      await door.close();
      for (const upstream of upstreams) upstream.close();
      await rm(folder, { recursive: true });
    },
  };
}

export type RecordedDoor = Awaited<ReturnType<typeof startRecordedDoor>>;

function record({ text, hasBody }: Invocation): Seen {
  const payload = Buffer.from(`${hasBody ? '\x01' : '\0'}${text}`, 'latin1');
  const { method, target, headers: fields } = decodeInvoke(payload);
  const headers: Record<string, string> = {};
  for (let at = 0; at + 1 < fields.length; at += 2)
    headers[fields[at] ?? ''] = fields[at + 1] ?? '';
  return { method, target, headers, body: Buffer.alloc(0), isWhole: false };
}

function linkOf(invocation: Invocation, seen: Seen, whole: () => void): InvocationLink {
  return {
    peakMemoryKib: 0,
    sendBody: (_stream, chunk) => {
      seen.body = Buffer.concat([seen.body, chunk]);
      invocation.credited(chunk.length);
    },
    endBody: whole,
    credit: () => {},
    cancel: () => {},
    breach: (reason) => {
      throw new Error(reason);
    },
  };
}

interface Received {
  bytes: Buffer;
  answered: number;
}

/** Answers each request; what stood on each connection is read strictly. */
class Upstream {
  readonly #server = net.createServer((socket) => this.#connected(socket));
  #received = new Set<Received>();

  async listen(path: string): Promise<string> {
    this.#server.listen(path);
    await once(this.#server, 'listening');
    return path;
  }

  /** One for each connection on which something came since it was last forgotten. */
  get readings(): StrictReading[] {
    return Array.from(this.#received, ({ bytes }) => readStrictly(bytes));
  }

  forget(): void {
    this.#received = new Set();
  }

  close(): void {
    this.#server.close();
  }

  #connected(socket: net.Socket): void {
    let received: Received = { bytes: Buffer.alloc(0), answered: 0 };
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      if (!this.#received.has(received)) received = { bytes: Buffer.alloc(0), answered: 0 };
      this.#received.add(received);
      received.bytes = Buffer.concat([received.bytes, chunk]);
      const { requests } = readStrictly(received.bytes);
      for (; received.answered < requests.length; received.answered += 1) socket.write(ANSWER);
    });
  }
}
