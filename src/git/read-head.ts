/** Reads the front of a request's body before git sees a byte of it. */
import type { Readable } from 'node:stream';
import { createPackHeaderParser, type PackHeader } from './pack-header.ts';
import { Refusal } from './refusal.ts';
import type { HeadParser, RequestHead } from './request-head.ts';

export interface HeadBytes {
  head: RequestHead;
  /** The bytes of the head's opening, which are no longer in the stream. */
  opening: Buffer;
}

type PushHead = Extract<RequestHead, { kind: 'push' }>;

/**
 * Reads the head of a body and leaves the stream paused right after the head's opening.
 * @throws Refusal when it ends early, is too long, or is not in the protocol
 */
export async function readHead(
  body: Readable,
  parser: HeadParser,
  maxBytes: number,
): Promise<HeadBytes> {
  const { seen, taken } = await lookAhead(body, (bytes) => {
    const head = parser.parse(bytes);
    if ((head?.bytes ?? bytes.length) > maxBytes) throw headTooLarge(maxBytes);
    return head === null ? null : { seen: head, takenBytes: head.openingBytes };
  });
  return { head: seen, opening: taken };
}

/**
 * Reads on until the pack has begun, so that git is started for nobody who is still at work on one, and leaves the stream
 * as `readHead` did. Null where no pack follows: for refs that are deleted there is none, and git waits for none.
 * @throws Refusal when it ends early, or is not in the protocol
 */
export async function readPackHeader(
  body: Readable,
  head: PushHead,
  maxBytesBefore: number,
): Promise<PackHeader | null> {
  if (!head.bringsPack) return null;
  const place = { offset: head.openingBytes, headBytes: head.bytes };
  const parser = createPackHeaderParser(place, maxBytesBefore);
  const { seen } = await lookAhead(body, (bytes) => {
    const header = parser.parse(bytes);
    return header === null ? null : { seen: header, takenBytes: 0 };
  });
  return seen;
}

/** Gathers what comes until `look` has seen enough of it. But for what it takes, all is in the stream again then, which is paused. */
function lookAhead<T>(
  body: Readable,
  look: (bytes: Buffer) => { seen: T; takenBytes: number } | null,
): Promise<{ seen: T; taken: Buffer }> {
  return new Promise((resolve, reject) => {
    const gathered = new GatheredBytes();
    const onData = (chunk: Buffer): void => {
      const bytes = gathered.add(chunk);
      try {
        const found = look(bytes);
        if (found === null) return;
        const { seen, takenBytes } = found;
        settle(() => resolve({ seen, taken: bytes.subarray(0, takenBytes) }));
        if (takenBytes < bytes.length) body.unshift(bytes.subarray(takenBytes));
      } catch (error) {
        settle(() => reject(error));
      }
    };
    const onEnd = (): void => settle(() => reject(new Refusal(400, 'the request ends too early')));
    const onError = (error: Error): void => settle(() => reject(asRefusal(error)));
    const settle = (finish: () => void): void => {
      body.off('data', onData).off('end', onEnd).off('error', onError);
      body.pause();
      finish();
    };
    if (body.errored !== null) return reject(asRefusal(body.errored));
    body.on('data', onData).on('end', onEnd).on('error', onError);
    body.resume();
  });
}

/** Bytes that come in pieces: each is copied a few times at most, however small the pieces are. */
class GatheredBytes {
  #room: Buffer = Buffer.alloc(0);
  #length = 0;

  /** All so far. What was given before stays as it is. */
  add(chunk: Buffer): Buffer {
    if (this.#length === 0 && this.#room.length === 0) this.#room = chunk;
    else this.#append(chunk);
    this.#length += chunk.length;
    return this.#room.subarray(0, this.#length);
  }

  #append(chunk: Buffer): void {
    const needed = this.#length + chunk.length;
    if (needed > this.#room.length) {
      const room = Buffer.allocUnsafe(2 * needed);
      this.#room.copy(room, 0, 0, this.#length);
      this.#room = room;
    }
    chunk.copy(this.#room, this.#length);
  }
}

/** zlib and broken connections have errors of their own. */
function asRefusal(error: Error): Refusal {
  if (error instanceof Refusal) return error;
  return new Refusal(400, 'the request body is damaged');
}

function headTooLarge(maxBytes: number): Refusal {
  const mib = maxBytes / 1024 ** 2;
  const text = `the names of what is pushed, or asked for, have more than ${mib} MiB together.`;
  return new Refusal(413, `${text}\nName fewer at a time: git push REMOTE BRANCH TAG …`);
}
